"""Tells which weather systems are alive at an hour, without running the hours before.

Systems of a few kinds are born every day. The systems of one day are drawn from a generator that is seeded by the
seed and the day alone, so those alive at an hour follow from the days just before it. All numbers are invented:
they are chosen so that maps look like rain, and they are no climatology.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Draws = NDArray[np.float64]

__all__ = ["System", "systems_at"]

# Where tropical rain gathers: degrees east, and how far around. The last is everywhere.
_WET = np.array([(118, 34), (165, 44), (300, 17), (22, 20), (80, 22), (180, 180)])
# Where cyclones begin, degrees east.
_WARM_SEAS = np.array([70, 135, 160, 255, 310])
_DRAWS = 13


class System(NamedTuple):
    """Hold one weather system as it is at one hour.

    Attributes
    ----------
    lat, lon : float
        Its centre, degrees north and east; the longitude may lie outside 0 to 360.
    radius : float
        Half of its longer axis, degrees of latitude.
    aspect : float
        Its shorter axis over its longer one.
    angle : float
        From east to the longer axis, radians anticlockwise.
    peak : float
        About its strongest rain, mm/h.
    dryness : float
        How much of it stays dry, 0 to 1.
    bend : float
        How far its ends hang back from its middle, in radii.
    arms : float
        Spiral arms; 0 for none.
    phase : float
        How far its texture has changed, radians.
    texture : float
        Which piece of the texture it wears, 0 to 1.
    """

    lat: float
    lon: float
    radius: float
    aspect: float
    angle: float
    peak: float
    dryness: float
    bend: float
    arms: float
    phase: float
    texture: float


def systems_at(hour: float, *, seed: int) -> list[System]:
    """List the systems that are alive at an hour.

    Parameters
    ----------
    hour : float
        Hours since 2000-01-01, at least 240.
    seed : int
        At least 0. Another seed gives other weather.

    Returns
    -------
    list of System
        About 250, always in the same order.

    Examples
    --------
    >>> now, then = systems_at(1000.0, seed=7), systems_at(1003.0, seed=7)
    >>> now == systems_at(1000.0, seed=7), now == then
    (True, False)
    """
    return [system for kind in _KINDS for system in _alive(kind, hour, seed=seed)]


class _Birth(NamedTuple):
    """Where systems are born, degrees, how they lie, and how they drift, degrees of latitude an hour."""

    lat: Draws
    lon: Draws
    angle: Draws
    east: Draws
    north: Draws


def _tropics(draws: Draws, season: Draws) -> _Birth:
    """Two belts that follow the sun, wetter at some longitudes than at others. Systems drift west."""
    centre, spread = _WET[(draws[0] ** 0.9 * len(_WET)).astype(int)].T
    north = draws[1] < 0.68
    return _Birth(
        lat=np.where(north, 5.5, -8) + 5 * season + np.where(north, 3.5, 7) * _bell(draws[2]),
        lon=centre + spread * _bell(draws[3]),
        angle=0.5 * _bell(draws[4]),
        east=-0.22 + 0.14 * _bell(draws[5]),
        north=0.05 * _bell(draws[6]),
    )


def _anywhere(draws: Draws, season: Draws) -> _Birth:
    """All over. Systems drift west in the tropics and east beyond them."""
    lat = 44 * (2 * draws[0] - 1) + 3 * season
    return _Birth(
        lat=lat,
        lon=360 * draws[1],
        angle=0.6 * _bell(draws[2]),
        east=np.where(np.abs(lat) < 22, -0.2, 0.25) + 0.06 * _bell(draws[3]),
        north=0.04 * _bell(draws[4]),
    )


def _storm_tracks(draws: Draws, season: Draws) -> _Birth:
    """Middle latitudes of either hemisphere. Systems move east and a little towards the pole."""
    side = np.where(draws[0] < 0.5, 1.0, -1.0)
    return _Birth(
        lat=side * (44 + 7 * _bell(draws[1])) + 3 * season,
        lon=360 * draws[2],
        angle=side * (0.3 + 0.75 * draws[3]),
        east=0.25 + 0.3 * draws[4],
        north=side * 0.06 * draws[5],
    )


def _warm_seas(draws: Draws, season: Draws) -> _Birth:
    """Warm seas, mostly of the hemisphere that has summer. Systems move west and towards the pole."""
    side = np.where(draws[0] < 0.5 + 0.4 * season, 1.0, -1.0)
    return _Birth(
        lat=side * (9 + 8 * draws[1]),
        lon=_WARM_SEAS[(draws[2] * len(_WARM_SEAS)).astype(int)] + 15 * _bell(draws[3]),
        angle=3 * draws[4],
        east=-0.14 - 0.1 * draws[5],
        north=side * (0.03 + 0.05 * draws[6]),
    )


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What systems of one kind have in common. A pair is a least and a most."""

    births: float  # in a day
    place: Callable[[Draws, Draws], _Birth]
    life_h: tuple[float, float]
    radius: tuple[float, float]
    aspect: tuple[float, float]
    peak: tuple[float, float]
    dryness: float
    bend: float = 0.0
    arms: float = 0.0


