"""Tests of helpers.append: order and distance of labels."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.append import distance, require_sorted

if TYPE_CHECKING:
    from helpers.append import Step

HOURS = np.array(["2020-01-01T00", "2020-01-01T06", "2020-01-01T15"], "M8[ns]")


@pytest.mark.parametrize("step", ["3h", "180min", timedelta(hours=3), np.timedelta64(3, "h"), None])
def test_a_distance_can_be_said_in_many_ways(step: Step | None) -> None:
    """Text, timedelta, numpy's timedelta64, or what the labels agree on."""
    assert distance(step, HOURS, dim="time") == np.timedelta64(3, "h")


def test_a_distance_of_integers() -> None:
    """Integers have an integer distance."""
    assert distance(None, np.array([4, 10, 13]), dim="step") == 3
    assert distance(2, np.array([4]), dim="step") == 2


def test_order_is_required() -> None:
    """Sorted labels pass, others do not, and one label or none is always sorted."""
    for labels in (HOURS, HOURS[:1], HOURS[:0], np.array([1, 2], np.uint8)):
        require_sorted(labels, "time")
    with pytest.raises(ValueError, match="comes after 2020-01-01T15"):
        require_sorted(HOURS[[0, 2, 1]], "time")
