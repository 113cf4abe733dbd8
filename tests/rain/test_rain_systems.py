"""Tests of helpers.rain: weather that can be looked up at any hour."""

from __future__ import annotations

import numpy as np

from helpers.rain import systems_at

HOUR = 133_128.0  # 2015-03-11


def test_systems_are_born_grow_drift_and_die() -> None:
    """Followed by the piece of texture that each wears: none leaps, and none starts or ends at full size."""
    hours = [{system.texture: system for system in systems_at(HOUR + hour, seed=3)} for hour in range(0, 60, 2)]
    # Those seen neither at the first nor at the last hour lived in between.
    inner = {texture for hour in hours for texture in hour} - set(hours[0]) - set(hours[-1])
    lives = [[hour[texture] for hour in hours if texture in hour] for texture in inner]
    assert len(lives) > 100
    for life in lives:
        lat, lon = (np.array([getattr(system, axis) for system in life]) for axis in ("lat", "lon"))
        leaps = np.hypot(np.diff(lat), np.diff(lon) * np.cos(np.radians(lat[1:])))
        assert all((leaps > 0) & (leaps < 2))
        if len(life) > 5:
            assert max(system.peak for system in life) > 1.3 * max(life[0].peak, life[-1].peak)


def test_systems_follow_from_the_hour_and_the_seed_alone() -> None:
    """Whatever was asked for before."""
    alone = systems_at(HOUR, seed=5)
    systems_at(HOUR + 3, seed=5)
    assert systems_at(HOUR, seed=5) == alone
    assert not {system.texture for system in systems_at(HOUR, seed=6)} & {system.texture for system in alone}


def test_the_rain_belt_follows_the_sun() -> None:
    """Tropical systems lie further north in August than in February."""

    def middle(day: int) -> float:
        return float(
            np.median([s.lat for s in systems_at(HOUR + 24 * day, seed=1) if s.radius < 5 and abs(s.lat) < 20])
        )

    assert middle(150) > middle(-30) + 3
