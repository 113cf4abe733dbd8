"""Tells what saw each cell of a 3B42RT map: the swaths of satellites in orbit, infrared between them, or nothing.

The orbits are made up in the manner of the real ones: five satellites, each imaging a strip below it, and pictures
from above the equator that serve between 50° N and 50° S. Strips get lost, and now and then a part of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from helpers.rain_fields import LAT, LON, RELIABLE_DEG

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Cells = NDArray[np.bool_]
    type Ints = NDArray[np.int_]

__all__ = ["IR", "sources_at"]

IR = 50
"""The number of infrared pictures."""
_COARSE = 2  # cells to a side of what is told apart
_LAT, _LON = (axis.reshape(-1, _COARSE).mean(axis=1) for axis in (LAT, LON))
_WINDOW_H = 3
_SPARSE = 100
_LOST_SHARES = (0.4, 0.3, 0.15, 0.1, 0.05)


@dataclass(frozen=True)
class _Orbit:
    """A circular orbit and the strip seen from it."""

    source: int
    average: int  # the number for cells that another satellite of its group saw too
    inclination_deg: float
    period_h: float
    drift_deg_h: float  # how fast the globe turns below it; 15 keeps to the same local time
    node_deg: float  # where it crosses the equator northwards at hour 0
    half_width_deg: float


_ORBITS = (
    _Orbit(6, 30, 98.7, 1.69, 15, 322, 9.5),
    _Orbit(1, 30, 98.7, 1.70, 15, 72, 9.5),
    _Orbit(5, 31, 98.8, 1.70, 15, 256, 7.4),
    _Orbit(3, 31, 98.2, 1.65, 15, 203, 6.3),
    _Orbit(2, 31, 35.0, 1.54, 15.33, 10, 3.8),
)


def sources_at(hour: float, *, seed: int) -> NDArray[np.int8]:
    """Say what saw each cell in the three hours around an hour.

    Parameters
    ----------
    hour : float
        Hours since a midnight.
    seed : int
        At least 0. It decides what gets lost; the orbits are the same for all.

    Returns
    -------
    numpy.ndarray
        The numbers that 3B42RT gives to its sources, of shape (480, 1440); 0 where nothing saw the cell.

    Examples
    --------
    >>> np.unique(sources_at(1000.0, seed=7)[60:]).tolist()
    [0, 1, 2, 3, 5, 6, 30, 31, 50, 101, 102, 103, 105, 106]
    """
    sources = np.zeros((_LAT.size, _LON.size), "i1")
    sources[np.abs(_LAT) < RELIABLE_DEG] = IR
    for rows, columns in _lost_pictures(hour, seed=seed):
        sources[np.ix_(rows, columns)] = 0
    *strips, lost = _strips([*(_passes(orbit, hour) for orbit in _ORBITS), *_lost_passes(hour, seed=seed)])
    seen = {orbit.average: np.zeros(sources.shape, "?") for orbit in _ORBITS}
    for orbit, strip in zip(_ORBITS, strips, strict=True):
        np.copyto(sources, orbit.source, where=strip)
        np.copyto(sources, _SPARSE + orbit.source, where=_edges(strip))
        np.copyto(sources, orbit.average, where=strip & seen[orbit.average])
        seen[orbit.average] |= strip
    np.copyto(sources, 0, where=lost)
    return sources.repeat(_COARSE, axis=0).repeat(_COARSE, axis=1)


def _passes(orbit: _Orbit, hour: float) -> tuple[_Orbit, Ints]:
    """List the half orbits whose middle lies within the window. Even ones run north, odd ones south."""
    half = orbit.period_h / 2
    return orbit, np.arange(np.ceil((hour - _WINDOW_H / 2) / half), np.ceil((hour + _WINDOW_H / 2) / half), dtype=int)


def _strips(passes: list[tuple[_Orbit, Ints]]) -> list[Cells]:
    """Mark the cells below each satellite, at most eight of them."""
    # One at the first cell of each run, minus one after its last: what has been added up by a cell counts the
    # runs that it is in. A byte for each satellite, so that all are added up at once.
    turns = np.zeros((_LAT.size, _LON.size + 1), "<i8")
    for lane, (orbit, numbers) in enumerate(passes):
        rows, first, after = _runs(orbit, numbers)
        one = 1 << 8 * lane
        np.add.at(turns, (rows, first), one)
        np.add.at(turns, (rows, after % _LON.size), -one)
        np.add.at(turns[:, 0], rows[after >= _LON.size], one)
    counts = np.cumsum(turns[:, :-1], axis=1).view("u1").reshape(_LAT.size, _LON.size, 8)
    return [counts[:, :, lane] > 0 for lane in range(len(passes))]


def _runs(orbit: _Orbit, numbers: Ints) -> tuple[Ints, Ints, Ints]:
    """Return rows that half orbits cross, and in each the first column of the strip and the one after its last."""
    tilt, width = np.radians(orbit.inclination_deg), np.radians([-orbit.half_width_deg, orbit.half_width_deg])
    # Along the edges of the strip: sin(lat) = cos(width) sin(angle) sin(tilt) + sin(width) cos(tilt).
    sine = (np.sin(np.radians(_LAT))[:, None] - np.sin(width) * np.cos(tilt)) / (np.cos(width) * np.sin(tilt))
    rows = np.flatnonzero((np.abs(sine) < 1).any(axis=1))
    north = np.arcsin(np.clip(sine[rows], -1, 1))
    angle = np.where(numbers[:, None, None] % 2, np.pi - north, north)
    y = np.cos(width) * np.sin(angle) * np.cos(tilt) - np.sin(width) * np.sin(tilt)
    hour = (numbers[:, None, None] // 2 + angle / (2 * np.pi)) * orbit.period_h
    lon = np.degrees(np.arctan2(y, np.cos(width) * np.cos(angle))) + orbit.node_deg - orbit.drift_deg_h * hour
    apart = (lon[..., 1] - lon[..., 0] + 180) % 360 - 180
    cell = 360 / _LON.size
    first = np.floor(np.where(apart > 0, lon[..., 0], lon[..., 1]) / cell).astype(int) % _LON.size
    after = first + np.round(np.abs(apart) / cell).astype(int)
    return np.tile(rows, len(numbers)), first.ravel(), after.ravel()


def _edges(strip: Cells) -> Cells:
    edges = strip.copy()
    edges[:, 1:-1] &= ~(strip[:, 2:] & strip[:, :-2])
    edges[:, [0, -1]] = False
    return edges


def _lost_passes(hour: float, *, seed: int) -> list[tuple[_Orbit, Ints]]:
    """Return the half orbits below which nothing is left: as one satellite's, from none to four of them."""
    rng = np.random.default_rng((seed, int(hour), 1))
    orbit = _Orbit(0, 0, 98.7, 1.7, 15, rng.uniform(0, 360), rng.uniform(0.6, 2))
    number, count = rng.integers(0, 1000), rng.choice(5, p=_LOST_SHARES)
    return [(orbit, np.arange(number, number + count))]


def _lost_pictures(hour: float, *, seed: int) -> list[tuple[Cells, Cells]]:
    """Return the rows and columns of a picture that is lost for some hours of most days, if this is one of them."""
    day = int(hour // 24)
    rng = np.random.default_rng((seed, day, 2))
    begin, lasts = rng.uniform(0, 18), rng.uniform(2, 10)
    if not begin <= hour - 24 * day < begin + lasts:
        return []
    south, middle = rng.uniform(-45, 10), rng.choice([0, 75, 140, 225, 285])
    columns = np.abs((_LON - middle + 180) % 360 - 180) < rng.uniform(15, 32)
    return [((south < _LAT) & (south + rng.uniform(15, 60) > _LAT), columns)]
