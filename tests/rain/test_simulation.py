"""Tests of simulated rain, and of the files that a provider would make of it."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.rain import decode, encode, file_path, simulate, simulated_files
from helpers.rain.format import FIELDS, LAT

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

START = np.datetime64("2015-03-11T00")


@lru_cache(maxsize=16)
def step(number: int, seed: int = 7) -> xr.Dataset:
    """Simulate one of the steps that these tests look at, once."""
    return simulate(START + 3 * np.timedelta64(number, "h"), seed=seed)


def rain(number: int, seed: int = 7) -> NDArray[np.float32]:
    """Return the rain of a step, 0 where it is missing."""
    values: NDArray[np.float32] = step(number, seed).precipitation.fillna(0).to_numpy()[0]
    return values


def alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Correlate two maps."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_a_step_is_the_same_whenever_and_wherever_it_is_simulated() -> None:
    """After others or alone, given as text or as a time; lessons print its sums.

    If the sums differ, NumPy's generators draw otherwise than they did.
    """
    step(0), step(2)
    assert simulate("2015-03-11T15", seed=7).identical(step(5))
    hundredths = np.rint(step(5).precipitation.fillna(-1).to_numpy() * 100).astype("i8").ravel()
    assert (int(hundredths.sum()), int(hundredths @ np.arange(hundredths.size))) == (2301124, 968632026563)


def test_a_round_trip_through_the_format_changes_nothing() -> None:
    """Values are hundredths, attributes those of a decoded file, and each says that it is synthetic.

    Missing rain is missing in every field and has no source; where it rains, the rain has an error.
    """
    ds = step(0)
    assert decode(encode(ds), unreliable="decode").identical(ds)
    for name in ("precipitation", "precipitation_error", "uncal_precipitation"):
        assert (ds[name].isnull() == (ds.source == 0)).all()
    assert ((ds.precipitation_error > 0) == (ds.precipitation > 0)).all()
    assert list(ds.data_vars) == list(FIELDS)
    assert ds.attrs["synthetic"] == "helpers.rain.simulate with seed 7, not an observation"
    assert all(var.attrs["long_name"].startswith("synthetic ") for var in ds.data_vars.values())


@pytest.mark.parametrize("number", [0, 3, 1700])
def test_a_map_looks_like_rain(number: int) -> None:
    """Mostly dry, seldom heavy, more in the tropics than beyond, and a little missing."""
    ds = step(number)
    seen = ds.precipitation.to_numpy()[np.isfinite(ds.precipitation)]
    assert 0.8 < seen.size / ds.precipitation.size < 1
    assert 0.02 < (seen > 0).mean() < 0.12
    assert 0.05 < seen.mean() < 0.25
    assert 20 < seen.max() <= 120
    assert seen[seen > 0].min() >= 0.095
    by_lat = ds.precipitation.mean("lon")[0]
    assert by_lat.sel(lat=slice(15, -15)).mean() > 2 * by_lat.sel(lat=slice(35, 20)).mean()


def test_satellites_see_strips_and_infrared_stops_at_50_degrees() -> None:
    """All numbers are those of the format; over a day, each satellite sees its share."""
    day = np.array([step(number).source.to_numpy()[0] for number in range(8)])
    assert set(np.unique(day)) <= set(FIELDS["source"].attrs["flag_values"])
    assert not (day[:, np.abs(LAT) > 50] == 50).any()
    assert not (day[:, np.abs(LAT) > 45] == 2).any()
    assert all(0.005 < (day == number).mean() < 0.3 for number in (1, 2, 3, 5, 6, 30, 31))
    assert 0.1 < (day == 50).mean() < 0.5
    assert 0.01 < (day == 0).mean() < 0.2
    assert len({each.tobytes() for each in day}) == 8


def test_rain_moves_and_fades() -> None:
    """A step resembles the next one more than a later one, not that of three days later, nor that of another seed."""
    assert abs(alike(rain(0), rain(0, seed=8))) < 0.1
    near, later, far = (alike(rain(0), rain(number)) for number in (1, 3, 24))
    assert near > 2 * later > 2 * far
    assert abs(far) < 0.1


def test_fronts_move_east() -> None:
    """The rain of the middle latitudes fits the next step best when it is shifted east."""
    band = (LAT < 48) & (LAT > 35)
    fits = [alike(np.roll(rain(0)[band], shift), rain(1)[band]) for shift in range(-12, 13)]
    assert 2 <= int(np.argmax(fits)) - 12 <= 8


@pytest.mark.parametrize(
    ("time", "seed", "error", "fault"),
    [
        ("2015-03-11T01", 7, ValueError, "every 3 hours"),
        ("1999-03-11T03", 7, ValueError, "not a step"),
        ("2015-03-11T03", -1, ValueError, "non-negative"),
        ("2015-03-11T03", 0.5, TypeError, "integer"),
    ],
)
def test_a_wrong_time_or_seed_is_refused(time: str, seed: int, error: type[Exception], fault: str) -> None:
    """With what is allowed, at once: not when the first file is asked for."""
    with pytest.raises(error, match=fault):
        simulate(time, seed=seed)
    with pytest.raises(ValueError, match="not a step of 3B42RT"):
        simulated_files("2015-03-11T13")


def test_files_hold_what_is_simulated() -> None:
    """Under the path of their step, and the same bytes each time; noon of each day, say, until the product ends."""
    noons = itertools.islice(simulated_files("2019-12-30T12", hours=24), 9)
    assert [path[-19:-9] for path, _ in noons] == ["2019123012", "2019123112"]
    files = list(simulated_files("2015-12-31T21", steps=2, seed=8))
    assert files == list(simulated_files("2015-12-31T21", steps=2, seed=8))
    assert [path for path, _ in files] == [file_path("2015-12-31T21"), file_path("2016-01-01T00")]
    assert files[1][0] == "3B42RT/2016/01/3B42RT.2016010100.7.bin.gz"
    assert decode(files[1][1], unreliable="decode").identical(simulate("2016-01-01T00", seed=8))


def test_clipping_at_zero_makes_the_mean_too_low() -> None:
    """What an early recipe does to the band and to missing values, and a careful reader does not."""
    careful = decode(encode(step(5)), fields="precipitation").precipitation
    assert float(careful.fillna(0).mean()) < 0.9 * float(careful.mean())
