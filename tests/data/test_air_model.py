"""Tests of helpers.data: invented, but like weather where the lesson relies on it."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.data import LAT, LON, land, temperatures

YEAR = np.arange(0, 8760, 6)


@pytest.fixture(scope="module")
def maps() -> np.ndarray:
    """Return a year."""
    return temperatures(YEAR, seed=7)


def test_any_hour_is_the_same_whatever_is_asked_with_it(maps: np.ndarray) -> None:
    """Time enters as a number: a piece of the year is that piece."""
    np.testing.assert_allclose(temperatures(YEAR[700:720], seed=7), maps[700:720], rtol=0, atol=1e-9)


def test_another_seed_is_other_weather_in_the_same_climate(maps: np.ndarray) -> None:
    """Steps differ by kelvins, means over the year hardly."""
    other = temperatures(YEAR, seed=8)
    assert abs(other - maps).max() > 5
    assert abs(other.mean(0) - maps.mean(0)).max() < 2


def test_it_is_cold_in_the_north_and_in_winter(maps: np.ndarray) -> None:
    """The mean falls with latitude, and July is warmer than January everywhere."""
    assert (np.diff(maps.mean((0, 2))) > 0).all()
    assert (maps[724:848].mean(0) > maps[:124].mean(0)).all()
    assert 210 < maps.min() < maps.max() < 325


def test_land_swings_wider_than_the_sea(maps: np.ndarray) -> None:
    """From month to month, and from step to step."""
    inland, sea = (int(np.flatnonzero(lon == LON)[0]) for lon in (255, 215))
    row = int(np.flatnonzero(LAT == 45)[0])
    swing = maps[724:848, row].mean(0) - maps[:124, row].mean(0)
    assert swing[inland] > 1.5 * swing[sea]
    daily = np.ptp(maps[:, row].reshape(365, 4, -1), axis=1).mean(0)
    assert daily[inland] > 2 * daily[sea]


def test_weather_moves_east(maps: np.ndarray) -> None:
    """What is here now is farther east a day later, rather than farther west."""
    row = maps[:, int(np.flatnonzero(LAT == 50)[0])]
    change = row - row.mean(0)
    # Over land alone, and at one hour of the day, so that neither coasts nor days count.
    today, later = change[:-4:4], change[4::4]
    east = np.corrcoef(today[:, 16:30].ravel(), later[:, 20:34].ravel())[0, 1]
    west = np.corrcoef(today[:, 16:30].ravel(), later[:, 12:26].ravel())[0, 1]
    assert east > west


def test_the_map_has_the_shape_of_the_grid() -> None:
    """And the middle of the continent is land, the middle of both oceans sea."""
    assert land().shape == (LAT.size, LON.size) == (25, 53)
    places = {(45, 255): True, (45, 215): False, (30, 310): False}
    assert {place: bool(land()[list(LAT).index(place[0]), list(LON).index(place[1])]) for place in places} == places
