"""Tests of helpers.teach.judge_quiz: right, wrong, empty, raising and endless answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
import zarr

from helpers.teach import check
from helpers.teach.judges import judges_of
from tests.teach.judging import endless, said

JUDGES = judges_of("quiz")


def made(**changed: Any) -> zarr.Array[Any]:
    """Return a right archive, or one in which something was changed."""
    options: dict[str, Any] = {"shape": (8760, 400), "dtype": "f4", "fill_value": float("nan"), "chunks": (438, 20)}
    return zarr.create_array({}, **{**options, "shards": (8760, 400), **changed})


def frame_of(ring: Any, n: int) -> object:
    """Read a ring rightly."""
    slot = n % ring["time"].size
    return ring["frames"][slot] if ring["time"][slot] == n else None


def test_right_answers_are_right() -> None:
    """An archive in one object, or in eight; and the reader."""
    line = said("quiz.archive", made())
    assert line == "Right. A year lies in 20 chunks and an hour in 20, of 35.0 kB each. Full of data, it is 1 object."
    assert "it is 8 objects" in said("quiz.archive", made(shards=(2190, 200), chunks=(730, 25)))
    assert said("quiz.frame", frame_of) == "Right. Tried with 4 rings."


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ("an archive", "this is a str"),
        (made(shape=(400, 8760), chunks=(20, 438), shards=None), r"Shape and type are \(400, 8760\)"),
        (made(dtype="f8"), "and float64"),
        (made(fill_value=0), r"would read as 0\.0.*lesson 02"),
        (made(chunks=(24, 400)), "A year lies in 365 chunks and an hour in 1,.*lesson 03"),
        (made(chunks=(8760, 20)), "an hour in 20, of 700.8 kB"),
        (made(shards=None), "it is 400 objects. What holds many chunks.*lesson 03"),
    ],
)
def test_a_wrong_archive_gets_a_hint(answer: object, hint: str) -> None:
    """One that fits the mistake and names a lesson."""
    line = said("quiz.archive", answer)
    assert re.match(rf"Not yet\. .*{hint}", line), line


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda ring, n: ring["frames"][n % ring["time"].size], "step 0 is not held.*What does its label say"),
        (lambda ring, n: frame_of(ring, n) if n != 8 else None, "step 8 is held, and yours returned None"),
        (lambda ring, n: None if frame_of(ring, n) is None else ring["frames"][0], "step 6 is another frame"),
        (lambda ring, n: None if frame_of(ring, n) is None else ring["frames"][n], "Yours ended in BoundsCheckError"),
        (lambda _: None, "Yours ended in TypeError"),
        (None, "Yours ended in TypeError"),
    ],
)
def test_a_wrong_reader_gets_a_hint(answer: object, hint: str) -> None:
    """For the label, the slot, and what raises."""
    line = said("quiz.frame", answer)
    assert re.match(rf"Not yet\. .*{hint}", line), line


def test_an_endless_reader_is_stopped() -> None:
    """After the time of the exercise."""
    assert "still running" in said("quiz.frame", endless, timeout_s=0.3)


@pytest.mark.parametrize("name", JUDGES)
def test_an_empty_answer_is_none(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The placeholder, and a function without a body."""

    def frame_of(ring: object, n: int) -> None: ...

    check(name, ...)
    check(name, frame_of)
    assert capsys.readouterr().out.count("Not answered yet") == 2
