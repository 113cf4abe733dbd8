"""Tests of helpers.rain: rain on a map that goes all around."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.rain import System, draw_rain


def test_rain_across_the_edge_of_the_map_is_whole() -> None:
    """Half a system at 359 degrees east, half at 1."""
    one = System(10, 180, 5, 0.6, 0.3, 30, 0.2, 0, 0, 1, 0.4)
    middle, edge = draw_rain([one]), draw_rain([one._replace(lon=0.0)])
    assert middle.max() > 5
    np.testing.assert_array_equal(np.roll(middle, 720, axis=1), edge)


@pytest.mark.parametrize("radius", [0.1, 300.0])
def test_a_system_of_any_size_is_drawn(radius: float) -> None:
    """One smaller than a cell, and one larger than the map."""
    assert draw_rain([System(0, 180, radius, 1, 0, 30, 0.2, 0, 0, 1, 0.999)]).max() >= 0


@pytest.mark.parametrize("lat", [-66.0, 66.0, 90.0])
def test_a_system_beyond_the_map_rains_within_it_or_not_at_all(lat: float) -> None:
    """Its outer part, cut off by the edge."""
    assert draw_rain([System(lat, 5, 2, 1, 0, 30, 0.2, 0, 0, 1, 0.4)]).shape == (480, 1440)


def test_a_system_rains_most_in_its_middle() -> None:
    """And nowhere far from it; a second one beside it changes nothing there."""
    one = System(10, 180, 5, 0.6, 0.3, 30, 0.2, 0, 0, 1, 0.4)
    rain = draw_rain([one])
    assert rain[190:210, 710:730].mean() > 5
    assert not rain[:, :500].any()
    np.testing.assert_array_equal(draw_rain([one, one._replace(lon=40)])[:, 500:], rain[:, 500:])


def test_texture_travels_with_a_system() -> None:
    """Two degrees on, all of it is the same."""
    one = System(0, 180, 2, 0.6, 0.3, 30, 0.2, 0, 0, 1, 0.4)
    np.testing.assert_array_equal(np.roll(draw_rain([one]), 8, axis=1), draw_rain([one._replace(lon=182)]))
