"""The slides of every lesson in a real browser: each fits the screen, notes are the speaker's, nothing is asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import CHROMIUM_OPTIONS, chromium
from tests.browser.labs import NOTHING_ELSE
from tools.lessons import read_lessons
from tools.slides import HEIGHT, REVEAL, WIDTH, read_columns, write_slides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tools.lessons import Lesson

pytest.importorskip("playwright", reason="`make browser` installs what these tests need")
pytestmark = pytest.mark.skipif(not REVEAL.exists(), reason="no reveal.js: `make javascript` installs it, with npm")

LESSONS = read_lessons()
#: How far what is on a slide reaches, in pixels of the screen, and which lines of code are cut or wrapped.
EXTENT = """() => {
    const slide = Reveal.getCurrentSlide();
    const boxes = [slide, ...slide.querySelectorAll("*")].map(each => each.getBoundingClientRect());
    return {
        title: slide.innerText.slice(0, 40),
        height: slide.scrollHeight,
        width: slide.scrollWidth,
        left: Math.min(...boxes.map(box => box.left)),
        right: Math.max(...boxes.map(box => box.right)),
        top: Math.min(...boxes.map(box => box.top)),
        bottom: Math.max(...boxes.map(box => box.bottom)),
        broken: [...slide.querySelectorAll("img")].filter(each => !each.naturalWidth || !each.alt).length,
    };
}"""
#: Whether the speaker's window says these words.
SAYS = """wanted => {
    const said = document.querySelector(".speaker-controls-notes .value").textContent;
    return said.split(/\\s+/).join(" ").trim() === wanted;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser for which no name has an address."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = [*CHROMIUM_OPTIONS, f"--host-resolver-rules={NOTHING_ELSE}"]
        browser = playwright.chromium.launch(executable_path=chromium(), args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=LESSONS, ids=[lesson.number for lesson in LESSONS])
def lesson(request: pytest.FixtureRequest) -> Lesson:
    """Give one lesson after the other."""
    each: Lesson = request.param
    return each


@pytest.fixture(scope="module")
def asked(lesson: Lesson) -> list[str]:  # noqa: ARG001 - a new list for each lesson
    """Give the list of the addresses that the page of `lesson` asks for."""
    return []


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, lesson: Lesson, asked: list[str]
) -> Iterator[Page]:
    """Show new slides on a screen of 1280 x 720."""
    written = write_slides(lesson.path, tmp_path_factory.mktemp("slides"))
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(f"error: {error}"))
    page.on("console", lambda message: asked.append(f"{message.type}: {message.text}"))
    page.goto(written.as_uri())
    page.wait_for_function("() => window.Reveal?.isReady()")
    yield page
    page.close()


def fits(extent: dict[str, float]) -> bool:
    """Say whether a slide lies within the screen, and its pictures are there, with words."""
    reaches = max(extent["width"], extent["right"]) <= WIDTH and max(extent["height"], extent["bottom"]) <= HEIGHT
    return reaches and min(extent["left"], extent["top"]) >= 0 and extent["broken"] == 0


@pytest.mark.timeout(120)
def test_each_slide_fits_the_screen(page: Page, lesson: Lesson) -> None:
    """Nothing reaches over an edge of 1280 x 720, no picture is broken or without words, and all slides are there."""
    total = page.evaluate("() => Reveal.getTotalSlides()")
    assert total == sum(map(len, read_columns(lesson.notebook)))
    folder = os.environ.get("SCREENSHOTS")
    seen, too_full = set(), {}
    for number in range(1, total + 1):
        extent = page.evaluate(EXTENT)
        if not fits(extent):
            too_full[number] = extent
        if folder:
            page.screenshot(path=Path(folder) / f"slide-{lesson.number}-{number:02}.png")
        seen.add(str(page.evaluate("() => JSON.stringify(Reveal.getIndices())")))
        page.keyboard.press("Space")
    assert not too_full
    assert len(seen) == total


@pytest.mark.timeout(120)
def test_the_page_asks_for_itself_and_nothing_else(page: Page, asked: list[str]) -> None:
    """One request, for the file; the rest is in it. And no error or warning anywhere."""
    page.evaluate("() => Reveal.slide(0)")
    assert [each for each in asked if not each.startswith("data:")] == [page.url.partition("#")[0]]


@pytest.mark.timeout(120)
def test_notes_are_there_and_hidden(page: Page) -> None:
    """The room sees none of them: no box, and not a word in the text that is shown."""
    seen = page.evaluate("""() => [...document.querySelectorAll(".slides aside.notes")].map(note => {
        Reveal.slide(...Object.values(Reveal.getIndices(note.closest("section"))));
        return { shown: note.checkVisibility(), boxes: note.getClientRects().length, words: note.textContent.trim() };
    })""")
    assert len(seen) >= 3
    assert all(each["words"] for each in seen)
    assert not [each for each in seen if each["shown"] or each["boxes"]]


@pytest.mark.timeout(120)
def test_the_speaker_reads_the_notes_of_the_slide(page: Page, asked: list[str]) -> None:
    """The key S opens a window with the notes and the next slide; it follows, and asks for the same file only."""
    page.evaluate("() => Reveal.slide(0)")
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    speaker = popup.value
    speaker.on("request", lambda request: asked.append(request.url))
    while not page.evaluate("() => Reveal.getCurrentSlide().querySelector('aside.notes')"):
        page.evaluate("() => Reveal.next()")
    wanted = " ".join(page.evaluate("() => Reveal.getCurrentSlide().querySelector('aside.notes').textContent").split())
    speaker.wait_for_function(SAYS, arg=wanted)
    assert speaker.locator(".speaker-controls-notes").is_visible()
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        speaker.screenshot(path=Path(folder) / f"speaker-{page.title()[:20]}.png")
    speaker.close()
    file = page.url.partition("#")[0]
    assert {each.partition("#")[0].partition("?")[0] for each in asked if not each.startswith("data:")} == {file}


@pytest.mark.timeout(120)
def test_a_slide_that_is_too_full_is_noticed(page: Page) -> None:
    """The measure of the first test is one: it sees a slide that does not fit."""
    page.evaluate("() => { Reveal.slide(0); Reveal.getCurrentSlide().innerHTML += '<p>line</p>'.repeat(40) }")
    assert not fits(page.evaluate(EXTENT))
