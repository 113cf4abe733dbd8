"""Labels of steps, and the axis they form.

Checks the labels of steps: their kind, their order, and their distance from each other.

Is the axis along which an archive grows: regular, begun once, and exact for every later step.

An archive has one step every `step` from `start` on, so that position and label of a step say the same. A step
that has not come yet has its place: it can be left out, and filled in when it comes. The labels are whole numbers
of a unit that both `start` and `step` are whole numbers of. Every later step is `start` plus a multiple of
`step`: no step can come that the unit does not hold exactly, which is what xarray's own choice of units for the
first piece does not promise (pydata/xarray #5969, #10639).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from datetime import timedelta

    import numpy.typing as npt

__all__ = ["Axis", "Positions", "Step", "distance", "require_sorted"]


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


type Positions = npt.NDArray[np.int64]

# From coarse to fine. Seconds are the coarsest: every tool reads them, and 64 bits hold them for ever.
UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Say which steps an archive has room for.

    Parameters
    ----------
    dim : str
        The dimension.
    start, step : int
        The first step, since 1970-01-01 where the axis is one of time, and the distance between two.
    unit : {"s", "ms", "us", "ns", ""}
        What they count; nothing on an axis of integers.

    Examples
    --------
    >>> hours = np.array(["2020-01-01T00", "2020-01-01T06", "2020-01-01T09"], "M8[ns]")
    >>> axis = Axis.of(hours, dim="time")
    >>> axis
    Axis(time from 2020-01-01T00:00:00, every 3 h)
    >>> axis.positions(hours)
    array([0, 2, 3])
    """

    dim: str
    start: int
    step: int
    unit: str

    @classmethod
    def of(cls, labels: npt.NDArray[np.generic], *, dim: str, step: Step | None = None) -> Axis:
        """Begin an axis with the labels of the first steps.

        Parameters
        ----------
        labels : array of datetime64 or integer, shape (steps,)
            Sorted, without duplicates, at least one.
        dim : str
            The dimension.
        step : str, int, timedelta or np.timedelta64, optional
            The distance between two steps: ``"3h"``. Without it, the largest that all labels agree with.

        Returns
        -------
        Axis
            One that starts at the first label.

        Raises
        ------
        TypeError
            If the labels are neither times nor integers.
        ValueError
            If they are not sorted, or `step` is missing with one label only, is not above zero, or does not
            agree with the labels.
        """
        require_sorted(labels, dim)
        if not labels.size:
            msg = f"the first piece has no steps along {dim!r}. Begin the archive with at least one."
            raise ValueError(msg)
        times = labels.dtype.kind == "M"
        apart = distance(step, labels, dim=dim)
        for unit in UNITS if times else ("",):
            axis = cls._in_unit(labels[0], apart, dim=dim, unit=unit)
            if axis is not None:
                axis.positions(labels)
                return axis
        msg = f"the axis {dim!r} from {labels[0]!s} every {apart!s} does not fit 64 bits of nanoseconds."
        raise ValueError(msg)

    @classmethod
    def _in_unit(cls, first: np.generic, apart: np.generic, *, dim: str, unit: str) -> Axis | None:
        if not unit:
            return cls(dim=dim, start=int(first.item()), step=int(apart.item()), unit=unit)
        start, step = first.astype(f"M8[{unit}]"), apart.astype(f"m8[{unit}]")
        if start != first or step != apart:
            return None
        return cls(dim=dim, start=int(start.astype(np.int64)), step=int(step.astype(np.int64)), unit=unit)

    def __repr__(self) -> str:
        return f"Axis({self})"

    def __str__(self) -> str:
        return f"{self.dim} from {self.label(0)}, every {self._written_step()}"

    @property
    def attributes(self) -> dict[str, str]:
        """What makes the stored numbers times, in the words of the CF conventions."""
        if not self.unit:
            return {}
        return {"units": f"{UNITS[self.unit]} since 1970-01-01", "calendar": "proleptic_gregorian"}

    def has_step(self, step: Step) -> bool:
        """Whether a distance between two steps is that of the axis."""
        first = np.zeros(1, f"M8[{self.unit}]" if self.unit else np.int64)
        apart = distance(step, first, dim=self.dim)
        return bool(apart == (np.int64(self.step).astype(f"m8[{self.unit}]") if self.unit else self.step))

    def label(self, position: int) -> str:
        """Return the label at a position, as text."""
        number = np.int64(self.start + position * self.step)
        return str(number.astype(f"M8[{self.unit}]") if self.unit else number)

    def numbers(self, begin: int, end: int) -> Positions:
        """Return the labels from one position up to another as they are stored."""
        return self.start + self.step * np.arange(begin, end, dtype=np.int64)

    def positions(self, labels: npt.NDArray[np.generic]) -> Positions:
        """Return where steps lie on the axis.

        Parameters
        ----------
        labels : array of datetime64 or integer, shape (steps,)
            Their labels.

        Returns
        -------
        array of int64, shape (steps,)
            Ascending positions from 0 on.

        Raises
        ------
        TypeError
            If they are times on an axis of integers, or the reverse.
        ValueError
            If they are not sorted, one appears twice, or one is not on the axis or before its start.
        """
        require_sorted(labels, self.dim)
        if (labels.dtype.kind == "M") != bool(self.unit):
            msg = f"{self.dim!r} is {labels.dtype}, the archive's axis is {self}. Append steps of the same kind."
            raise TypeError(msg)
        numbers = labels.astype(f"M8[{self.unit}]") if self.unit else labels
        places, off = np.divmod(numbers.astype(np.int64) - self.start, self.step)
        off = (off != 0) | (numbers != labels)
        if off.any():
            msg = (
                f"{labels[off][0]!s} is not on the archive's axis: {self}. Append steps that are, "
                f"or begin an archive with a smaller step=."
            )
            raise ValueError(msg)
        if places.size and places[0] < 0:
            msg = (
                f"{labels[0]!s} is before the archive's start: {self}. An archive grows at its end only: leave out "
                f"what is earlier, or begin another one with it."
            )
            raise ValueError(msg)
        return places.astype(np.int64)

    def _written_step(self) -> str:
        if not self.unit:
            return str(self.step)
        seconds = self.step / PER_SECOND[self.unit]
        for name, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
            if seconds % length == 0:
                return f"{int(seconds // length)} {name}"
        return f"{self.step} {self.unit}"
