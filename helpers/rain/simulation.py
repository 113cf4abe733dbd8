"""Synthetic rain, and files of it.

Tells which weather systems are alive at an hour, without running the hours before.

Systems of a few kinds are born every day. The systems of one day are drawn from a generator that is seeded by the
seed and the day alone, so those alive at an hour follow from the days just before it. All numbers are invented:
they are chosen so that maps look like rain, and they are no climatology.

Draws the rain of weather systems on the map of 3B42RT.

Each system is an ellipse, bent if it is a front and coiled if it is a cyclone, torn into cells by a texture that
travels with it and slowly changes.

Tells what saw each cell of a 3B42RT map: the swaths of satellites in orbit, infrared between them, or nothing.

The orbits are made up in the manner of the real ones: five satellites, each imaging a strip below it, and pictures
from above the equator that serve between 50° N and 50° S. Strips get lost, and now and then a part of a picture.

Simulates rain as 3B42RT would see it: synthetic, but worth looking at.

Weather systems drift, grow and die from step to step; between them it is dry. Satellites see strips of it, infrared
fills in between them, and some of it nothing sees.

Makes the files of simulated rain, one after the other, under the paths that 3B42RT's provider gave them.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from helpers.rain.codec import encode
from helpers.rain.format import LAST, LAT, LON, RELIABLE_DEG, SCALE, file_name, make_dataset, nominal_time
from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    type Draws = NDArray[np.float64]
    from collections.abc import Iterable

    type Floats = NDArray[np.float32]
    type Cells = NDArray[np.bool_]
    type Ints = NDArray[np.int_]
    from collections.abc import Iterator

    import xarray as xr

    from helpers.rain.format import Time

__all__ = ["IR", "System", "draw_rain", "file_path", "simulate", "simulated_files", "sources_at", "systems_at"]


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
        Such as `helpers.rain.systems_at` lists.

    Returns
    -------
    numpy.ndarray
        Rain in mm/h, of shape (480, 1440), from the north-west.

    Examples
    --------
    >>> from helpers.rain import systems_at
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


_EPOCH = np.datetime64("2000-01-01", "s")
_FAINTEST, _STRONGEST = 0.1, 120  # mm/h: what is fainter is dry


def simulate(time: Time, *, seed: int) -> xr.Dataset:
    """Simulate the rain of one step.

    Any step is computed by itself, and steps in a row show the same systems moving.

    Parameters
    ----------
    time : str, datetime.datetime or numpy.datetime64
        The step: 00, 03, …, 21 UTC of a day from 1 March 2000 to 31 December 2019.
    seed : int
        At least 0. The same time and seed give the same rain; another seed gives other weather.

    Returns
    -------
    xarray.Dataset
        What `helpers.rain.decode` returns with `unreliable="decode"`: four fields on `time` (1), `lat` (480) and
        `lon` (1440), rain in hundredths of mm/h as float32, NaN where nothing saw it. The attribute `synthetic`
        and each long name say that it is no observation.

    Raises
    ------
    ValueError
        If `time` is not a step of 3B42RT, or `seed` is below 0.
    TypeError
        If `seed` is no integer.

    Notes
    -----
    It is a drawing and no model: nothing in it is taken from measurements, there is no land and no sea, and its
    averages are no climate. It is drawn with operations that round alike on every machine, and with NumPy's
    generator, whose numbers a later NumPy may change.

    Examples
    --------
    >>> ds = simulate("2015-03-11T15", seed=7)
    >>> dict(ds.sizes), ds.precipitation.attrs["long_name"]
    ({'time': 1, 'lat': 480, 'lon': 1440}, 'synthetic precipitation')
    >>> ds.attrs["synthetic"]
    'helpers.rain.simulate with seed 7, not an observation'
    """
    step = nominal_time(time)
    seed = _seed(seed)
    hour = float((step - _EPOCH) / np.timedelta64(1, "h"))
    rain = draw_rain(systems_at(hour, seed=seed))
    rain *= rain >= _FAINTEST
    np.minimum(rain, _STRONGEST, out=rain)
    sources = sources_at(hour, seed=seed)
    fields: dict[str, Floats | NDArray[np.int8]] = {
        "precipitation": _seen(rain, sources),
        "precipitation_error": _seen(_error(rain, sources), sources),
        "source": sources,
        "uncal_precipitation": _seen(rain * _calibration(sources), sources),
    }
    synthetic = f"helpers.rain.simulate with seed {seed}, not an observation"
    return make_dataset(fields, time=step, synthetic=synthetic)


def _seed(seed: int) -> int:
    try:
        number = operator.index(seed)
    except TypeError:
        msg = f"seed={seed!r} is a {type(seed).__name__}. It must be an integer, 0 or more."
        raise TypeError(msg) from None
    if number < 0:
        msg = f"seed={number} is not allowed. It must be 0 or more."
        raise ValueError(msg)
    return number


def _seen(rain: Floats, sources: NDArray[np.int8]) -> Floats:
    """Keep what a source saw, in hundredths of mm/h."""
    hundredths: Floats = np.rint(rain * SCALE)
    hundredths[sources == 0] = np.nan
    hundredths /= SCALE
    return hundredths


def _error(rain: Floats, sources: NDArray[np.int8]) -> Floats:
    """Return an error that grows with the rain, slower than it, and is larger where only infrared saw it."""
    error: Floats = np.sqrt(rain) * _of_source(sources, infrared=0.8, strip=0.5)
    error += np.float32(0.1) * rain
    return error


def _calibration(sources: NDArray[np.int8]) -> Floats:
    """Return what the rain of each cell is multiplied by to undo its calibration: it differs by source and belt."""
    factors = _of_source(sources, infrared=1.25, strip=0.9)
    factors *= (1 + 0.15 * np.cos(np.radians(6 * LAT)))[:, None].astype("f4")
    return factors


def _of_source(sources: NDArray[np.int8], *, infrared: float, strip: float) -> Floats:
    factors: Floats = np.where(sources == IR, np.float32(infrared), np.float32(strip))
    return factors


def file_path(time: Time) -> str:
    """Return where the file of a step lay on the provider's server.

    Parameters
    ----------
    time : str, datetime.datetime or numpy.datetime64
        The step, 00, 03, …, 21 UTC.

    Returns
    -------
    str
        The path, from the provider's address on.

    Raises
    ------
    ValueError
        If the time is not a step of 3B42RT.

    Examples
    --------
    >>> file_path("2015-03-11T15")
    '3B42RT/2015/03/3B42RT.2015031115.7.bin.gz'
    """
    return f"3B42RT/{nominal_time(time).item():%Y/%m}/{file_name(time)}"


def simulated_files(
    start: Time, *, steps: int | None = None, seed: int = 7, hours: int = 3
) -> Iterator[tuple[str, bytes]]:
    """Make files of simulated rain, each when it is asked for.

    Parameters
    ----------
    start : str, datetime.datetime or numpy.datetime64
        The first step, 00, 03, …, 21 UTC.
    steps : int, optional
        How many files; without it, all until the last step of the product, 2019-12-31 21 UTC.
    seed : int, default 7
        Of the weather, as for `helpers.rain.simulate`.
    hours : int, default 3
        From one step to the next, a multiple of 3.

    Yields
    ------
    tuple of (str, bytes)
        The path, and the file, gzip: the same bytes each time, with the same zlib.

    Raises
    ------
    ValueError
        If `start` is not a step of 3B42RT, or `steps`, `seed` or `hours` is not allowed: at once, before
        the first file is asked for.

    Notes
    -----
    A file takes about 0.1 s to make, and 0.25 MB.

    Examples
    --------
    >>> import gzip
    >>> for path, data in simulated_files("2012-11-07T03", steps=2):
    ...     print(path, gzip.decompress(data)[:19].decode())
    3B42RT/2012/11/3B42RT.2012110703.7R2.bin.gz algorithm_ID=3B42RT
    3B42RT/2012/11/3B42RT.2012110706.7.bin.gz algorithm_ID=3B42RT
    """
    first = nominal_time(start)
    if steps is not None:
        require_number("steps", steps, ok=lambda x: x >= 0 and x == int(x), allowed="an integer, 0 or more")
    require_number("seed", seed, ok=lambda x: x >= 0 and x == int(x), allowed="an integer, 0 or more")
    require_number("hours", hours, ok=lambda x: x > 0 and x % 3 == 0, allowed="a multiple of 3, above 0")
    times = np.arange(first, LAST + np.timedelta64(1, "s"), np.timedelta64(hours, "h"))[:steps]
    return ((file_path(time), encode(simulate(time, seed=seed))) for time in times)
