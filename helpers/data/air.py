"""A year of air temperature on the grid of xarray's tutorial: synthetic and always at hand, or the real one.

All numbers of the synthetic year are chosen so that maps and series look like weather, and they are no climatology:
seasons that follow the sun, days that follow the local hour, land that swings wider than the sea, high ground, and
waves that move east.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from helpers.data.fetch import REGISTRY, fetch

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from numpy.typing import NDArray

    type Floats = NDArray[np.float64]

__all__ = ["air_temperature"]

LAT = np.arange(75, 14, -2.5)
LON = np.arange(200, 331, 2.5)
_STEPS = 1460  # of six hours, in 2013
_SEED = 2013
_PRECISION = 0.01
_WAVES = 14
# Land (#) and sea, a row for each latitude from 75 to 15 degrees north, a column for each longitude from 200 to 330
# degrees east. Drawn by hand for this module.
_MAP = """
..............###.#####...#######........############
..............###.#####.##..#######.......###########
#####.............######..##.########......##########
################################...#####...########..
################################...####....######....
############################.....######.....####.....
###########################......######......##......
.##........#################......######.............
............###################..#########...........
.............###################.#########...........
..............#########################..##..........
...............########################...#..........
...............#########################.............
...............#####################.................
...............####################..................
...............###################...................
................##################...................
.................################....................
..................##############.....................
..................########.....##....................
...................#.#####...........................
......................###......##....................
......................####..##...#.##................
........................#####....#.##................
...........................####......................
"""
_AIR = {
    "long_name": "4xDaily Air temperature at sigma level 995",
    "units": "degK",
    "precision": np.int16(2),
    "GRIB_id": np.int16(11),
    "GRIB_name": "TMP",
    "var_desc": "Air temperature",
    "dataset": "Synthetic, after the NMC Reanalysis",
    "level_desc": "Surface",
    "statistic": "Individual Obs",
    "parent_stat": "Other",
}
_LAT = {"standard_name": "latitude", "long_name": "Latitude", "units": "degrees_north", "axis": "Y"}
_LON = {"standard_name": "longitude", "long_name": "Longitude", "units": "degrees_east", "axis": "X"}
_TIME = {"standard_name": "time", "long_name": "Time"}


def air_temperature(
    *,
    source: Literal["synthetic", "ncep"] = "synthetic",
    folder: str | Path | None = None,
    registry: str | Path = REGISTRY,
) -> xr.Dataset:
    """Return air temperature over North America, four times a day.

    Parameters
    ----------
    source : {"synthetic", "ncep"}, default "synthetic"
        ``"synthetic"`` is the year 2013, invented: made here in a moment, the same on every machine. ``"ncep"`` is
        2013 and 2014 of the NCEP reanalysis, the file of xarray's own tutorial: fetched once, then taken from the
        cache.
    folder : str or Path, optional
        Where the fetched file is kept, as for `helpers.data.fetch`.
    registry : str or Path
        Where its hash and address stand.

    Returns
    -------
    xarray.Dataset
        ``air`` in kelvin, of dimensions (time, lat, lon): 25 latitudes from 75 down to 15 degrees north and 53
        longitudes from 200 to 330 degrees east; with 1,460 steps of six hours, or 2,920 for ``"ncep"``. All of it is
        in memory.

    Raises
    ------
    ConnectionError
        If ``"ncep"`` is neither in the cache nor to be fetched.
    ValueError
        If there is no such source, or what was fetched is another file.

    Notes
    -----
    The synthetic year has the grid, the names, the attributes and the encoding of the file: 16-bit integers of
    hundredths of a kelvin. Its title and its attribute ``dataset`` call it synthetic. Its weather is invented
    (`helpers.data`): nothing about the climate of North America follows from it.

    Examples
    --------
    >>> air_temperature()["air"].sizes
    Frozen({'time': 1460, 'lat': 25, 'lon': 53})
    """
    if source == "synthetic":
        return _synthetic()
    if source == "ncep":
        import xarray as xr

        # The file is of netCDF's classic format, which scipy reads.
        with xr.open_dataset(fetch("air_temperature.nc", folder=folder, registry=registry), engine="scipy") as ds:
            return ds.load()
    msg = f"source={source!r} is not known. It must be 'synthetic' or 'ncep'."
    raise ValueError(msg)


def _synthetic() -> xr.Dataset:
    """Round to hundredths, as the file has them: what processors compute differently is far below."""
    import xarray as xr  # here, since whoever starts a server of files imports this package, too

    hours = 6 * np.arange(_STEPS)
    hundredths = np.rint(temperatures(hours, seed=_SEED) / _PRECISION).astype("int16")
    extremes = np.array([hundredths.min(), hundredths.max()]) * _PRECISION
    time = np.datetime64("2013-01-01", "ns") + hours.astype("timedelta64[h]")
    ds = xr.Dataset(
        {"air": (("time", "lat", "lon"), hundredths * _PRECISION, _AIR | {"actual_range": extremes.astype("float32")})},
        {
            "lat": ("lat", LAT.astype("float32"), _LAT),
            "lon": ("lon", LON.astype("float32"), _LON),
            "time": ("time", time, _TIME),
        },
        {
            "Conventions": "COARDS",
            "title": "Synthetic air temperature, 4x daily (2013)",
            "description": "Invented by helpers.data on the grid of the NMC reanalysis. No measurement is in it.",
            "platform": "Model",
        },
    )
    ds["air"].encoding = {"dtype": np.dtype("int16"), "scale_factor": _PRECISION}
    ds["time"].encoding = {"units": "hours since 1800-01-01", "calendar": "standard", "dtype": np.dtype("float32")}
    return ds


def land() -> NDArray[np.bool_]:
    """Return where there is land, by row from north to south: a sketch, enough for a coast to be seen."""
    return np.array([[place == "#" for place in row] for row in _MAP.split()])


def temperatures(hours: NDArray[np.integer], *, seed: int) -> Floats:
    """Return maps in kelvin, of shape (time, 25, 53), for hours since the beginning of a year (UTC)."""
    from scipy.ndimage import uniform_filter  # type: ignore[import-untyped]

    # Each cell is averaged with its neighbours, so that coasts are neither land nor sea.
    inland: Floats = uniform_filter(land().astype("float64"), 3, mode="nearest")
    north = ((LAT - LAT.min()) / np.ptp(LAT))[:, np.newaxis]
    exact: Floats = hours.astype("float64")
    return _climate(exact, inland, north=north) + _weather(exact, inland, seed=seed)


def _climate(hours: Floats, inland: Floats, *, north: Floats) -> Floats:
    """Return what the place, the day of the year and the local hour explain."""
    day = hours[:, np.newaxis, np.newaxis] / 24
    sun = np.cos(2 * np.pi * (day - 172) / 365.25)  # 1 on the longest day of the north
    local_hour = (hours[:, np.newaxis] + LON / 15)[:, np.newaxis, :]
    # The sea follows the sun by two months, the land by one.
    season = np.cos(2 * np.pi * (day - 201 - 28 * (1 - inland)) / 365.25)
    swing = inland * (3 + 17 * north) + (1 - inland) * (1.5 + 7 * north)
    height = np.deg2rad(np.clip(90 - np.abs(LAT[:, np.newaxis] - 23.4 * sun), 0, 90))  # of the sun at noon
    daily = (0.4 + 5 * inland) * np.sin(height) * np.cos(2 * np.pi * (local_hour - 15) / 24)
    ridge = 7 * inland * np.exp(-(((LON - 252) / 9) ** 2) - ((LAT[:, np.newaxis] - 43) / 14) ** 2)
    climate: Floats = 300.5 - 43 * north**1.3 - ridge + swing * season + daily
    return climate


def _weather(hours: Floats, inland: Floats, *, seed: int) -> Floats:
    """Return waves that move east, strongest around 50 degrees north and over land, weaker in summer."""
    rng = np.random.default_rng(seed)
    east = np.deg2rad(LON) * rng.integers(4, 13, _WAVES)[:, np.newaxis]
    south = np.deg2rad(LAT) * rng.uniform(-7, 7, _WAVES)[:, np.newaxis]
    turns = 2 * np.pi * hours[:, np.newaxis] / 24
    phase = turns / rng.uniform(3, 11, _WAVES) + rng.uniform(0, 2 * np.pi, _WAVES)
    # Each wave comes and goes over weeks.
    strength = 1 + 0.8 * np.cos(turns / rng.uniform(17, 60, _WAVES) + rng.uniform(0, 2 * np.pi, _WAVES))
    shape = np.exp(1j * (south[:, :, np.newaxis] + east[:, np.newaxis, :])).reshape(_WAVES, -1)
    waves = ((strength * np.exp(-1j * phase)) @ shape).real.reshape(-1, LAT.size, LON.size)
    track = np.exp(-(((LAT - 50) / 17) ** 2))[:, np.newaxis] * (1 + inland) + 0.15
    winter = 1 - 0.35 * np.cos(2 * np.pi * (hours / 24 - 201) / 365.25)
    weather: Floats = 2.3 * np.sqrt(2 / _WAVES) * waves * track * winter[:, np.newaxis, np.newaxis]
    return weather
