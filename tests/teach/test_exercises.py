"""Tests of helpers.teach.exercises."""

from __future__ import annotations

import math
import re
import runpy
import sys
import tomllib

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.teach import check, digest, exercises, judges
from tools.lessons import NOTEBOOKS, read_lessons

FILES = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in exercises.QUESTIONS.glob("*.toml")}
EXERCISES = {name: table for file in FILES.values() for name, table in file.items()}


class Hostile:
    """An answer of which every question raises."""

    def __getattribute__(self, name: str) -> object:
        """Raise, whatever is asked."""
        if name == "__class__":
            return Hostile
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        """Raise on a comparison."""
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


def endless() -> list[object]:
    """Return a list that holds itself."""
    loop: list[object] = []
    loop.append(loop)
    return loop


STRANGE: list[object] = [
    None,
    "",
    b"four",
    float("nan"),
    float("inf"),
    complex(1, 2),
    10**5000,
    [],
    {},
    set(),
    {1: [2]},
    object(),
    type,
    print,
    range(10**12),
    np.arange(5),
    np.zeros(10**6),
    np.array(["a"], dtype=object),
    np.ma.masked,
    pd.Series([1, 2]),
    pd.DataFrame({"a": [1]}),
    endless(),
    Hostile(),
    (x for x in [1]),
]


def test_check_says_when_there_is_no_answer_yet(capsys: pytest.CaptureFixture[str]) -> None:
    """The placeholder is not a wrong answer."""
    check("demo.chunks", ...)
    assert capsys.readouterr().out.startswith("Not answered yet")


def test_a_function_without_a_body_is_no_answer_yet(capsys: pytest.CaptureFixture[str]) -> None:
    """With arguments, with a docstring, or to be awaited; one that returns None is an answer."""

    def empty(first: int, *, second: int = 2) -> None:
        """Explain what to write."""
        ...  # noqa: PIE790

    async def coroutine() -> None: ...

    def written(first: int) -> None:
        print(first)

    class Store:
        async def exists(self, key: str) -> None: ...

    for answer in (empty, coroutine, lambda: ..., Store):
        check("demo.chunks", answer)
    check("demo.chunks", written)
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in said] == ["answered", "answered", "yet.", "answered", "yet."]


@pytest.mark.parametrize("answer", [4, 4.0, np.int32(4), np.float64(4), np.array(4)])
def test_check_takes_a_number_of_any_type(answer: object, capsys: pytest.CaptureFixture[str]) -> None:
    """What counts is the value, not the type that carries it."""
    check("demo.chunks", answer)
    assert capsys.readouterr().out == "Right.\n"


def test_check_has_a_hint_made_for_a_likely_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """A known wrong answer gets its own hint, any other the general one."""
    check("demo.chunks", 2)
    check("demo.chunks", 3)
    known, other = capsys.readouterr().out.splitlines()
    assert known.startswith("Not yet. ")
    assert other.startswith("Not yet. ")
    assert known != other


@pytest.mark.parametrize("answer", STRANGE, ids=range(len(STRANGE)))
def test_check_never_raises_on_an_answer(answer: object, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a learner hands in, one line comes back that says it is not right."""
    check("demo.chunks", answer)
    out = capsys.readouterr().out
    assert out.startswith("Not yet. ")
    assert out.count("\n") == 1


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_check_never_calls_another_value_right(answer: object) -> None:
    """Only four is four, to six digits."""
    if digest("demo.chunks", answer) in EXERCISES["demo.chunks"]["right"]:
        assert isinstance(answer, int | float)
        assert math.isclose(answer, 4, rel_tol=1e-5)


def test_check_of_an_unknown_exercise_lists_those_there_are() -> None:
    """A wrong name is a mistake of the lesson, and says so."""
    with pytest.raises(KeyError, match=r"no exercise is called '99\.none'.*demo\.chunks"):
        check("99.none", 4)


def test_digest_tells_answers_and_exercises_apart() -> None:
    """Equal answers of two exercises have two digests: one does not give the other away."""
    assert digest("a", 4) != digest("b", 4)
    assert digest("a", True) != digest("a", 1)
    assert digest("a", (1, 2)) == digest("a", [1, 2.0]) == digest("a", np.array([1, 2]))
    assert digest("a", [1, 2]) != digest("a", [2, 1])
    assert digest("a", 1 / 3) == digest("a", 0.3333333)


def test_an_author_is_told_the_digest(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As CONTRIBUTING.md says."""
    monkeypatch.setattr(sys, "argv", ["helpers.teach", "demo.chunks", "4"])
    runpy.run_module("helpers.teach", run_name="__main__")
    assert capsys.readouterr().out.split() == EXERCISES["demo.chunks"]["right"]


def test_every_exercise_is_complete() -> None:
    """Each entry stands in the file of its lesson, and has what `check` needs, and digests that are digests."""
    for lesson, file in FILES.items():
        assert {name.split(".")[0] for name in file} == {lesson}
    for name, exercise in EXERCISES.items():
        assert exercise["expects"], name
        assert exercise["hint"], name
        for found in [*exercise["right"], *exercise.get("mistakes", {})]:
            assert re.fullmatch(r"[0-9a-f]{24}", found), f"{name}: {found} is no digest"
        assert not set(exercise["right"]) & set(exercise.get("mistakes", {})), name


def test_lessons_and_exercises_are_the_same_set() -> None:
    """No exercise lacks its lesson, or the final quiz, and no lesson its exercise."""
    quiz = nbformat.read(NOTEBOOKS.parent / "teaching" / "final_quiz.ipynb", as_version=4)
    cells = [*quiz.cells, *(cell for lesson in read_lessons(NOTEBOOKS) for cell in lesson.cells("code"))]
    source = "\n".join(cell.source for cell in cells)
    judged = {name for lesson in judges.LESSONS for name in judges.judges_of(lesson)}
    assert set(re.findall(r'check\("([^"]+)"', source)) == {*EXERCISES, *judged} - {"demo.chunks", "demo.array"}
    assert not judged & set(EXERCISES)
