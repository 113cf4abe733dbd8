"""Says which fields 3B42RT has, on which grid, and makes the dataset that holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from xarray.indexes import PandasIndex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["FIELDS", "LAT", "LON", "RELIABLE_DEG", "Field", "make_dataset"]

LAT = 59.875 - 0.25 * np.arange(480)
LON = 0.125 + 0.25 * np.arange(1440)
RELIABLE_DEG = 50
"""Polewards of this latitude the provider advises against using the rain."""
_DIMS = ("time", "lat", "lon")
_SOURCES = {
    0: "no_observation",
    1: "AMSU",
    2: "TMI",
    3: "AMSR",
    4: "SSMI",
    5: "SSMIS",
    6: "MHS",
    30: "AMSU_and_MHS_average",
    31: "conical_average",
    50: "IR",
    **{100 + n: f"{name}_sparse_sample" for n, name in enumerate(("AMSU", "TMI", "AMSR", "SSMI", "SSMIS", "MHS"), 1)},
}


@dataclass(frozen=True)
class Field:
    """Hold what the format fixes for one field.

    Parameters
    ----------
    type_name, units : str
        As a header writes them.
    attrs : mapping of str to str or list of int
        The CF attributes of the decoded variable.
    """

    type_name: str
    units: str
    attrs: Mapping[str, str | list[int]] = field(repr=False)

    @property
    def dtype(self) -> np.dtype[np.signedinteger]:
        """The stored type, in the byte order of this machine."""
        return np.dtype(f"i{self.type_name[-1]}")


def _rate(long_name: str, **attrs: str) -> Field:
    return Field("signed_integer2", "mm/hr", {"long_name": long_name, "units": "mm/h", **attrs})


FIELDS: Mapping[str, Field] = {
    "precipitation": _rate("precipitation", standard_name="lwe_precipitation_rate"),
    "precipitation_error": _rate(
        "random error of precipitation", standard_name="lwe_precipitation_rate standard_error"
    ),
    "source": Field(
        "signed_integer1",
        "source_number",
        {
            "long_name": "source of the observation",
            "flag_values": list(_SOURCES),
            "flag_meanings": " ".join(_SOURCES.values()),
        },
    ),
    "uncal_precipitation": _rate("precipitation before calibration", standard_name="lwe_precipitation_rate"),
}


def make_dataset(
    fields: Mapping[str, NDArray[np.float32] | NDArray[np.int8]],
    *,
    time: np.datetime64,
    lat: NDArray[np.floating] = LAT,
    lon: NDArray[np.floating] = LON,
    synthetic: str = "",
) -> xr.Dataset:
    """Put the fields of one step into a dataset that follows the CF conventions.

    Its attributes are the same for every step, so that steps can be joined.

    Parameters
    ----------
    fields : mapping of str to numpy.ndarray
        Arrays of shape (lat, lon) by the names in `FIELDS`.
    time : numpy.datetime64
        The step.
    lat, lon : numpy.ndarray
        Centres of the cells, degrees north and degrees east. Those of 3B42RT if left out.
    synthetic : str, optional
        For data that are no observation, where they come from. Every long name then says so too.

    Returns
    -------
    xarray.Dataset
        The fields on `time` (of length 1), `lat` and `lon`.

    Examples
    --------
    >>> ds = make_dataset({"precipitation": np.zeros((480, 1440), "f4")}, time=np.datetime64("2015-03-11T15"))
    >>> dict(ds.sizes), ds.precipitation.attrs["units"]
    ({'time': 1, 'lat': 480, 'lon': 1440}, 'mm/h')
    """
    about = {"Conventions": "CF-1.11", "title": "3B42RT precipitation, version 7"}
    if synthetic:
        about = {"Conventions": "CF-1.11", "title": "Synthetic rain in the format of 3B42RT", "synthetic": synthetic}
    variables = {name: (_DIMS, values[None], _attrs(name, synthetic)) for name, values in fields.items()}
    return xr.Dataset(
        variables, _coordinates(time, _grid(lat.astype("f8").tobytes(), lon.astype("f8").tobytes())), about
    )


def _coordinates(time: np.datetime64, grid: xr.Coordinates) -> xr.Coordinates:
    """Add the time to a grid. The indexes of the grid are taken over: making them anew is a tenth of decoding."""
    attrs = {"standard_name": "time", "long_name": "nominal time", "axis": "T"}
    index = PandasIndex(np.array([time], "M8[ns]"), "time")
    variables = dict(index.create_variables({"time": xr.Variable("time", [0], attrs)}))
    variables |= {str(name): grid[name].variable for name in grid}
    return xr.Coordinates(variables, {"time": index, **grid.xindexes})


@lru_cache(maxsize=4)
def _grid(lat: bytes, lon: bytes) -> xr.Coordinates:
    north = {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north", "axis": "Y"}
    east = {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "axis": "X"}
    return xr.Dataset(
        coords={"lat": ("lat", np.frombuffer(lat), north), "lon": ("lon", np.frombuffer(lon), east)}
    ).coords


def _attrs(name: str, synthetic: str) -> dict[str, str | list[int]]:
    attrs = dict(FIELDS[name].attrs)
    return attrs | {"long_name": f"synthetic {attrs['long_name']}"} if synthetic else attrs
