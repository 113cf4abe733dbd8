"""Tests of helpers.data.air: invented, but like weather where the lesson relies on it; and the real file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from helpers.data import air_temperature
from helpers.data.air import LAT, LON, temperatures
from helpers.data.fetch import quiet_pooch

NOWHERE = "http://127.0.0.1:9/air_temperature.nc"
CACHE = Path(os.environ.get("ZARR_NOTEBOOKS_DATA") or quiet_pooch().os_cache("zarr-notebooks"))

YEAR = np.arange(0, 8760, 6)


@pytest.fixture(scope="module")
def maps() -> np.ndarray:
    """Return a year."""
    return temperatures(YEAR, seed=7)


def test_any_hour_is_the_same_whatever_is_asked_with_it(maps: np.ndarray) -> None:
    """Time enters as a number: a piece of the year is that piece. Another seed is other weather in the same climate."""
    other = temperatures(YEAR, seed=8)
    assert abs(other - maps).max() > 5
    assert abs(other.mean(0) - maps.mean(0)).max() < 2
    np.testing.assert_allclose(temperatures(YEAR[700:720], seed=7), maps[700:720], rtol=0, atol=1e-9)


def test_it_is_cold_in_the_north_and_in_winter(maps: np.ndarray) -> None:
    """The mean falls with latitude, and July is warmer than January everywhere."""
    assert (np.diff(maps.mean((0, 2))) > 0).all()
    assert (maps[724:848].mean(0) > maps[:124].mean(0)).all()
    assert 210 < maps.min() < maps.max() < 325


def test_land_swings_wider_than_the_sea(maps: np.ndarray) -> None:
    """From month to month, and from step to step."""
    inland, sea = (int(np.flatnonzero(lon == LON)[0]) for lon in (255, 215))
    row = int(np.flatnonzero(LAT == 45)[0])
    swing = maps[724:848, row].mean(0) - maps[:124, row].mean(0)
    assert swing[inland] > 1.5 * swing[sea]
    daily = np.ptp(maps[:, row].reshape(365, 4, -1), axis=1).mean(0)
    assert daily[inland] > 2 * daily[sea]


def test_weather_moves_east(maps: np.ndarray) -> None:
    """What is here now is farther east a day later, rather than farther west."""
    row = maps[:, int(np.flatnonzero(LAT == 50)[0])]
    change = row - row.mean(0)
    # Over land alone, and at one hour of the day, so that neither coasts nor days count.
    today, later = change[:-4:4], change[4::4]
    east = np.corrcoef(today[:, 16:30].ravel(), later[:, 20:34].ravel())[0, 1]
    west = np.corrcoef(today[:, 16:30].ravel(), later[:, 12:26].ravel())[0, 1]
    assert east > west


def stored_file(folder: Path) -> Path:
    """Store a file as the real one is, in netCDF's classic format; return a registry that names it."""
    ds = air_temperature().isel(time=slice(8))
    ds.attrs["title"] = "made in a test"
    path = folder / "air_temperature.nc"
    packing = {"air": {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -32768}}
    ds.to_netcdf(path, engine="scipy", format="NETCDF3_CLASSIC", encoding=packing)
    registry = folder / "registry.txt"
    registry.write_text(f"{path.name} md5:{hashlib.md5(path.read_bytes()).hexdigest()} {NOWHERE}")
    return registry


def test_the_synthetic_year_has_the_grid_of_the_real_one() -> None:
    """One year of its steps, its latitudes, longitudes and unit; it says that it is synthetic. There is no third."""
    ds = air_temperature()
    assert all("Synthetic" in text for text in (ds.attrs["title"], ds["air"].attrs["dataset"]))
    with pytest.raises(ValueError, match=r"source='era5' is not known. It must be 'synthetic' or 'ncep'"):
        air_temperature(source="era5")  # type: ignore[arg-type]
    assert ds["air"].dims == ("time", "lat", "lon")
    assert ds["air"].shape == (1460, 25, 53)
    assert (ds.lat.values == np.arange(75, 14, -2.5)).all()
    assert (ds.lon.values == np.arange(200, 331, 2.5)).all()
    assert ds.time.values[[0, -1]].astype("datetime64[h]").astype(str).tolist() == ["2013-01-01T00", "2013-12-31T18"]
    assert ds["air"].attrs["units"] == "degK"


def test_the_synthetic_year_is_the_same_on_every_machine() -> None:
    """Its hundredths of a kelvin, byte for byte: rounding removes what processors compute differently."""
    hundredths = np.rint(air_temperature()["air"].values * 100).astype("<i2")
    assert hashlib.md5(hundredths.tobytes()).hexdigest() == "95ed4ad6b4024eaa422693f3d293424e"


def test_the_real_file_is_loaded_from_the_cache_without_a_network(tmp_path: Path) -> None:
    """Its address leads nowhere; the hash of the file in the cache is right."""
    registry = stored_file(tmp_path)
    ds = air_temperature(source="ncep", folder=tmp_path, registry=registry)
    assert ds.attrs["title"] == "made in a test"
    xr.testing.assert_equal(ds, air_temperature().isel(time=slice(8)))
    (tmp_path / "air_temperature.nc").unlink()  # it is closed: all of it is in memory
    assert float(ds["air"].mean()) > 200


def test_a_file_of_that_name_does_not_pass_for_the_real_one(tmp_path: Path) -> None:
    """It is left alone where the real one cannot be had, and not replaced by the synthetic year."""
    stored_file(tmp_path)
    before = (tmp_path / "air_temperature.nc").read_bytes()
    registry = tmp_path / "another.txt"
    registry.write_text(f"air_temperature.nc md5:de5b9d45db48cf6b7034de1a4a6d6c98 {NOWHERE}")
    with pytest.raises(ConnectionError, match=r"air_temperature.nc of the registry is not in .* could not be fetched"):
        air_temperature(source="ncep", folder=tmp_path, registry=registry)
    assert (tmp_path / "air_temperature.nc").read_bytes() == before


@pytest.mark.skipif(not (CACHE / "air_temperature.nc").exists(), reason="the real file is not in the cache")
def test_the_real_file_is_what_the_synthetic_year_imitates() -> None:
    """Two years on the same grid, with the same names and attributes."""
    real, made = air_temperature(source="ncep"), air_temperature()
    assert real["air"].shape == (2920, 25, 53)
    xr.testing.assert_equal(real["lat"], made["lat"])
    xr.testing.assert_equal(real["lon"], made["lon"])
    assert (real.time.values[:1460] == made.time.values).all()
    assert real["air"].attrs.keys() == made["air"].attrs.keys()
