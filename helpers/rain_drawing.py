"""Draws the rain of weather systems on the map of 3B42RT.

Each system is an ellipse, bent if it is a front and coiled if it is a cyclone, torn into cells by a texture that
travels with it and slowly changes.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from helpers.rain_fields import LAT, LON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from helpers.rain_systems import System

    type Floats = NDArray[np.float32]

__all__ = ["draw_rain"]

_STEP_DEG = 0.25
_TILE = 256  # cells after which the texture repeats
_PAD = 200  # columns drawn beyond either edge of the map; no system reaches further
_EDGE = math.sqrt(8)  # where rain ends for good, in radii
_TEAR = 0.36  # how much the texture adds to rain or takes from it
_WARP = 0.085  # how far it shifts the outline, in units of _EDGE radii
_COIL = 5.0  # how tightly the arms of cyclones are wound


def draw_rain(systems: Iterable[System]) -> Floats:
    """Draw the rain of systems; where they overlap, the strongest counts.

    Parameters
    ----------
    systems : iterable of System
        Such as `helpers.rain_systems.systems_at` lists.

    Returns
    -------
    numpy.ndarray
        Rain in mm/h, of shape (480, 1440), from the north-west.

    Examples
    --------
    >>> from helpers.rain_systems import systems_at
    >>> rain = draw_rain(systems_at(1000.0, seed=7))
    >>> rain.shape, bool(0.02 < (rain > 0.1).mean() < 0.2)
    ((480, 1440), True)
    """
    # The map goes all around: what is drawn beyond one edge belongs inside the other.
    canvas = np.zeros((LAT.size, LON.size + 2 * _PAD), "f4")
    for system in systems:
        _add(canvas, system)
    rain = canvas[:, _PAD:-_PAD]
    np.maximum(rain[:, -_PAD:], canvas[:, :_PAD], out=rain[:, -_PAD:])
    np.maximum(rain[:, :_PAD], canvas[:, -_PAD:], out=rain[:, :_PAD])
    return rain


def _add(canvas: Floats, system: System) -> None:
    row, column = (LAT[0] - system.lat) / _STEP_DEG, (system.lon - LON[0]) % 360 / _STEP_DEG + _PAD
    middle, centre = round(row), round(column)
    squeeze = max(math.cos(math.radians(system.lat)), 0.4)  # a degree of longitude, in degrees of latitude
    high, wide = _reach(system, squeeze)
    top, bottom = max(middle - high, 0), min(middle + high + 1, canvas.shape[0])
    if top >= bottom:
        return
    left, right = centre - wide, centre + wide + 1
    tears, warps = _texture(system, top - middle, left - centre, (bottom - top, right - left))
    cell = _STEP_DEG / (system.radius * _EDGE)
    y = (row - np.arange(top, bottom, dtype="f4"))[:, None] * cell
    x = (np.arange(left, right, dtype="f4") - column) * (cell * squeeze)
    form = _form(system, x, y, warps)
    wet = math.cos(system.phase) * tears[0]
    wet += math.sin(system.phase) * tears[1]
    wet += form
    wet *= form
    wet -= system.dryness
    np.maximum(wet, 0, out=wet)
    wet *= wet
    wet *= system.peak
    piece = canvas[top:bottom, left:right]
    np.maximum(piece, wet, out=piece)


def _reach(system: System, squeeze: float) -> tuple[int, int]:
    """Return how many rows and columns from its centre a system may rain."""
    # Beyond this twice the usual texture leaves it dry: form * (form + 2 * _TEAR) = dryness.
    faintest = math.sqrt(_TEAR * _TEAR + system.dryness) - _TEAR
    along = _EDGE * (math.sqrt(1 - faintest**0.25) + 1.5 * _WARP)
    across = along * system.aspect + system.bend * along * along
    cos, sin = math.cos(system.angle), math.sin(system.angle)
    radius = system.radius / _STEP_DEG
    high = int(radius * math.hypot(along * sin, across * cos)) + 1
    wide = int(radius / squeeze * math.hypot(along * cos, across * sin)) + 1
    return min(high, _PAD - 2), min(wide, _PAD - 2)


def _form(system: System, x: Floats, y: Floats, warps: Floats) -> Floats:
    """Return 1 in the middle of a system, falling to 0 outside; `x` and `y` are in units of `_EDGE` radii."""
    cos, sin, thin = math.cos(system.angle), math.sin(system.angle), 1 / system.aspect
    side = math.copysign(1, system.lat)
    along = cos * x + sin * y
    across = cos * thin * y - sin * thin * x
    if system.bend:
        across += side * system.bend * _EDGE * thin * along * along
    along += warps[0]
    across += warps[1]
    distance = along * along
    distance += across * across
    if system.arms:
        turn = system.arms * np.arctan2(across, along, dtype="f8")
        turn += side * _COIL * np.log(_EDGE * np.sqrt(distance, dtype="f8") + 0.12)
        distance += (0.9 - 0.9 * np.cos(turn)).astype("f4") * np.minimum(distance, 1 / _EDGE**2)
    # Nearly a bell, but made of products: they round alike on every processor, which an exponential does not.
    form: Floats = np.maximum(1 - distance, 0)
    form *= form
    form *= form
    return form


def _texture(system: System, above: int, before: int, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Cut pieces of the textures out, laid by the system's centre so that they travel with it."""
    row, column = divmod(int(system.texture * _TILE**2), _TILE)
    row, column = (row + above) % _TILE, (column + before) % _TILE
    pieces = _textures()[:, row : row + shape[0], column : column + shape[1]]
    return pieces[:2], pieces[2:]


@lru_cache(maxsize=1)
def _textures() -> Floats:
    """Make two textures that tear and the same two to warp, repeated so that any piece can be cut from them."""
    noise = np.fft.rfft2(np.random.default_rng(0).standard_normal((2, _TILE, _TILE)))
    waves = np.hypot(np.fft.fftfreq(_TILE)[:, None], np.fft.rfftfreq(_TILE))
    waves[0, 0] = np.inf
    textures = np.fft.irfft2(noise * (waves + 0.02) ** -1.6)
    textures /= textures.std(axis=(1, 2), keepdims=True)
    # Rounded, so that the last digits of the transform, which differ between machines, make no difference.
    both = np.round(np.concatenate([_TEAR * textures, _WARP * textures]), 3)
    tiled = np.tile(both.astype("f4"), (1, 3, 3))
    tiled.flags.writeable = False
    return tiled
