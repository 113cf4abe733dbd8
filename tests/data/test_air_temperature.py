"""Tests of helpers.data: the synthetic year, and the real file where it is to be had."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from helpers.data import air_temperature, cache_folder

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = "http://127.0.0.1:9/air_temperature.nc"


def stored_file(folder: Path) -> dict[str, tuple[str, str]]:
    """Store a file as the real one is, in netCDF's classic format; return a registry that names it."""
    ds = air_temperature().isel(time=slice(8))
    ds.attrs["title"] = "made in a test"
    path = folder / "air_temperature.nc"
    packing = {"air": {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -32768}}
    ds.to_netcdf(path, engine="scipy", format="NETCDF3_CLASSIC", encoding=packing)
    return {path.name: (f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}", NOWHERE)}


def test_the_synthetic_year_has_the_grid_of_the_real_one() -> None:
    """One year of its steps, its latitudes, longitudes and unit."""
    ds = air_temperature()
    assert ds["air"].dims == ("time", "lat", "lon")
    assert ds["air"].shape == (1460, 25, 53)
    assert (ds.lat.values == np.arange(75, 14, -2.5)).all()
    assert (ds.lon.values == np.arange(200, 331, 2.5)).all()
    assert ds.time.values[[0, -1]].astype("datetime64[h]").astype(str).tolist() == ["2013-01-01T00", "2013-12-31T18"]
    assert ds["air"].attrs["units"] == "degK"


def test_the_synthetic_year_says_that_it_is_synthetic() -> None:
    """In the title of the dataset, in its description, and in the variable itself."""
    ds = air_temperature()
    assert "Synthetic" in ds.attrs["title"]
    assert "Invented" in ds.attrs["description"]
    assert "Synthetic" in ds["air"].attrs["dataset"]


def test_the_synthetic_year_is_the_same_on_every_machine() -> None:
    """Its hundredths of a kelvin, byte for byte: rounding removes what processors compute differently."""
    hundredths = np.rint(air_temperature()["air"].values * 100).astype("<i2")
    assert hashlib.md5(hundredths.tobytes()).hexdigest() == "95ed4ad6b4024eaa422693f3d293424e"


def test_packing_loses_nothing(tmp_path: Path) -> None:
    """The values are hundredths, and the encoding stores hundredths."""
    ds = air_temperature().isel(time=slice(8))
    ds["air"].encoding["_FillValue"] = -32768
    ds.to_zarr(tmp_path / "air.zarr", consolidated=False)
    back = xr.open_zarr(tmp_path / "air.zarr", consolidated=False, chunks=None)
    xr.testing.assert_equal(back, ds)


def test_the_real_file_is_loaded_from_the_cache_without_a_network(tmp_path: Path) -> None:
    """Its address leads nowhere; the hash of the file in the cache is right."""
    registry = stored_file(tmp_path)
    ds = air_temperature(source="ncep", folder=tmp_path, registry=registry)
    assert ds.attrs["title"] == "made in a test"
    xr.testing.assert_equal(ds, air_temperature().isel(time=slice(8)))
    (tmp_path / "air_temperature.nc").unlink()  # it is closed: all of it is in memory
    assert float(ds["air"].mean()) > 200


def test_a_file_with_a_wrong_hash_is_refused(tmp_path: Path) -> None:
    """One byte differs."""
    registry = stored_file(tmp_path)
    path = tmp_path / "air_temperature.nc"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is not the file of the registry: its hash is md5:"):
        air_temperature(source="ncep", folder=tmp_path, registry=registry)


def test_the_real_hash_refuses_a_file_of_that_name(tmp_path: Path) -> None:
    """With the registry of this repository, a file made here cannot pass for the real one."""
    stored_file(tmp_path)
    with pytest.raises(ValueError, match=r"not md5:de5b9d45db48cf6b7034de1a4a6d6c98"):
        air_temperature(source="ncep", folder=tmp_path)


def test_what_cannot_be_had_is_said(tmp_path: Path) -> None:
    """It is not replaced by the synthetic year."""
    registry = {"air_temperature.nc": ("md5:" + "0" * 32, NOWHERE)}
    with pytest.raises(ConnectionError, match=r"air_temperature.nc is not in .* and could not be fetched"):
        air_temperature(source="ncep", folder=tmp_path, registry=registry)


def test_an_unknown_source_is_refused() -> None:
    """The error names those there are."""
    with pytest.raises(ValueError, match=r"source='era5' is not known. It must be 'synthetic' or 'ncep'"):
        air_temperature(source="era5")  # type: ignore[arg-type]


@pytest.mark.skipif(not (cache_folder() / "air_temperature.nc").exists(), reason="the real file is not in the cache")
def test_the_real_file_is_what_the_synthetic_year_imitates() -> None:
    """Two years on the same grid, with the same names and attributes."""
    real, made = air_temperature(source="ncep"), air_temperature()
    assert real["air"].shape == (2920, 25, 53)
    xr.testing.assert_equal(real["lat"], made["lat"])
    xr.testing.assert_equal(real["lon"], made["lon"])
    assert (real.time.values[:1460] == made.time.values).all()
    assert real["air"].attrs.keys() == made["air"].attrs.keys()
