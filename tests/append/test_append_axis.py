"""Tests of helpers.append: places of steps, and units that hold all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.append import UNITS, Axis

START = np.datetime64("2020-01-01", "ns")


@given(
    start=st.integers(-(2**60), 2**60),
    step=st.integers(1, 10**15),
    places=st.lists(st.integers(0, 1000), min_size=2, unique=True).map(sorted),
)
def test_labels_and_places_say_the_same(start: int, step: int, places: list[int]) -> None:
    """For any start and step of nanoseconds, the stored numbers are the labels, exactly."""
    labels = np.datetime64(start, "ns") + np.timedelta64(step, "ns") * np.array([0, *(place + 1 for place in places)])
    axis = Axis.of(labels, dim="time", step=np.timedelta64(step, "ns"))
    assert axis.positions(labels).tolist() == [0, *(place + 1 for place in places)]
    stored = axis.numbers(0, places[-1] + 2).astype(f"M8[{axis.unit}]")
    assert (stored[axis.positions(labels)] == labels).all()


@pytest.mark.parametrize("unit", UNITS)
def test_units_are_the_coarsest_that_are_exact(unit: str) -> None:
    """Seconds where start and step are whole seconds, finer ones where one of them is not."""
    labels = START + np.arange(3).astype(f"m8[{unit}]")
    axis = Axis.of(labels, dim="time")
    assert (axis.unit, axis.step) == (unit, 1)
    assert axis.attributes["units"] == f"{UNITS[unit]} since 1970-01-01"
    odd_start = Axis.of(START + np.int64(1).astype(f"m8[{unit}]") + np.timedelta64(1, "h") * np.arange(3), dim="time")
    assert odd_start.unit == unit


def test_labels_of_another_resolution_are_found() -> None:
    """Times in seconds, microseconds or nanoseconds are the same times."""
    axis = Axis.of(START + np.timedelta64(3, "h") * np.arange(3), dim="time")
    for unit in ("h", "s", "us"):
        assert axis.positions((START + np.timedelta64(6, "h")).astype(f"M8[{unit}]").reshape(1)).tolist() == [2]


def test_times_beyond_nanoseconds() -> None:
    """An axis of seconds reaches beyond the year 2262."""
    labels = np.datetime64("2200-01-01", "s") + np.timedelta64(100, "D") * np.arange(400)
    axis = Axis.of(labels, dim="time")
    assert axis.positions(labels).tolist() == list(range(400))
    assert axis.label(399).startswith("2309")


@pytest.mark.parametrize(
    ("step", "text"), [("3h", "3 h"), ("1D", "1 d"), ("30min", "30 min"), ("90s", "90 s"), ("250ms", "250 ms")]
)
def test_an_axis_says_what_it_is(step: str, text: str) -> None:
    """Start and step as a person writes them."""
    axis = Axis.of(np.array([START]), dim="time", step=step)
    assert str(axis).startswith("time from 2020-01-01T00:00:00")
    assert str(axis).endswith(f", every {text}")
    assert axis.has_step(step)
    assert not axis.has_step("7h")


def test_an_axis_of_integers() -> None:
    """Integers have places too, and no units."""
    axis = Axis.of(np.array([10, 14, 20]), dim="step")
    assert (str(axis), axis.attributes) == ("step from 10, every 2", {})
    assert axis.positions(np.array([10, 30])).tolist() == [0, 10]
    with pytest.raises(ValueError, match="11 is not on the archive's axis"):
        axis.positions(np.array([11]))
    with pytest.raises(TypeError, match="datetime64"):
        axis.positions(np.array([START]))
