"""Tests of helpers.rain and what it draws with: rain that moves, the same whenever it is asked for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from helpers.rain import FIELDS, LAT, decode, draw_rain, encode, simulate, systems_at

if TYPE_CHECKING:
    import xarray as xr

START = np.datetime64("2015-03-11T00")
HOUR = float((START - np.datetime64("2000-01-01T00")) / np.timedelta64(1, "h"))


@lru_cache(maxsize=16)
def step(number: int, seed: int = 7) -> xr.Dataset:
    """Simulate one of the steps that these tests look at, once."""
    return simulate(START + 3 * np.timedelta64(number, "h"), seed=seed)


def rain(number: int) -> Any:
    """Return the rain of a step, 0 where it is missing."""
    return step(number).precipitation.fillna(0).to_numpy()[0]


def test_a_step_is_the_same_whenever_it_is_simulated() -> None:
    """After others or alone; given as text or as a time; down to the attributes."""
    step(0), step(2)
    assert simulate("2015-03-11T03", seed=7).identical(step(1))
    assert simulate(np.datetime64("2015-03-11T03:00:00"), seed=np.int64(7)).identical(step(1))  # type: ignore[arg-type]


def test_a_step_is_the_same_on_every_machine() -> None:
    """What lessons print depends on it. If this fails, NumPy's generators draw otherwise than they did."""
    hundredths = np.rint(step(5).precipitation.fillna(-1).to_numpy() * 100).astype("i8").ravel()
    assert (int(hundredths.sum()), int(hundredths @ np.arange(hundredths.size))) == (3493065, 1704801860870)


def test_another_seed_gives_other_weather() -> None:
    """As much as another month does."""
    same = np.corrcoef(rain(0).ravel(), step(0, seed=8).precipitation.fillna(0).to_numpy().ravel())[0, 1]
    assert abs(same) < 0.1


def test_a_round_trip_through_the_format_changes_nothing() -> None:
    """Values are hundredths, attributes those of a decoded file, and each says that it is synthetic."""
    ds = step(0)
    assert decode(encode(ds), unreliable="decode").identical(ds)
    assert list(ds.data_vars) == list(FIELDS)
    assert ds.attrs["synthetic"] == "helpers.rain.simulate with seed 7, not an observation"
    assert all(var.attrs["long_name"].startswith("synthetic ") for var in ds.data_vars.values())


@pytest.mark.parametrize("number", [0, 3, 1700])
def test_a_map_looks_like_rain(number: int) -> None:
    """Mostly dry, seldom heavy, more in the tropics than beyond, and a little missing."""
    ds = step(number)
    seen = ds.precipitation.to_numpy()[np.isfinite(ds.precipitation)]
    assert 0.8 < seen.size / ds.precipitation.size < 1
    assert 0.03 < (seen > 0).mean() < 0.12
    assert 0.05 < seen.mean() < 0.25
    assert 20 < seen.max() <= 120
    assert seen[seen > 0].min() >= 0.095
    by_lat = ds.precipitation.mean("lon")[0]
    assert by_lat.sel(lat=slice(15, -15)).mean() > 2 * by_lat.sel(lat=slice(35, 20)).mean()


def test_missing_rain_is_missing_in_every_field_and_has_no_source() -> None:
    """And only there."""
    ds = step(0)
    for name in ("precipitation", "precipitation_error", "uncal_precipitation"):
        assert (ds[name].isnull() == (ds.source == 0)).all()
    assert ((ds.precipitation_error > 0) == (ds.precipitation > 0)).all()


def test_rain_moves_and_fades() -> None:
    """A step resembles the next one more than a later one, and not that of two days later."""
    near, later, far = (np.corrcoef(rain(0).ravel(), rain(n).ravel())[0, 1] for n in (1, 3, 16))
    assert near > 2 * later > 2 * far
    assert abs(far) < 0.1


def test_fronts_move_east() -> None:
    """The rain of the middle latitudes fits the next step best when it is shifted east."""
    band = (LAT < 48) & (LAT > 35)
    fits = [np.corrcoef(np.roll(rain(0)[band], shift).ravel(), rain(1)[band].ravel())[0, 1] for shift in range(-12, 13)]
    assert 2 <= int(np.argmax(fits)) - 12 <= 8


def test_a_place_has_dry_days_and_wet_ones() -> None:
    """A series in the rain belt, over five days."""
    hours = HOUR + 3 * np.arange(0, 40, 2)
    series = [draw_rain(systems_at(float(hour), seed=7))[240 - 24, 480] > 0.1 for hour in hours]
    assert 1 <= sum(series) <= 12


@pytest.mark.parametrize(
    ("time", "seed", "error", "fault"),
    [
        ("2015-03-11T01", 7, ValueError, "every 3 hours"),
        ("1999-03-11T03", 7, ValueError, "has no file"),
        ("2015-03-11T03", -1, ValueError, "seed=-1 is not allowed. It must be 0 or more"),
        ("2015-03-11T03", 0.5, TypeError, "seed=0.5 is a float"),
        ("2015-03-11T03", "7", TypeError, "seed='7' is a str"),
    ],
)
def test_a_wrong_time_or_seed_is_named(time: str, seed: Any, error: type[Exception], fault: str) -> None:
    """With what is allowed."""
    with pytest.raises(error, match=fault):
        simulate(time, seed=seed)


@pytest.mark.parametrize("time", ["2000-03-01T00", "2019-12-31T21"])
def test_the_first_and_the_last_step_are_simulated(time: str) -> None:
    """As far as names go."""
    assert simulate(time, seed=0).precipitation.sum() > 1000
