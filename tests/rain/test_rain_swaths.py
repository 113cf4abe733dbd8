"""Tests of helpers.rain: what saw each cell."""

from __future__ import annotations

import numpy as np

from helpers.rain import FIELDS, LAT, LON, sources_at

HOUR = 133_128.0  # 2015-03-11


def test_satellites_see_strips_and_infrared_stops_at_50_degrees() -> None:
    """All numbers are those of the format; over a day, each satellite sees its share."""
    maps = [sources_at(HOUR + 3 * number, seed=7) for number in range(8)]
    day = np.array(maps)
    assert set(np.unique(day)) <= set(FIELDS["source"].attrs["flag_values"])
    assert not (day[:, np.abs(LAT) > 50] == 50).any()
    assert not (day[:, np.abs(LAT) > 45] == 2).any()
    assert all(0.005 < (day == number).mean() < 0.3 for number in (1, 2, 3, 5, 6, 30, 31))
    assert 0.1 < (day == 50).mean() < 0.5
    assert 0.01 < (day == 0).mean() < 0.2
    assert len({each.tobytes() for each in maps}) == 8
    assert day.shape == (8, LAT.size, LON.size)


def test_seeds_differ_in_what_is_lost_only() -> None:
    """The satellites are where they are."""
    one, other = sources_at(HOUR, seed=1), sources_at(HOUR, seed=2)
    assert sources_at(HOUR, seed=1).tobytes() == one.tobytes() != other.tobytes()
    both = (one > 0) & (other > 0)
    assert (one[both] == other[both]).mean() > 0.99
