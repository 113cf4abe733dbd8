"""Tests of the pages in docs/ and teaching/: their code runs, their links lead somewhere, their lessons exist."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from tools import paths
from tools.lessons import read_lessons
from tools.site import DOCS, ROOT, TEACHING, placed

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md"), *TEACHING.glob("*.md")])


@pytest.mark.parametrize("name", ["cheat_sheet", "from_zarr_2"])
def test_every_line_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the page, in an empty folder."""
    import zarr

    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / f"{name}.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    changed = {name: zarr.config.get(name) for name in ("async.concurrency", "threading.max_workers")}
    with warnings.catch_warnings(), zarr.config.set(changed):  # set back afterwards
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part", UserWarning)
        for block in blocks:
            exec(compile(block, f"{name}.md", "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative address in a page is a file of this repository, and each anchor a place in it."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for address in re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", text):
        target, _, anchor = next(filter(None, address)).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        beside = ROOT if page == DOCS / "index.md" and target.startswith("images/") else page.parent  # as on the site
        file = (beside / target).resolve() if target else page
        assert file.exists(), f"{page.name} links to {target}, which is not there"
        if anchor and file.suffix == ".md":
            assert f'id="{anchor}"' in file.read_text(encoding="utf-8"), f"{file.name} has no place {anchor!r}"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_pictures_are_found_on_the_site(page: Path) -> None:
    """Where `docs/` becomes the top of the site, with `images/` in it."""
    for address in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", placed(page.read_text(encoding="utf-8"), deeper=False)):
        assert any((folder / address).exists() for folder in (DOCS, ROOT) if ".." not in address), address


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pictures_are_told_in_words(page: Path) -> None:
    """Who cannot see a picture reads what is on it."""
    text = page.read_text(encoding="utf-8")
    told = re.findall(r"!\[([^\]]*)\]\(", text) + [
        "".join(re.findall(r'alt="([^"]*)"', tag)) for tag in re.findall(r"<img[^>]*>", text)
    ]
    assert all(len(words) >= 20 for words in told), told


def test_the_paths_are_drawn_as_they_are() -> None:
    """The picture shows what docs/paths.toml says."""
    assert paths.PICTURE.read_text(encoding="utf-8") == paths.picture(read_lessons()), "run `make readme`"


def test_a_path_says_what_it_builds_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a lesson wants before it is on the path, or told; in the wrong order it is refused."""
    choice = tmp_path / "paths.toml"
    monkeypatch.setattr(paths, "CHOICE", choice)
    choice.write_text('[One]\nlessons = ["02", "03"]\nafter = "x"\n')
    (one,) = paths.read_paths(read_lessons())
    assert one.assumes == ("01",)
    choice.write_text('[One]\nlessons = ["03", "02"]\nafter = "x"\n')
    with pytest.raises(ValueError, match="lesson 03 comes before 02"):
        paths.read_paths(read_lessons())
