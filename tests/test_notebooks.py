"""Tests of the shape of the lessons; their outputs are compared by nbval, under `make notebooks`."""

from __future__ import annotations

import re

import pytest

from tools.canonical import IGNORE_OUTPUT, KEPT_MIME_TYPES
from tools.lessons import Lesson, read_lessons
from tools.style import NORMS, main

LESSONS = read_lessons()
OPENING = ["What you'll learn", "What you'll need"]
CLOSING = ["On your own", "In practice", "What you learned"]
# How many cells of a lesson are executed but not compared. Each is argued in the sentence above it.
NOT_COMPARED = {
    "01_review_numpy": 1,
    "03_choose_chunks": 1,
    "04_compress_chunks": 2,
    "05_organise_groups": 1,
    "06_swap_stores": 2,
    "07_read_the_cloud": 3,
    "08_work_in_parallel": 1,
    "10_stream_life": 3,
    "11_watch_it_live": 2,
    "14_cross_the_ecosystem": 1,
}
LARGEST_BYTES = 600_000

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)


def headings(lesson: Lesson, level: int) -> list[str]:
    """Return the headings of one level, in their order."""
    text = "\n".join(cell.source for cell in lesson.cells("markdown"))
    return re.findall(rf"^{'#' * level} (.+)$", text, flags=re.MULTILINE)


def tags(cell: object) -> list[str]:
    """Return the tags of a cell."""
    found: list[str] = cell.metadata.get("tags", [])  # type: ignore[attr-defined]
    return found


@each_lesson
def test_lesson_has_the_shape_of_all_lessons(lesson: Lesson) -> None:
    """One title, the opening and closing sections in their order, sections between them."""
    assert headings(lesson, 1) == [lesson.title]
    sections = headings(lesson, 2)
    assert sections[:2] == OPENING
    assert sections[-3:] == CLOSING
    assert len(sections) > 6
    bullets = re.findall(r"^- ", lesson.cells("markdown")[1].source, flags=re.MULTILINE)
    assert 3 <= len(bullets) <= 4


@each_lesson
def test_lesson_ends_with_exercises_that_are_answered(lesson: Lesson) -> None:
    """Two to four exercises, open when stored, each with a collapsed solution that `check` calls right."""
    checks = [cell for cell in lesson.cells("code") if "check(" in cell.source]
    solutions = [cell for cell in checks if "solution" in tags(cell)]
    exercises = [cell for cell in checks if "solution" not in tags(cell)]
    assert 2 <= len(exercises) <= 4
    assert len(solutions) == len(exercises)
    for exercise, solution in zip(exercises, solutions, strict=True):
        (name,) = re.findall(r'check\("([^"]+)"', exercise.source)
        assert name.startswith(f"{lesson.number}.")
        assert f'check("{name}"' in solution.source
        opening = "Not answered yet" if "..." in exercise.source else "Not yet."  # what is broken is answered wrongly
        assert exercise.outputs[0].text.startswith(opening)
        assert re.search(r"^Right\.", solution.outputs[-1].text, flags=re.MULTILINE)
        assert solution.metadata["jupyter"]["source_hidden"]
        assert solution.source.startswith("# Solution\n"), "JupyterLab shows the first line of a hidden source"


@each_lesson
def test_cells_are_sound(lesson: Lesson) -> None:
    """No empty cell, no cell twice, no comment that only nbval would read."""
    cells = lesson.notebook.cells
    assert len({cell.id for cell in cells}) == len(cells)
    assert all(cell.source.strip() for cell in cells)
    assert not re.search(r"NBVAL_|PYTEST_VALIDATE", "".join(cell.source for cell in cells))


@each_lesson
def test_what_is_not_compared_is_counted(lesson: Lesson) -> None:
    """A cell leaves the comparison only on purpose: the number is held here, the reason stands above it."""
    cells = lesson.notebook.cells
    ignored = [place for place, cell in enumerate(cells) if IGNORE_OUTPUT in tags(cell)]
    assert len(ignored) == NOT_COMPARED.get(lesson.path.stem, 0)
    for place in ignored:
        assert cells[place - 1].cell_type == "markdown"
        assert re.search(r"machine|second", cells[place - 1].source), cells[place].source
    assert not any({"nbval-skip", "skip-execution"} & set(tags(cell)) for cell in cells)


@each_lesson
def test_stored_outputs_are_light(lesson: Lesson) -> None:
    """Text and PNG only, and not too much of it."""
    assert lesson.path.stat().st_size <= LARGEST_BYTES
    for cell in lesson.cells("code"):
        for output in cell.outputs:
            assert set(output.get("data", {})) <= set(KEPT_MIME_TYPES)
            assert "Warning" not in output.get("text", "") or output.name != "stderr"


@each_lesson
def test_links_lead_somewhere(lesson: Lesson) -> None:
    """A link to a file of this repository finds it."""
    for cell in lesson.cells("markdown"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", cell.source):
            assert (lesson.path.parent / target).exists(), target


@each_lesson
def test_interactive_figures_have_their_javascript(lesson: Lesson) -> None:
    """Without it a page shows only the name of a figure, and no cell fails."""
    sources = [cell.source for cell in lesson.cells("code")]
    drawing = [
        place for place, source in enumerate(sources) if re.search(r"^(?!from|import).*\b(hvPlot|hv)\b", source, re.M)
    ]
    assert not drawing or any("load_bokeh()" in source for source in sources[: drawing[0]])


def test_lessons_are_numbered_without_twins() -> None:
    """The number that `make render NB=` takes names one lesson."""
    numbers = [lesson.number for lesson in LESSONS]
    assert numbers
    assert len(set(numbers)) == len(numbers)


def test_norms_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """`make style` finds nothing, and has looked at every lesson and norm."""
    assert main() == 0
    said = capsys.readouterr().out
    assert all(lesson.path.stem in said for lesson in LESSONS)
    assert all(norm.name in said for norm in NORMS)
