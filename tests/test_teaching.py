"""Tests of what makes a course of the lessons: minutes, figures, copies for a room, outlines, the site's pages."""

from __future__ import annotations

import base64
import io
import itertools
import tomllib
from typing import TYPE_CHECKING

import nbformat
import pytest
from PIL import Image

from tools import figures, minutes, outlines, rehearse, site, workshop
from tools.lessons import Lesson, read_lesson, read_lessons

if TYPE_CHECKING:
    from pathlib import Path

LESSONS = read_lessons()
OUTLINES = tomllib.loads(outlines.CHOICE.read_text(encoding="utf-8"))
BY_NUMBER = {lesson.number: lesson for lesson in LESSONS}


def made(tmp_path: Path, *cells: nbformat.NotebookNode) -> Lesson:
    """Return a lesson of a few cells."""
    opening = (
        "# Do it\n\n**What you'll do.** It.\n\n- **Before this:** none\n- **Time:** 5 minutes\n- **Network:** none"
    )
    path = tmp_path / "99_do_it.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(opening), *cells]), path)
    return read_lesson(path)


def picture(width: int, dpi: int) -> nbformat.NotebookNode:
    """Return a cell that stores a picture."""
    file = io.BytesIO()
    Image.new("RGB", (width, 4)).save(file, "png", dpi=(dpi, dpi))
    data = {"image/png": base64.b64encode(file.getvalue()).decode()}
    cell: nbformat.NotebookNode = nbformat.v4.new_code_cell("plot()")
    cell.outputs = [nbformat.v4.new_output("display_data", data)]
    return cell


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_a_lesson_says_the_minutes_that_it_takes(lesson: Lesson) -> None:
    """By the one formula for all; the optional part apart, where a lesson says so."""
    work, more = minutes.works_of(lesson)
    taken = work.minutes, more.minutes if lesson.optional else 0
    stated = lesson.minutes, lesson.optional
    assert taken == stated, f"{lesson.path.name} takes {taken} minutes: `python -m tools.minutes --write`"


def test_the_formula_counts_what_is_read_and_done() -> None:
    """Words, lines, cells, pictures, questions and things to make; solutions cost nothing."""
    cells = [nbformat.v4.new_markdown_cell("word " * 200), picture(800, 110)]
    cells += [nbformat.v4.new_code_cell("a = 1\n\nb = 2"), nbformat.v4.new_code_cell('check("demo.chunks", ...)')]
    cells += [nbformat.v4.new_code_cell('check("demo.array", ...)')]
    solution = nbformat.v4.new_code_cell("one\ntwo", metadata={"tags": ["solution"]})
    work = minutes.work_of(cells)
    assert minutes.work_of([*cells, solution, nbformat.v4.new_markdown_cell("**Solution:** so.")]) == work
    assert (work.words, work.lines, work.cells, work.pictures, work.questions, work.making) == (200, 5, 4, 1, 1, 1)
    assert work.exact == pytest.approx(1 + 0.5 + 0.4 + 0.5 + 3 + 6)
    assert work.minutes == 10


