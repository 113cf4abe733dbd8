"""Tests of teaching/final_quiz.ipynb: it runs, its solutions are right, and each hint leads back to a lesson."""

from __future__ import annotations

import re
import tomllib

import nbformat
import pytest
from nbclient import NotebookClient

from helpers.teach import check, makes
from tools.lessons import read_lessons
from tools.site import ROOT, TEACHING

PATH = TEACHING / "final_quiz.ipynb"
QUIZ = nbformat.read(PATH, as_version=4)
QUESTIONS = tomllib.loads((ROOT / "helpers" / "teach" / "questions" / "quiz.toml").read_text(encoding="utf-8"))
HEADINGS = {
    lesson.number: re.findall(r"^###? (.+)$", "\n".join(c.source for c in lesson.cells("markdown")), flags=re.MULTILINE)
    for lesson in read_lessons()
}
ASKED = [cell for cell in QUIZ.cells if cell.cell_type == "code" and "check(" in cell.source]


def said(cell: nbformat.NotebookNode) -> str:
    """Return what a cell printed; anything else that it put out is a fault."""
    assert {output.get("name") for output in cell.outputs} == {"stdout"}, cell.source
    return "".join(output.text for output in cell.outputs)


def test_the_quiz_runs_and_its_solutions_are_right() -> None:
    """Unanswered cells say so, solutions are right, and what is stored is what was printed."""
    ran = nbformat.from_dict(QUIZ)
    NotebookClient(ran, timeout=60, resources={"metadata": {"path": str(TEACHING)}}).execute()
    for stored, cell in zip(QUIZ.cells, ran.cells, strict=True):
        if stored in ASKED:
            begin = "Right." if "solution" in cell.metadata.get("tags", []) else "Not answered yet"
            assert said(cell) == said(stored)
            assert said(cell).startswith(begin), cell.source


def test_each_question_has_a_solution_and_one_lesson() -> None:
    """All lessons in their order, then two things to make; the names are those that are judged."""
    names = [name for cell in ASKED for name in re.findall(r'check\("(quiz\.\w+)"', cell.source)]
    assert names[::2] == names[1::2]
    assert names[:-4:2] == list(QUESTIONS)
    assert [makes(name) for name in names] == [False] * (len(names) - 4) + [True] * 4
    assert ["solution" in cell.metadata.get("tags", []) for cell in ASKED] == [False, True] * (len(ASKED) // 2)
    prose = "\n".join(cell.source for cell in QUIZ.cells)
    assert re.findall(r"\*From lesson (\d\d)\.\*", prose)[: len(HEADINGS)] == list(HEADINGS)


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_hint_names_a_section_to_read_again(name: str) -> None:
    """One that is in that lesson. There is a hint of its own for four wrong answers at least."""
    mistakes = QUESTIONS[name]["mistakes"].values()
    assert len(mistakes) >= 4
    for hint in [QUESTIONS[name]["hint"], *mistakes]:
        found = re.search(r" Read again lesson (\d\d), \*(.+)\*\.$", hint)
        assert found, hint
        assert found[2] in HEADINGS[found[1]], f"lesson {found[1]} has no section {found[2]!r}"


def test_a_likely_mistake_gets_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """As a learner meets it."""
    check("quiz.seconds", 12)
    assert capsys.readouterr().out.startswith("Not yet. Those are the bytes alone.")
