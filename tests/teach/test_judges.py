"""Tests of helpers.teach.judges: one line for whatever a learner makes, in time."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest
import zarr

from helpers.teach import check
from helpers.teach.judges import LESSONS, Judge, NotYetError, judges_of, verdict


def called(answer: object) -> str:
    """Judge a function by what it returns."""
    result = answer()  # type: ignore[operator]
    if result != 4:
        msg = f"It returned {result}."
        raise NotYetError(msg)
    return "It returned 4."


JUDGE = Judge(called, "a function that returns 4", timeout_s=0.3)


class SilentError(Exception):
    """An error that raises again when it is printed."""

    def __str__(self) -> str:
        """Raise."""
        raise RuntimeError


def endless() -> None:
    """Go on for ever, and catch what can be caught."""
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


def raising() -> None:
    """Raise an error of two lines."""
    msg = "two\nlines"
    raise ValueError(msg)


def silent() -> None:
    """Raise an error that cannot be printed."""
    raise SilentError


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (lambda: 4, "Right. It returned 4."),
        (lambda: 5, "Not yet. It returned 5."),
        (
            lambda: int("x"),
            "Not yet. Asked for is a function that returns 4. Yours ended in ValueError: invalid literal",
        ),
        (sys.exit, "Not yet. Asked for is a function that returns 4. Yours ended in SystemExit:"),
        (silent, "Not yet. Asked for is a function that returns 4. Yours ended in SilentError."),
        (4, "Not yet. Asked for is a function that returns 4. Yours ended in TypeError: 'int' object is not callable"),
        (endless, "Not yet. After 0.3 s it was still running"),
    ],
)
def test_whatever_is_made_gets_one_line(answer: object, line: str) -> None:
    """Right, wrong, raising, leaving, of another kind, endless."""
    said = verdict(JUDGE, answer)
    assert said.startswith(line)
    assert "\n" not in said


def test_an_endless_answer_is_stopped() -> None:
    """No thread of it goes on."""
    before = threading.active_count()
    verdict(JUDGE, endless)
    assert threading.active_count() == before


def test_check_asks_the_judge(capsys: pytest.CaptureFixture[str]) -> None:
    """In the same words as for a number."""
    check("demo.array", ...)
    check("demo.array", 3)
    check("demo.array", zarr.create_array({}, data=np.array([1, 2])))
    check("demo.array", zarr.create_array({}, data=np.arange(10)))
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Not answered yet")
    assert said[1] == "Not yet. Asked for is a zarr.Array; this is of type int."
    assert said[2].startswith("Not yet. The numbers are not 0 to 9.")
    assert said[3] == "Right. It has 1 chunks."


def test_every_judge_says_what_it_expects() -> None:
    """And takes no longer than a learner waits."""
    for lesson in LESSONS:
        for name, judge in judges_of(lesson).items():
            assert judge.expects.startswith(("a ", "an ", "the ", "two ", "three ")), name
            assert judge.timeout_s <= 60, name
