"""The site in a real browser: no serious fault of accessibility, no broken link, nothing wider than a phone.

``build/site/html`` has to be there: `make site` makes it. Without it, these tests are skipped, and say so.
"""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urldefrag

import pytest

from tests.browser.conftest import CHROMIUM_OPTIONS, chromium
from tools.site import ROOT, SITE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytest.importorskip("playwright", reason="`make browser` installs what these tests need")

HTML = SITE / "html"
AXE = ROOT / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html")) if HTML.exists() else []
PAGES = [page for page in PAGES if not page.startswith(("_", "genindex", "py-modindex", "search"))]
PAGES = [page for page in PAGES if "<title>Moved</title>" not in (HTML / page).read_text(encoding="utf-8")]
pytestmark = [
    pytest.mark.skipif(not PAGES, reason="no site: `make site` makes it"),
    pytest.mark.skipif(not AXE.exists(), reason="no axe-core: `make javascript` installs it, with npm"),
]
GRAVE = ("serious", "critical")


class Page(HTMLParser):
    """Collects the links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note each address and each id."""
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        address = found.get("href") if tag in ("a", "link") else found.get("src")
        if address:
            self.links.append(address)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a headless Chromium for which no name has an address."""
    from playwright.sync_api import sync_playwright

    options = [*CHROMIUM_OPTIONS, "--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=options)
        yield started
        started.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_a_phone(name: str, browser: Browser) -> None:
    """Axe finds nothing serious or critical, bright and dark; nothing is wider than 390 pixels."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.goto((HTML / name).as_uri(), wait_until="load")
    if page.evaluate("() => Boolean(window.Bokeh)"):
        page.wait_for_function("() => Bokeh.documents.length > 0")
        page.wait_for_timeout(3000)  # figures are drawn, and the page mends what is drawn
    page.add_script_tag(path=AXE)
    for scheme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{scheme}'")
        found: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        grave = [fault for fault in found["violations"] if fault["impact"] in GRAVE]
        told = [
            f"{fault['id']}: {fault['nodes'][0]['html'][:200]} {fault['nodes'][0]['failureSummary']}" for fault in grave
        ]
        assert told == [], scheme
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_no_link_is_broken() -> None:
    """Each address inside the site leads to a file, and its anchor to a place in it."""
    found = (path for path in HTML.rglob("*.html") if "_static" not in path.parts)
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in found}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            address, anchor = urldefrag(link)
            if re.match(r"[a-z]+:|//", address):
                continue
            target = (path.parent / unquote(address.split("?")[0])).resolve() if address else path
            target = target / "index.html" if target.is_dir() else target
            placed = not anchor or target not in pages or unquote(anchor) in pages[target].anchors
            if not (target.exists() and placed):
                broken.append(f"{path.relative_to(HTML)}: {link}")
    assert broken == []


def test_every_lesson_is_there_with_its_neighbours() -> None:
    """One page each, with a way on, a download and pictures that say what is to be seen."""
    lessons = sorted((ROOT / "notebooks").glob("*.ipynb"))
    for lesson in lessons:
        text = (HTML / "lessons" / f"{lesson.stem}.html").read_text(encoding="utf-8")
        kinds = Counter(re.findall(r'class="(left-prev|right-next)"', text))
        assert kinds["left-prev"] == kinds["right-next"] == 1, lesson.stem
        assert f"_downloads/{lesson.name}" in text
        assert Path(HTML / "_downloads" / lesson.name).exists()
        assert not re.search(r"<img(?![^>]*\salt=\"[^\"]{10,})[^>]*_images/[^>]*>", text), lesson.stem
