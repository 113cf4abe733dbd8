"""Checks the labels of steps: their kind, their order, and their distance from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from datetime import timedelta

    import numpy.typing as npt

__all__ = ["Step", "distance", "require_sorted"]

type Step = str | int | np.timedelta64 | timedelta


def require_sorted(labels: npt.NDArray[np.generic], dim: str) -> None:
    """Raise an error unless labels are times or integers, each later than the one before it.

    Parameters
    ----------
    labels : array of datetime64 or integer, shape (steps,)
        The labels.
    dim : str
        The dimension.

    Raises
    ------
    TypeError
        If they are of another kind.
    ValueError
        If one is missing, appears twice, or comes after a later one.
    """
    if labels.dtype.kind not in "Miu":
        msg = (
            f"{dim!r} is of type {labels.dtype}. An archive grows along datetime64 or integers: convert times of "
            f"another calendar, and floating-point numbers, to one of these."
        )
        raise TypeError(msg)
    if labels.dtype.kind == "M" and np.isnat(labels).any():
        msg = f"{dim!r} holds NaT at {np.flatnonzero(np.isnat(labels))[0]}. Leave out steps without a time."
        raise ValueError(msg)
    numbers = labels.astype(np.int64)
    wrong = np.flatnonzero(numbers[1:] <= numbers[:-1])
    if wrong.size:
        before, after = labels[wrong[0]], labels[wrong[0] + 1]
        what, cure = (
            ("appears twice", f'drop_duplicates("{dim}")')
            if before == after
            else (f"comes after {before!s}", f'sortby("{dim}")')
        )
        msg = f"{dim!r} is not in order: {after!s} {what}. Use ds.{cure}."
        raise ValueError(msg)


def distance(step: Step | None, labels: npt.NDArray[np.generic], *, dim: str) -> np.generic:
    """Return how far two steps are from each other: as given, or the most that all labels agree with.

    Parameters
    ----------
    step : str, int, timedelta or np.timedelta64, optional
        The distance, if it is given.
    labels : array of datetime64 or integer, shape (steps,)
        Sorted labels, at least one.
    dim : str
        The dimension.

    Returns
    -------
    np.timedelta64 or np.int64
        The distance.

    Raises
    ------
    TypeError
        If it is given in another kind than the labels.
    ValueError
        If it is not above zero, or there is one label only to take it from.

    Examples
    --------
    >>> hours = np.array(["2020-01-01T00", "2020-01-01T06", "2020-01-01T09"], "M8[h]")
    >>> distance(None, hours, dim="time")
    np.timedelta64(3,'h')
    """
    given: np.generic
    if step is None:
        if labels.size == 1:
            msg = f"one step does not say how far the next one along {dim!r} is. Give step=, such as step='3h'."
            raise ValueError(msg)
        gaps = np.diff(labels)
        divisor = np.gcd.reduce(gaps.astype(np.int64))
        given = divisor.astype(gaps.dtype)
    elif labels.dtype.kind == "M":
        if isinstance(step, int):
            msg = f"step={step!r} has no unit. Give one, such as '{step}h'."
            raise TypeError(msg)
        given = pd.Timedelta(step).to_timedelta64()
    elif isinstance(step, int):
        given = np.int64(step)
    else:
        msg = f"step={step!r}, but {dim!r} holds integers. Give the distance between two of them."
        raise TypeError(msg)
    if not int(given.astype(np.int64)) > 0:
        msg = f"step={step!r} is not allowed. It must be above zero."
        raise ValueError(msg)
    return given
