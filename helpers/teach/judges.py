"""Judges what a learner made: an array, a store, a function.

A judge counts what the answer costs, compares it, or runs it against cases that the learner does not see. The judges
stand beside this file, in ``judge_*.py``, one function for each exercise; `verdict` runs one within a time limit.
"""

from __future__ import annotations

import ctypes
import importlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import zarr

__all__ = ["LESSONS", "NotYetError", "array_of", "function_of", "judges_of", "made", "makes", "require", "verdict"]

# Which module judges a lesson: only that one is imported.
LESSONS = {
    **dict.fromkeys(["demo", "00", "01", "02"], "arrays"),
    **dict.fromkeys(["03", "04"], "layouts"),
    **dict.fromkeys(["05", "06", "07"], "stores"),
    **dict.fromkeys(["08", "09"], "parallel"),
    **dict.fromkeys(["10", "11", "12", "13"], "streams"),
    "14": "ecosystem",
    "quiz": "quiz",
}
_JUDGES: dict[str, Judge] = {}
# How long an answer that is stopped has to end; one that waits in C code is left behind.
_STOP_S = 1.0


class NotYetError(Exception):
    """What a judge raises on a wrong answer: its message is the hint."""


class _TimeUpError(BaseException):
    """Raised in an answer that takes too long; no ``except Exception`` of the learner catches it."""


@dataclass(frozen=True)
class Judge:
    """Hold how one exercise is judged."""

    examine: Callable[[object], str | None]
    expects: str
    timeout_s: float


def made(
    name: str, *, expects: str, timeout_s: float = 10.0
) -> Callable[[Callable[[object], str | None]], Callable[[object], str | None]]:
    """Register the judge of an exercise in which the learner makes something.

    Parameters
    ----------
    name : str
        The exercise, such as ``"03.layout"``.
    expects : str
        What has to be made, as the end of a sentence: "a zarr.Array".
    timeout_s : float
        How long the judge may take, in seconds.

    Returns
    -------
    callable
        A decorator for a function that takes the answer, raises `NotYetError` with a hint when it is not right, and
        returns what to add to "Right.", such as what was counted, or None.
    """

    def register(examine: Callable[[object], str | None]) -> Callable[[object], str | None]:
        _JUDGES[name] = Judge(examine, expects, timeout_s)
        return examine

    return register


def require(holds: bool, hint: str) -> None:
    """Raise `NotYetError` with a hint unless something holds."""
    if not holds:
        raise NotYetError(hint)


def array_of(answer: object) -> zarr.Array[Any]:
    """Return an answer that is a Zarr array; raise `NotYetError` when it is something else."""
    import zarr

    if not isinstance(answer, zarr.Array):
        msg = f"Asked for is a zarr.Array; this is of type {type(answer).__name__}."
        raise NotYetError(msg)
    return answer


def function_of(answer: object, *, hint: str = "") -> Callable[..., Any]:
    """Return an answer that can be called; raise `NotYetError`, with `hint` as its last words, when it cannot."""
    if not callable(answer):
        msg = f"Asked for is a function; this is of type {type(answer).__name__}. {hint}".strip()
        raise NotYetError(msg)
    return answer


def judges_of(lesson: str) -> dict[str, Judge]:
    """Return the judges of one lesson, such as ``"03"``, by the name of their exercise."""
    if lesson in LESSONS:
        importlib.import_module(f"helpers.teach.judge_{LESSONS[lesson]}")
    return {name: judge for name, judge in _JUDGES.items() if name.startswith(f"{lesson}.")}


def makes(name: str) -> bool:
    """Return whether the exercise `name`, such as ``"03.layout"``, asks to make something."""
    return name in judges_of(name.split(".", maxsplit=1)[0])


def verdict(judge: Judge, answer: object) -> str:
    """Return one line about `answer`, whatever it is and does: raise, exit, or never end.

    Parameters
    ----------
    judge : Judge
        One of those that `judges_of` returns.
    answer : object
        What the learner made.

    Returns
    -------
    str
        "Right.", with what was counted, or "Not yet." with a hint.

    Notes
    -----
    The judge runs in a thread, so that it can be stopped on every platform: an exception is raised in it, as
    `PyThreadState_SetAsyncExc` of Python's C API allows. A thread that waits in C code is left behind.
    """
    said: list[str] = []

    def examine() -> None:
        try:
            said.append(f"Right. {judge.examine(answer) or ''}".strip())
        except NotYetError as hint:
            said.append(f"Not yet. {hint}")
        except BaseException as error:
            said.append(f"Not yet. Asked for is {judge.expects}. Yours ended in {_first_line(error)}")

    thread = threading.Thread(target=examine, daemon=True)
    thread.start()
    thread.join(judge.timeout_s)
    if not thread.is_alive():
        return said[0]
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_TimeUpError))
    thread.join(_STOP_S)
    return f"Not yet. After {judge.timeout_s:g} s it was still running: is there a loop that never ends?"


def _first_line(error: BaseException) -> str:
    try:
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    except Exception:
        return f"{type(error).__name__}."