_CLUSTERS = _Kind(
    births=125, place=_tropics, life_h=(8, 48), radius=(0.7, 4.5), aspect=(0.4, 1), peak=(7, 32), dryness=0.5
)
_SHOWERS = _Kind(
    births=50, place=_anywhere, life_h=(9, 30), radius=(3, 8), aspect=(0.3, 0.8), peak=(8, 24), dryness=0.85
)
_FRONTS = _Kind(
    births=11, place=_storm_tracks, life_h=(48, 108), radius=(7, 17), aspect=(0.1, 0.22), peak=(4, 13), dryness=0.4,
    bend=0.2,
)  # fmt: skip
_CYCLONES = _Kind(
    births=0.45, place=_warm_seas, life_h=(120, 210), radius=(2, 3.2), aspect=(0.9, 1), peak=(20, 36), dryness=0.2,
    arms=2,
)  # fmt: skip
_KINDS = (_CLUSTERS, _SHOWERS, _FRONTS, _CYCLONES)


def _alive(kind: _Kind, hour: float, *, seed: int) -> list[System]:
    born, draws = _births(kind, hour, seed=seed)
    life, age = _between(kind.life_h, draws[0]), hour - born
    alive = (age >= 0) & (age < life)
    born, age, life, draws = born[alive], age[alive], life[alive], draws[:, alive]
    # From the hour of birth alone, as all that is fixed at birth.
    start = kind.place(draws[6:], np.sin(2 * np.pi * (born / 24 - 115) / 365.25))
    strength = np.sin(np.pi * age / life)
    columns = {
        "lat": start.lat + start.north * age,
        "lon": start.lon + start.east * age / np.cos(np.radians(start.lat)),
        "radius": _between(kind.radius, draws[1] ** 1.5) * (0.5 + 0.5 * strength),
        "aspect": _between(kind.aspect, draws[2]),
        "angle": start.angle + 0.004 * age * np.sign(start.lat),
        "peak": _between(kind.peak, draws[3] ** 1.5) * strength**0.7,
        "phase": 2 * np.pi * (draws[4] + age / 36),
        "texture": draws[5],
    }
    same = {"dryness": kind.dryness, "bend": kind.bend, "arms": kind.arms}
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [System(**dict(zip(columns, row, strict=True)), **same) for row in rows]


def _births(kind: _Kind, hour: float, *, seed: int) -> tuple[Draws, Draws]:
    """Return when the systems of the last days were born, hours, and the draws of each: (`_DRAWS`, systems)."""
    today = int(hour // 24)
    born, draws = [], []
    for day in range(today - int(kind.life_h[1] // 24) - 1, today + 1):
        rng = np.random.default_rng((seed, day, _KINDS.index(kind)))
        number = rng.poisson(kind.births)
        born.append((day + rng.random(number)) * 24)
        draws.append(rng.random((_DRAWS, number)))
    return np.concatenate(born), np.concatenate(draws, axis=1)


def _between(pair: tuple[float, float], draw: Draws) -> Draws:
    return pair[0] + (pair[1] - pair[0]) * draw


def _bell(draw: Draws) -> Draws:
    """Turn a draw between 0 and 1 into one around 0, most often near it."""
    return np.log((draw + 0.005) / (1.005 - draw)) * 0.55
