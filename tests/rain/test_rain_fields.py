"""Tests of helpers.rain: the dataset that a file becomes."""

from __future__ import annotations

import gzip
from dataclasses import replace

import numpy as np
import xarray as xr

from helpers.rain import Header, decode
from tests.rain_files import SMALL, STEP, plain_file


def test_the_dataset_follows_the_conventions() -> None:
    """Dimensions, coordinates, types and attributes of a full-size file."""
    ds = decode(gzip.compress(plain_file(Header(time=STEP)), 1))
    assert dict(ds.sizes) == {"time": 1, "lat": 480, "lon": 1440}
    assert (ds.lat[0], ds.lat[-1], ds.lon[0], ds.lon[-1]) == (59.875, -59.875, 0.125, 359.875)
    assert ds.time.dtype == "M8[ns]"
    assert ds.time[0] == np.datetime64("2015-03-11T15")
    assert {name: str(var.dtype) for name, var in ds.data_vars.items()} == {
        "precipitation": "float32",
        "precipitation_error": "float32",
        "source": "int8",
        "uncal_precipitation": "float32",
    }
    assert all(var.dims == ("time", "lat", "lon") for var in ds.data_vars.values())
    assert ds.precipitation.attrs["units"] == "mm/h"
    assert len(ds.source.attrs["flag_values"]) == len(ds.source.attrs["flag_meanings"].split()) == 16
    assert "synthetic" not in ds.attrs


def test_attributes_are_the_same_for_every_step() -> None:
    """So that steps can be joined and appended without losing any."""
    first, later = (decode(plain_file(replace(SMALL, time=STEP + np.timedelta64(hours, "h")))) for hours in (0, 6))
    assert first.attrs == later.attrs
    assert all(first[name].attrs == later[name].attrs for name in first.variables)


def test_changing_a_dataset_changes_no_other() -> None:
    """Though they share what is known of their grid."""
    first, second = decode(plain_file()), decode(plain_file())
    first.lat.attrs["units"] = "furlongs"
    first.precipitation.attrs.clear()
    first = first.assign_coords(lon=first.lon - 180)
    first["lat"] = first.lat[::-1].values
    assert decode(plain_file()).identical(second)
    assert not first.equals(second)
    assert first.sel(lon=slice(0, 180)).sizes["lon"] == 8


def test_the_dataset_is_as_xarray_makes_it() -> None:
    """Its indexes select and align."""
    ds = decode(plain_file())
    again = xr.Dataset({name: (var.dims, var.values, var.attrs) for name, var in ds.variables.items()}, attrs=ds.attrs)
    assert ds.identical(again)
    assert ds.sel(time="2015-03-11", lat=slice(60, 50), lon=[11.25]).sizes == {"time": 1, "lat": 2, "lon": 1}
    assert xr.align(ds, again, join="exact")[0].identical(ds)