def test_an_optional_part_is_counted_apart_if_the_lesson_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its heading to the next of that level; `--write` enters both numbers."""
    parts = ["## One\n" + "word " * 4000, "## Optional: two\n" + "word " * 1000, "### Three", "## Four\nword"]
    lesson = made(tmp_path, *map(nbformat.v4.new_markdown_cell, parts))
    work, more = minutes.works_of(lesson)
    assert more.words == 0
    whole = work.words
    opening = lesson.notebook.cells[0]
    opening.source = opening.source.replace("5 minutes", "5 minutes, 5 more for the optional part")
    nbformat.write(lesson.notebook, lesson.path)
    monkeypatch.setattr(minutes, "read_lessons", lambda: [read_lesson(lesson.path)])
    work, more = minutes.works_of(read_lesson(lesson.path))
    assert more.words == 1005
    assert work.words == whole + 6 - 1005
    minutes.main(["--write"])
    written = read_lesson(lesson.path)
    assert (written.minutes, written.optional) == (20, 5)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_every_figure_is_large_and_told_in_words(lesson: Lesson) -> None:
    """A room can read it, and who cannot see it reads what is to be seen."""
    assert figures.faults(lesson) == []


def test_a_small_or_silent_figure_is_found(tmp_path: Path) -> None:
    """Width, resolution and the sentence: each alone."""
    told = nbformat.v4.new_markdown_cell("*The picture: a line that rises.*")
    other = nbformat.v4.new_markdown_cell("Text. *The picture:* a line that falls.")
    assert figures.faults(made(tmp_path, told, picture(800, 110), picture(800, 110), other)) == []
    assert [figure.alt for figure in figures.figures_of(made(tmp_path, told, picture(800, 110)))] == [
        "a line that rises."
    ]
    assert "400 pixels" in figures.faults(made(tmp_path, told, picture(400, 110)))[0]
    assert "72 dpi" in figures.faults(made(tmp_path, told, picture(800, 72)))[0]
    assert "no sentence" in figures.faults(made(tmp_path, picture(800, 110)))[0]
    assert "no sentence" in figures.faults(made(tmp_path, told, picture(800, 110), picture(800, 110)))[0]
    assert 'alt="a line that rises."' in figures.sheet([made(tmp_path, told, picture(800, 110))])


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_a_lesson_can_be_taught_from_its_copies(lesson: Lesson) -> None:
    """No later cell needs a solution, each exercise is in every copy, and the instructor has notes."""
    copies = {name: make(lesson) for name, make in workshop.COPIES.items()}
    assert [*workshop.undefined(copies["learner"])] == []
    learner, live = (sum("check(" in cell.source for cell in copies[name].cells) for name in ("learner", "live"))
    assert learner == live >= 2
    assert not any(map(workshop.is_solution, copies["learner"].cells))
    assert not any(cell.get("outputs") for name in ("learner", "live") for cell in copies[name].cells)
    assert any(map(workshop.is_solution, copies["instructor"].cells))
    for copy in copies.values():
        nbformat.validate(copy)


def test_the_final_quiz_lies_in_each_copy(tmp_path: Path) -> None:
    """With its solutions for the instructor alone, and in the others nothing needs one."""
    written = workshop.write_copies([], tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        f"{name}/final_quiz.ipynb" for name in workshop.COPIES
    ]
    learner, live, instructor = (nbformat.read(path, as_version=4) for path in written)
    assert learner.cells == live.cells
    assert not any(map(workshop.is_solution, learner.cells))
    assert [*workshop.undefined(learner)] == []
    questions = [cell.source for cell in learner.cells if "check(" in cell.source]
    assert len(questions) >= 15
    assert sum("check(" in cell.source for cell in instructor.cells) == 2 * len(questions)


def test_a_name_that_a_solution_defined_is_found(tmp_path: Path) -> None:
    """The learner's copy would stop there."""
    solution = nbformat.v4.new_code_cell("found = 1", metadata={"tags": ["solution"]})
    lesson = made(tmp_path, solution, nbformat.v4.new_code_cell("found + 1"))
    assert [*workshop.undefined(workshop.learner(lesson))] == ["found"]


def test_outlines_are_as_the_lessons_make_them() -> None:
    """When a lesson's minutes change, so do the outlines, or this fails."""
    assert outlines.PAGE.read_text(encoding="utf-8") == outlines.page(), "run `make readme`, and read the outlines"


@pytest.mark.parametrize("name", OUTLINES)
def test_an_outline_leaves_no_cell_behind_that_a_part_may_need(name: str) -> None:
    """What runs of each lesson is its beginning, cell by cell; `python -m tools.rehearse` runs it."""
    parts = list(rehearse.parts_of(OUTLINES[name], BY_NUMBER))
    assert [part.due for part in parts[1:]] == [*itertools.accumulate(part.minutes for part in parts)][:-1]
    for number in {part.lesson for part in parts} - {""}:
        run = [cell.id for part in parts if part.lesson == number for cell in [*part.left_out, *part.cells]]
        assert run == [cell.id for cell in BY_NUMBER[number].cells("code")][: len(run)]


