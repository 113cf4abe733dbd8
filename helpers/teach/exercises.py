"""Provides `check`, which tells a learner on the spot whether an answer is right.

What is right, and which wrong answers get which hint, stands in ``exercises.toml`` beside this file, as
digests: the answer can be recognised there, but not read.
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Mapping, Sequence, Sized
from collections.abc import Set as AbstractSet
from functools import cache
from numbers import Complex, Integral, Real
from pathlib import Path

import numpy as np

__all__ = []


_FILE = Path(__file__).with_suffix(".toml")
_LONGEST, _DEEPEST = 10_000, 8


class _UnreadableAnswerError(Exception):
    """An answer of a kind that no exercise expects."""


def check(name: str, answer: object) -> None:
    """Say whether `answer` is right, and if not, what to look at again.

    Call it in an exercise cell, as often as you like. It prints one line and never raises on an answer,
    of whatever type it is.

    Parameters
    ----------
    name : str
        The exercise, as the cell names it, for example ``"03.requests"``.
    answer : object
        A number, a string, a bool, None, or a sequence, set, mapping or NumPy array of those. Floats count
        to six significant digits; tuples, lists and one-dimensional arrays of the same values are the same
        answer. ``...`` stands for "not answered yet".

    Raises
    ------
    KeyError
        When there is no exercise of that `name`: a mistake of the lesson, not of the answer.

    Examples
    --------
    An array of 10 by 10 cells lies in chunks of 5 by 5. How many chunks are there?

    >>> check("demo.chunks", ...)
    Not answered yet: put your answer in place of the `...` and run the cell again.
    >>> check("demo.chunks", 4)
    Right.
    >>> check("demo.chunks", 2)
    Not yet. That is the number along one axis; there are two axes.
    """
    print(_verdict(_exercise(name), name, answer))


def digest(name: str, answer: object) -> str:
    """Return the digest under which `answer` stands in ``exercises.toml`` (for authors).

    Examples
    --------
    >>> digest("demo.chunks", 4) == digest("demo.chunks", np.int64(4)) == digest("demo.chunks", 4.0)
    True
    """
    return hashlib.sha256(f"{name}\0{_spell(answer)}".encode()).hexdigest()[:24]


def _verdict(exercise: Mapping[str, object], name: str, answer: object) -> str:
    if answer is ...:
        return "Not answered yet: put your answer in place of the `...` and run the cell again."
    expects = f"The answer is {exercise['expects']}."
    try:
        found = digest(name, answer)
    except _UnreadableAnswerError:
        return f"Not yet. {expects} This is of type {type(answer).__name__}."
    right = exercise["right"]
    assert isinstance(right, list)
    if found in right:
        return "Right."
    mistakes = exercise.get("mistakes", {})
    assert isinstance(mistakes, dict)
    return f"Not yet. {mistakes.get(found) or exercise['hint']}"


@cache
def _exercises() -> dict[str, dict[str, object]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def _exercise(name: str) -> dict[str, object]:
    exercises = _exercises()
    if name not in exercises:
        msg = f"no exercise is called {name!r}. There are {', '.join(sorted(exercises))}."
        raise KeyError(msg)
    return exercises[name]


def _spell(answer: object) -> str:
    """Write `answer` so that equal answers read the same, whatever types carry them."""
    try:
        return _spelling(answer, depth=0)
    except Exception as error:  # the answer's own methods may raise anything
        raise _UnreadableAnswerError from error


def _spelling(answer: object, *, depth: int) -> str:
    size = answer.size if isinstance(answer, np.ndarray) else len(answer) if isinstance(answer, Sized) else 1
    if depth > _DEEPEST or size > _LONGEST:
        raise _UnreadableAnswerError
    if isinstance(answer, np.ndarray | np.generic):
        answer = answer.tolist()
    if answer is None or isinstance(answer, bool):
        return str(answer)
    if isinstance(answer, str | bytes):
        return f"text {answer!r}" if isinstance(answer, bytes) else f"text {answer.strip().casefold()!r}"
    if isinstance(answer, Complex):
        return _number(answer)
    if isinstance(answer, Mapping):
        pairs = [(_spelling(k, depth=depth + 1), _spelling(v, depth=depth + 1)) for k, v in answer.items()]
        return f"map {sorted(pairs)}"
    if isinstance(answer, AbstractSet):
        return f"set {sorted(_spelling(item, depth=depth + 1) for item in answer)}"
    if isinstance(answer, Sequence):
        return f"list {[_spelling(item, depth=depth + 1) for item in answer]}"
    raise _UnreadableAnswerError


def _number(answer: Complex) -> str:
    if isinstance(answer, Integral):
        return f"number {int(answer)}"
    if isinstance(answer, Real):
        value = float(answer)
        return f"number {int(value)}" if value.is_integer() else f"number {value:.6g}"
    return f"number {complex(answer):.6g}"


if __name__ == "__main__":
    import ast

    print(digest(sys.argv[1], ast.literal_eval(sys.argv[2])))
