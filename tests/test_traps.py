"""Tests of the index of traps and of the instructor's pages: what they name is in the lessons."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tools.lessons import Lesson, read_lessons
from tools.site import DOCS, TEACHING

if TYPE_CHECKING:
    from pathlib import Path

LESSONS = read_lessons()
BY_NUMBER = {lesson.number: lesson for lesson in LESSONS}
HEADINGS = [
    "The one idea",
    "Questions to ask",
    "Wrong answers, and what they reveal",
    "What goes wrong live",
    "Draw on the board",
    "If you are late",
    "Slides",
]
LINK = r"\[(?P<number>\d\d), (?P<section>.+?)\]\((?P<link>.+?)\)"
ROW = re.compile(rf"^\| (?P<symptom>.+?) \| (?P<what>.+?) \| {LINK} \|$")


class Trap(NamedTuple):
    """One row of the index."""

    symptom: str
    what: str
    number: str
    section: str
    link: str


def traps() -> list[Trap]:
    """Read the rows of the index; each line of a table that is neither head nor rule has to be one."""
    lines = (DOCS / "traps.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|") and not line.startswith(("| what you see", "|---"))]
    found = [ROW.match(row) for row in rows]
    assert all(found), [row for row, match in zip(rows, found, strict=True) if not match]
    return [Trap(**match.groupdict()) for match in found if match]


def sections(lesson: Lesson) -> set[str]:
    """Return the headings of the second and third level in a lesson."""
    prose = "\n".join(cell.source for cell in lesson.cells("markdown"))
    return {heading.strip() for heading in re.findall(r"^###? (.+)$", prose, flags=re.MULTILINE)}


def said(lesson: Lesson) -> str:
    """Return all that stands in a lesson: text, code, what was printed and what was raised."""
    parts = [cell.source for cell in lesson.notebook.cells]
    for output in (output for cell in lesson.cells("code") for output in cell.outputs):
        parts += [output.get("text", ""), f"{output.get('ename')}: {output.get('evalue')}"]
        parts.append(output.get("data", {}).get("text/plain", ""))
    return " ".join(" ".join(parts).split())


SAID = {lesson.number: said(lesson) for lesson in LESSONS}


def words(text: str) -> int:
    """Count the words of a page, without its drawings."""
    return len(re.sub(r"```.*?```", "", text, flags=re.DOTALL).split())


@pytest.mark.parametrize("trap", traps(), ids=lambda trap: f"{trap.number} {trap.symptom}")
def test_a_trap_is_shown_where_the_index_says(trap: Trap) -> None:
    """Its lesson has the section, and what is quoted stands there word by word."""
    lesson = BY_NUMBER[trap.number]
    assert trap.link == f"../notebooks/{lesson.path.name}"
    assert trap.section in sections(lesson)
    quoted = re.findall(r"`([^`]+)`", trap.symptom)
    assert [quote for quote in quoted if quote not in SAID[trap.number]] == []


def test_no_trap_is_listed_twice() -> None:
    """And every lesson has some."""
    listed = [trap.symptom for trap in traps()]
    assert len(set(listed)) == len(listed)
    assert {trap.number for trap in traps()} == set(BY_NUMBER)


def test_every_error_that_a_lesson_shows_is_in_the_index() -> None:
    """By its section: where a cell is meant to fail, a row of the index points."""
    pointed = {(trap.number, trap.section) for trap in traps()}
    for lesson in LESSONS:
        open_sections: set[str] = set()
        for cell in lesson.notebook.cells:
            headings = re.findall(r"^(###?) (.+)$", cell.source, flags=re.MULTILINE)
            for level, heading in headings if cell.cell_type == "markdown" else []:
                open_sections = {heading.strip()} | (open_sections if level == "###" else set())
            if "raises-exception" in cell.metadata.get("tags", []):
                assert open_sections & {section for number, section in pointed if number == lesson.number}, cell.source


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_an_instructor_has_a_page_of_each_lesson(lesson: Lesson) -> None:
    """On one page, with its headings in their order, and sections to skip that the lesson has."""
    path: Path = TEACHING / f"{lesson.path.stem}.md"
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[0] == f"# {lesson.number} {lesson.title}"
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == HEADINGS
    assert f"make slides NB={lesson.number}" in text
    assert words(text) <= 500
    late = text.split("## If you are late")[1].split("## ")[0]
    named = re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", late)
    assert named, "name what may be left out"
    assert [name for name in named if name not in sections(lesson)] == []
