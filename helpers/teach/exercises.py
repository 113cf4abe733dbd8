"""Provides `check`, which tells a learner on the spot whether an answer is right.

For a number or a choice, what is right and which wrong answers get which hint stands in ``questions/``, a file for each
lesson, as digests: the answer can be recognised there, but not read. What a learner makes is judged by `judges`.
"""

from __future__ import annotations

import dis
import hashlib
import tomllib
from collections.abc import Callable, Mapping, Sequence, Sized
from collections.abc import Set as AbstractSet
from functools import cache
from numbers import Complex, Integral, Real
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from helpers.teach.judges import judges_of, verdict

__all__ = ["check", "digest"]


QUESTIONS = Path(__file__).parent / "questions"
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
        answer. Where the exercise asks to make something: an array, a store, a function. ``...`` stands for "not
        answered yet", and so does a function whose body it is.

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

    Make a Zarr array of the numbers 0 to 9:

    >>> import zarr
    >>> check("demo.array", zarr.create_array({}, data=np.arange(10), chunks=(5,)))
    Right. It has 2 chunks.
    """
    judges, exercises = judges_of(name.split(".", maxsplit=1)[0]), _exercises()
    if name not in exercises and name not in judges:
        msg = f"no exercise is called {name!r}. There are {', '.join(sorted({*exercises, *judges}))}."
        raise KeyError(msg)
    if answer is ... or _is_unwritten(answer):
        print("Not answered yet: put your answer in place of the `...` and run the cell again.")
    elif name in judges:
        print(verdict(judges[name], answer))
    else:
        print(_verdict(exercises[name], name, answer))


def digest(name: str, answer: object) -> str:
    """Return the digest under which `answer` stands in ``questions/NN.toml`` (for authors).

    Examples
    --------
    >>> digest("demo.chunks", 4) == digest("demo.chunks", np.int64(4)) == digest("demo.chunks", 4.0)
    True
    """
    try:
        spelling = _spelling(answer)
    except Exception as error:  # the answer's own methods may raise anything
        raise _UnreadableAnswerError from error
    return hashlib.sha256(f"{name}\0{spelling}".encode()).hexdigest()[:24]


def _is_unwritten(answer: object) -> bool:
    """Return whether `answer` is a function whose body is still ``...``, or a class with no other methods."""

    def plain() -> None: ...

    async def coroutine() -> None: ...

    def steps(function: Callable[..., object]) -> list[tuple[str, object]]:
        return [(step.opname, step.argval) for step in dis.get_instructions(function)]

    own = vars(answer).values() if isinstance(answer, type) else [answer]
    functions = [steps(each) for each in own if isinstance(each, FunctionType)]
    return bool(functions) and all(each in (steps(plain), steps(coroutine)) for each in functions)


def _verdict(exercise: Mapping[str, Any], name: str, answer: object) -> str:
    try:
        found = digest(name, answer)
    except _UnreadableAnswerError:
        return f"Not yet. The answer is {exercise['expects']}. This is of type {type(answer).__name__}."
    if found in exercise["right"]:
        return "Right."
    return f"Not yet. {exercise.get('mistakes', {}).get(found, exercise['hint'])}"


@cache
def _exercises() -> dict[str, dict[str, Any]]:
    files = sorted(QUESTIONS.glob("*.toml"))
    return {name: table for file in files for name, table in tomllib.loads(file.read_text(encoding="utf-8")).items()}


def _spelling(answer: object, depth: int = 0) -> str:
    """Write `answer` so that equal answers read the same, whatever types carry them."""
    size = answer.size if isinstance(answer, np.ndarray) else len(answer) if isinstance(answer, Sized) else 1
    if depth > _DEEPEST or size > _LONGEST:
        raise _UnreadableAnswerError
    if isinstance(answer, np.ndarray | np.generic):
        answer = answer.tolist()
    if answer is None or isinstance(answer, bool):
        return str(answer)
    if isinstance(answer, bytes):
        return f"text {answer!r}"
    if isinstance(answer, str):
        return f"text {answer.strip().casefold()!r}"
    if isinstance(answer, Complex):
        return _number(answer)
    if isinstance(answer, Mapping):
        return f"map {sorted((_spelling(k, depth + 1), _spelling(v, depth + 1)) for k, v in answer.items())}"
    if isinstance(answer, AbstractSet):
        return f"set {sorted(_spelling(item, depth + 1) for item in answer)}"
    if isinstance(answer, Sequence):
        return f"list {[_spelling(item, depth + 1) for item in answer]}"
    raise _UnreadableAnswerError


def _number(answer: Complex) -> str:
    if isinstance(answer, Integral):
        return f"number {int(answer)}"
    if isinstance(answer, Real):
        value = float(answer)
        return f"number {int(value)}" if value.is_integer() else f"number {value:.6g}"
    return f"number {complex(answer):.6g}"
