"""Simulates rain as 3B42RT would see it: synthetic, but worth looking at.

Rain is smoothed noise that drifts: every day a new field of it is born, which lives two days, is carried along by
winds that differ with latitude, grows, fades, and leaves most of the map dry. Five made-up satellites see strips of
it, infrared fills in between 50° N and 50° S, some passes get lost, and the rest nothing sees.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from helpers.rain.codec import encode, make_dataset
from helpers.rain.format import LAST, LAT, LON, RELIABLE_DEG, SCALE, file_path, nominal_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr
    from numpy.typing import NDArray

    from helpers.rain.format import Time

    type Floats = NDArray[np.float32]
    type Sources = NDArray[np.int8]

__all__ = ["simulate", "simulated_files"]

_CELL_DEG = 0.25
_FAINTEST, _STRONGEST = 0.1, 120  # mm/h: what is fainter is dry
_INFRARED, _SPARSE = 50, 100  # as the format numbers its sources
# Sources are told apart by half degrees: rows by their latitude, columns in 65536ths of a turn.
_TURN = 2**16
_ROWS, _COLUMNS = LAT.reshape(-1, 2).mean(axis=1), (np.arange(720) * _TURN // 720).astype("u2")


class _Orbit(NamedTuple):
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


def simulate(time: Time, *, seed: int) -> xr.Dataset:
    """Simulate the rain of one step.

    Any step is computed by itself, and steps in a row show the same rain moving.

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

    Notes
    -----
    It is a drawing and no model: nothing in it is taken from measurements, there is no land and no sea, and its
    averages are no climate. What transforms and trigonometry give is rounded before it decides anything, so that
    every machine draws the same; NumPy's generator, on which it rests, may change with a later NumPy.

    Examples
    --------
    >>> ds = simulate("2015-03-11T15", seed=7)
    >>> dict(ds.sizes), ds.precipitation.attrs["long_name"]
    ({'time': 1, 'lat': 480, 'lon': 1440}, 'synthetic precipitation')
    >>> ds.attrs["synthetic"]
    'helpers.rain.simulate with seed 7, not an observation'
    """
    step = nominal_time(time)
    hour = int((step - np.datetime64("2000-01-01")) / np.timedelta64(1, "h"))
    rain, sources = _rain(hour, seed), _sources(hour, seed)
    infrared = sources == 50
    error = np.sqrt(rain) * np.where(infrared, np.float32(0.8), np.float32(0.5)) + np.float32(0.1) * rain
    belts = (1 + 0.15 * np.cos(np.radians(6 * LAT)))[:, None].astype("f4")
    uncalibrated = rain * belts * np.where(infrared, np.float32(1.25), np.float32(0.9))
    fields: dict[str, Floats | Sources] = {
        "precipitation": _seen(rain, sources),
        "precipitation_error": _seen(error, sources),
        "source": sources,
        "uncal_precipitation": _seen(uncalibrated, sources),
    }
    return make_dataset(fields, time=step, synthetic=f"helpers.rain.simulate with seed {seed}, not an observation")


def _seen(rain: Floats, sources: Sources) -> Floats:
    """Keep what a source saw, in hundredths of mm/h."""
    hundredths: Floats = np.rint(rain * SCALE)
    hundredths[sources == 0] = np.nan
    return hundredths / np.float32(SCALE)


def _rain(hour: int, seed: int) -> Floats:
    """Draw the rain of an hour, mm/h: of the fields that are alive, the strongest counts."""
    wet = np.zeros((LAT.size, LON.size), "f4")
    wind = 0.6 * np.clip((np.abs(LAT) - 12) / 28, 0, 1) - 0.2  # degrees east an hour
    climate = _climate(hour // 24)
    for number in (hour // 24 - 1, hour // 24):
        age = hour - number * 24
        weakness = (1 - age / 24) ** 2
        moved = np.rint(wind * age / _CELL_DEG).astype(int)
        columns = (np.arange(LON.size) - moved[:, None]) % LON.size
        field = np.take_along_axis(_field(number, seed), columns, axis=1)
        np.maximum(wet, field + climate - np.float32(1.5 * weakness), out=wet)
    rain: Floats = np.minimum(6 * wet * wet, np.float32(_STRONGEST))
    return rain * (rain >= _FAINTEST)


@lru_cache(maxsize=8)
def _field(number: int, seed: int) -> Floats:
    """Draw a field: showers in clusters, and polewards fronts along the lines on which a smoother noise is zero."""
    rng = np.random.default_rng((seed, number))
    cells, clusters, waves, gaps = (_noise(rng, *shape) for shape in ((4, 1.8), (8, 3), (30, 4.5), (25, 4)))
    showers = 0.45 * cells + clusters
    fronts = 0.45 * cells + 2 * np.maximum(1 - (waves / 0.22) ** 2, -2) + 0.7 * np.minimum(gaps, 1)
    polar = np.clip((np.abs(LAT) - 22) / 12, 0, 1)[:, None]
    # Rounded, so that the last digits of the transform, which differ between machines, make no difference.
    field: Floats = np.round(showers + (fronts - showers) * polar, 3).astype("f4")
    return field


def _noise(rng: np.random.Generator, coarsest_deg: float, slope: float) -> NDArray[np.float64]:
    """Draw noise around 0 that goes all around the globe, smoother with a larger slope."""
    north, east = np.fft.fftfreq(LAT.size, _CELL_DEG)[:, None], np.fft.rfftfreq(LON.size, _CELL_DEG)
    spectrum = rng.standard_normal((LAT.size, east.size, 2)).view(complex)[..., 0]
    spectrum *= (north**2 + east**2 + coarsest_deg**-2) ** (-slope / 2)
    noise = np.fft.irfft2(spectrum, s=(LAT.size, LON.size))
    return noise / noise.std()


@lru_cache(maxsize=2)
def _climate(day: int) -> Floats:
    """Return how near to rain each cell is: two tropical belts, wetter in places, and two storm tracks."""
    season = np.sin(2 * np.pi * (day - 115) / 365.25)

    def belt(middle: float, width: float) -> NDArray[np.float64]:
        return np.exp(-(((LAT - middle) / width) ** 2))[:, None]

    seas = np.cos(np.radians(2 * LON - 230)) + 0.5 * np.cos(np.radians(3 * LON - 60))
    tropics = belt(5.5 + 5 * season, 7) * (1 + 0.3 * seas) + belt(5 * season - 8, 9) * (0.4 + 0.35 * seas)
    tracks = belt(3 * season + 44, 13) + belt(3 * season - 44, 13)
    return np.round(tropics + 0.5 * tracks - 2.35, 3).astype("f4")


def _sources(hour: int, seed: int) -> Sources:
    """Say what saw each cell in the three hours around an hour; 0 where nothing did."""
    sources = np.zeros((_ROWS.size, _COLUMNS.size), "i1")
    sources[np.abs(_ROWS) < RELIABLE_DEG] = _INFRARED
    seen = {orbit.average: np.zeros(sources.shape, "?") for orbit in _ORBITS}
    for orbit in _ORBITS:
        half = orbit.period_h / 2
        strip, edge = _strip(orbit, np.arange(np.ceil((hour - 1.5) / half), np.ceil((hour + 1.5) / half)))
        sources[strip] = orbit.source
        sources[edge] = _SPARSE + orbit.source
        sources[strip & seen[orbit.average]] = orbit.average
        seen[orbit.average] |= strip
    rng = np.random.default_rng((seed, hour, 5))
    lost = _Orbit(0, 0, 98.7, 1.7, 15, rng.uniform(0, 360), rng.uniform(0.6, 2))
    sources[_strip(lost, rng.integers(0, 1000) + np.arange(rng.integers(0, 4)))[0]] = 0
    return sources.repeat(2, axis=0).repeat(2, axis=1)


def _strip(orbit: _Orbit, passes: NDArray[np.number]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark the cells below half orbits, of which even ones run north and odd ones south, and those at the edge."""
    tilt, width = np.radians(orbit.inclination_deg), np.radians([-orbit.half_width_deg, orbit.half_width_deg])
    # Along the edges of the strip: sin(lat) = cos(width) sin(angle) sin(tilt) + sin(width) cos(tilt).
    sine = (np.sin(np.radians(_ROWS))[:, None] - np.sin(width) * np.cos(tilt)) / (np.cos(width) * np.sin(tilt))
    north, half = np.arcsin(np.clip(sine, -1, 1)), passes[:, None, None]
    angle = np.where(half % 2, np.pi - north, north)
    y = np.cos(width) * np.sin(angle) * np.cos(tilt) - np.sin(width) * np.sin(tilt)
    turned = orbit.drift_deg_h * orbit.period_h * (half // 2 + angle / (2 * np.pi))
    lon = np.degrees(np.arctan2(y, np.cos(width) * np.cos(angle))) + orbit.node_deg - turned
    # In 65536ths of a turn, so that 16 bits go all around the globe.
    edges = np.rint(lon * _TURN / 360).astype("i8").astype("u2")
    apart = (edges[..., 1] - edges[..., 0]).view("i2")
    first, across = np.where(apart > 0, edges[..., 0], edges[..., 1]), np.abs(apart).astype("u2")
    across[:, (np.abs(sine) >= 1).all(axis=1)] = 0
    beyond = _COLUMNS - first[..., None]
    within = beyond < across[..., None]
    inner = within & (beyond >= _TURN // 720) & (beyond < (across - _TURN // 720)[..., None])
    strip = within.any(axis=0)
    return strip, strip & ~inner.any(axis=0)


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
        If `start` is not a step of 3B42RT: at once, before the first file is asked for.

    Notes
    -----
    A file takes about 0.1 s to make, and 0.2 MB.

    Examples
    --------
    >>> import gzip
    >>> for path, data in simulated_files("2012-11-07T03", steps=2):
    ...     print(path, gzip.decompress(data)[:19].decode())
    3B42RT/2012/11/3B42RT.2012110703.7R2.bin.gz algorithm_ID=3B42RT
    3B42RT/2012/11/3B42RT.2012110706.7.bin.gz algorithm_ID=3B42RT
    """
    first = nominal_time(start)
    times = np.arange(first, LAST + np.timedelta64(1, "s"), np.timedelta64(hours, "h"))[:steps]
    return ((file_path(time), encode(simulate(time, seed=seed))) for time in times)