def test_parts_out_of_order_are_refused() -> None:
    """What the first of them needs would not have run."""
    sections = list(outlines.parts_of(BY_NUMBER["00"]))
    (first, second) = rehearse.parts_of(
        {"parts": [{"lesson": "00", "sections": [sections[2], sections[4]]}]}, BY_NUMBER
    )
    assert (len(first.left_out) > 0, len(second.left_out) > 0) == (True, True)
    with pytest.raises(ValueError, match="comes before one that follows it there"):
        list(rehearse.parts_of({"parts": [{"lesson": "00", "sections": [sections[4], sections[2]]}]}, BY_NUMBER))


def test_an_outline_that_is_too_long_is_refused() -> None:
    """So is one that is much too short, or names a part that is not there."""
    part = {"lesson": "00", "sections": [outlines.OPENING]}
    outline = {"minutes": 45, "goal": "", "late": "", "parts": [part]}
    with pytest.raises(ValueError, match="has 45 minutes, its parts take"):
        outlines.table("x", outline, BY_NUMBER)
    with pytest.raises(ValueError, match="has 1 minutes, its parts take"):
        outlines.table("x", {**outline, "minutes": 1, "parts": [part, {"pause": 10}]}, BY_NUMBER)
    with pytest.raises(ValueError, match=r"lesson 00 has no part 'Nothing'\. It has Opening"):
        outlines.table("x", {**outline, "parts": [{**part, "sections": ["Nothing"]}]}, BY_NUMBER)


def test_the_site_runs_a_lesson_again_only_for_new_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was run stays where it belongs when prose is added; other code runs."""
    monkeypatch.setattr(site, "CACHE", tmp_path / "cache")
    live = "display({'application/vnd.holoviews_exec.v0+json': '', 'text/html': str(1 + 1)}, raw=True)  # load_bokeh()"
    words, code = nbformat.v4.new_markdown_cell("Words."), nbformat.v4.new_code_cell(live)
    shown = site.interactive(made(tmp_path, code))
    assert shown.cells[1].outputs[0].data["text/html"] == "2"
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_text(cached.read_text(encoding="utf-8").replace('"2"', '"from the cache"'), encoding="utf-8")
    shown = site.interactive(made(tmp_path, words, code))
    assert shown.cells[2].outputs[0].data["text/html"] == "from the cache"
    shown = site.interactive(made(tmp_path, nbformat.v4.new_code_cell(live.replace("1 +", "2 +"))))
    assert shown.cells[1].outputs[0].data["text/html"] == "3"


def test_the_site_shows_figures_live_but_no_tables() -> None:
    """A table is shown as its picture, which has words."""

    def output(text: str) -> list[nbformat.NotebookNode]:
        data = {"application/vnd.holoviews_exec.v0+json": "", "text/html": text}
        return [nbformat.v4.new_output("display_data", data)]

    assert site.is_live(output('{"name":"Figure"}'))
    assert not site.is_live(output('{"name":"Figure"}, {"name":"DataTable"}'))
    assert not site.is_live([nbformat.v4.new_output("display_data", {"text/html": "<b>words</b>"})])


def test_the_site_gives_pictures_their_words(tmp_path: Path) -> None:
    """And folds solutions."""
    told = nbformat.v4.new_markdown_cell("*The picture: a line.*")
    solution = nbformat.v4.new_code_cell("1", metadata={"tags": ["solution"]})
    shown = site.site_cells(made(tmp_path, told, picture(800, 110), solution).notebook)
    assert shown.cells[2].metadata["mystnb"]["image"]["alt"] == "a line."
    assert "hide-cell" in shown.cells[3].metadata["tags"]
