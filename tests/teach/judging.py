"""What the tests of all judges need: what is said of an answer, and functions that raise or never end."""

from __future__ import annotations

import dataclasses

from helpers.teach.judges import judges_of, verdict


def said(name: str, answer: object, *, timeout_s: float | None = None) -> str:
    """Return what `check` would print of an answer, within a shorter time if one is given."""
    judge = judges_of(name.partition(".")[0])[name]
    return verdict(judge if timeout_s is None else dataclasses.replace(judge, timeout_s=timeout_s), answer)


def endless(*_: object) -> None:
    """Never end."""
    while True:
        pass


def raising(*_: object) -> None:
    """Raise, as a learner's function may."""
    msg = "not ready"
    raise OSError(msg)
