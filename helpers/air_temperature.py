"""Provides the air temperature dataset: a synthetic year that is always at hand, or the measured and modelled one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr

from helpers.air_model import LAT, LON, temperatures
from helpers.fetching import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["air_temperature"]

_FILE = "air_temperature.nc"
_STEPS = 1460  # of six hours, in 2013
_SEED = 2013
_PRECISION = 0.01


def air_temperature(
    *,
    source: Literal["synthetic", "ncep"] = "synthetic",
    folder: str | Path | None = None,
    registry: Mapping[str, tuple[str, str]] | None = None,
) -> xr.Dataset:
    """Return air temperature over North America, four times a day.

    Parameters
    ----------
    source : {"synthetic", "ncep"}, default "synthetic"
        ``"synthetic"`` is the year 2013, invented: made here in a moment, the same on every machine. ``"ncep"`` is
        2013 and 2014 of the NCEP reanalysis, the file of xarray's own tutorial: fetched once, then taken from the
        cache.
    folder : str or Path, optional
        Where the fetched file is kept; by default `helpers.fetching.cache_folder()`.
    registry : mapping of str to (str, str), optional
        Its hash and address, as `helpers.fetching.fetch` takes them; by default those of ``data/registry.txt``.

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
        If there is no such source, or the file in the cache is another one.

    Notes
    -----
    The synthetic year has the grid, the names, the attributes and the encoding of the file: 16-bit integers of
    hundredths of a kelvin. Its title and its attribute ``dataset`` call it synthetic. Its weather is invented
    (`helpers.air_model`): nothing about the climate of North America follows from it.

    Examples
    --------
    >>> air_temperature()["air"].sizes
    Frozen({'time': 1460, 'lat': 25, 'lon': 53})
    """
    if source == "synthetic":
        return _synthetic()
    if source == "ncep":
        # The file is of netCDF's classic format, which scipy reads.
        with xr.open_dataset(fetch(_FILE, folder=folder, registry=registry), engine="scipy") as ds:
            return ds.load()
    msg = f"source={source!r} is not known. It must be 'synthetic' or 'ncep'."
    raise ValueError(msg)


def _synthetic() -> xr.Dataset:
    """Round to hundredths, as the file has them: what processors compute differently is far below."""
    hours = 6 * np.arange(_STEPS)
    hundredths = np.rint(temperatures(hours, seed=_SEED) / _PRECISION).astype("int16")
    extremes = np.array([hundredths.min(), hundredths.max()]) * _PRECISION
    time = np.datetime64("2013-01-01", "ns") + hours.astype("timedelta64[h]")
    ds = xr.Dataset(
        {"air": (("time", "lat", "lon"), hundredths * _PRECISION, _air_attributes(extremes))},
        {
            "lat": ("lat", LAT.astype("float32"), _axis("latitude", units="degrees_north", axis="Y")),
            "lon": ("lon", LON.astype("float32"), _axis("longitude", units="degrees_east", axis="X")),
            "time": ("time", time, {"standard_name": "time", "long_name": "Time"}),
        },
        {
            "Conventions": "COARDS",
            "title": "Synthetic air temperature, 4x daily (2013)",
            "description": "Invented by helpers.air_model on the grid of the NMC reanalysis. No measurement is in it.",
            "platform": "Model",
        },
    )
    ds["air"].encoding = {"dtype": np.dtype("int16"), "scale_factor": _PRECISION}
    ds["time"].encoding = {"units": "hours since 1800-01-01", "calendar": "standard", "dtype": np.dtype("float32")}
    return ds


def _air_attributes(extremes: np.ndarray) -> dict[str, object]:
    return {
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
        "actual_range": extremes.astype("float32"),
    }


def _axis(name: str, *, units: str, axis: str) -> dict[str, str]:
    return {"standard_name": name, "long_name": name.capitalize(), "units": units, "axis": axis}
