"""Tests of helpers.rain: a round trip keeps every value."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from helpers.rain import FIELDS, Header, decode, encode, make_dataset, parse_header
from tests.rain_files import SMALL, STEP, plain_file, small_dataset

if TYPE_CHECKING:
    from collections.abc import Callable


@st.composite
def headers(draw: st.DrawFn) -> Header:
    """Draw steps and grids, most of which lie in and out of the band."""
    rows, columns = draw(st.integers(2, 7)), draw(st.integers(2, 5))
    step = draw(st.sampled_from([0.25, 0.5, 4, 10]))
    north, west = draw(st.sampled_from([60, 52, 50.5, 20, -20])), draw(st.sampled_from([0, -170, 300, 0.125]))
    hours = 3 * draw(st.integers(0, 57_000))
    return Header(
        time=np.datetime64("2000-03-01", "s") + np.timedelta64(hours, "h"),
        shape=(rows, columns),
        north=north,
        south=north - rows * step,
        west=west,
        east=west + columns * step,
    )


@st.composite
def datasets(draw: st.DrawFn) -> xr.Dataset:
    """Draw datasets with any values that the format holds."""
    header = draw(headers())
    unreliable = (np.abs(header.lat) > 50)[:, None]
    fields: dict[str, Any] = {"source": draw(hnp.arrays("i1", header.shape))}
    for name in ("precipitation", "precipitation_error", "uncal_precipitation"):
        stored = draw(hnp.arrays("i4", header.shape, elements=st.integers(-1, 32767)))
        stored = np.where(unreliable, np.minimum(stored, 31997), stored).astype("f4")
        fields[name] = np.where(stored < 0, np.float32(np.nan), stored / np.float32(100))
    ordered = {name: fields[name] for name in FIELDS}
    synthetic = draw(st.sampled_from(["", "made up"]))
    return make_dataset(ordered, time=header.time, lat=header.lat, lon=header.lon, synthetic=synthetic)


@settings(deadline=None)
@given(datasets())
def test_a_round_trip_keeps_every_value(ds: xr.Dataset) -> None:
    """Values, missing values, sources, step, grid and attributes; and what is reliable when the rest is masked."""
    packed = encode(ds)
    assert decode(packed, unreliable="decode").identical(ds)
    masked = ds.where(abs(ds.lat) <= 50).assign(source=ds.source)
    assert decode(packed).equals(masked.transpose("time", "lat", "lon"))


@settings(deadline=None, max_examples=40)
@given(hnp.arrays("f4", (24, 16), elements=st.floats(0, 319.875, width=32)), st.integers(0, 99))
def test_any_rain_comes_back_to_the_nearest_hundredth(rain: Any, seed: int) -> None:
    """Rounded once, and then kept."""
    ds = small_dataset(seed)
    ds.precipitation[0] = rain
    once = decode(encode(ds), unreliable="decode")
    assert float(abs(once.precipitation.astype("f8") - rain).max()) <= 0.00502
    assert decode(encode(once), unreliable="decode").identical(once)


def test_the_smallest_and_the_largest_rain_are_kept_on_either_side_of_50_degrees() -> None:
    """In the band 319.97 is stored as -31998; one more would mean missing."""
    ds = small_dataset()
    ds.precipitation[0, [0, -1], :3] = [0, 0.01, 319.97]
    ds.precipitation[0, 5, :3] = [0, 0.01, 327.67]
    raw = gzip.decompress(encode(ds))
    stored = np.frombuffer(raw, ">i2", 24 * 16, 2880).reshape(24, 16)
    assert stored[[0, 5, -1], :3].tolist() == [[-1, -2, -31998], [0, 1, 32767], [-1, -2, -31998]]
    assert decode(raw, unreliable="decode").identical(ds)


def test_a_file_comes_back_byte_for_byte() -> None:
    """If its negative numbers lie in the band, and it was made when its three hours ended."""
    raw = gzip.decompress(encode(small_dataset()))
    again = encode(decode(raw, unreliable="decode"))
    assert gzip.decompress(again) == raw
    assert again == encode(small_dataset())


def test_the_header_says_what_the_data_are() -> None:
    """Step and grid, and that they are no observation."""
    ds = small_dataset()
    ds.attrs["synthetic"] = "made up; no rain fell"
    raw = gzip.decompress(encode(ds))
    assert parse_header(raw[:2880]) == replace(SMALL, created="20150311", synthetic="made up; no rain fell")
    assert b"synthetic=made_up;_no_rain_fell" in raw
    assert decode(raw).attrs["synthetic"] == "made up; no rain fell"
    assert decode(raw).precipitation.attrs["long_name"] == "synthetic precipitation"


def test_what_was_masked_is_stored_as_missing() -> None:
    """The values of the band are gone for good once it has been masked."""
    masked = decode(plain_file())
    assert decode(encode(masked), unreliable="decode").identical(masked)


def test_a_step_may_be_taken_out_of_many() -> None:
    """With its dimension or without, and with its dimensions in any order."""
    first = small_dataset()
    later = small_dataset(1).assign_coords(time=[STEP + np.timedelta64(3, "h")])
    both = xr.concat([first, later], "time")
    for one in (both.isel(time=[1]), both.isel(time=1), both.isel(time=[1]).transpose("lon", "lat", "time")):
        assert encode(one) == encode(later)


def without(name: str) -> Callable[[xr.Dataset], xr.Dataset]:
    """Drop a variable."""
    return lambda ds: ds.drop_vars(name)


def with_value(name: str, value: Any, row: int = 5) -> Callable[[xr.Dataset], xr.Dataset]:
    """Put a value in a cell."""

    def put(ds: xr.Dataset) -> xr.Dataset:
        ds[name][0, row, 2] = value
        return ds

    return put


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (without("source"), "has no source. A file of 3B42RT holds precipitation, "),
        (without("time"), "has no coordinate time"),
        (without("lat"), "no regular lat that runs from north to south"),
        (lambda ds: xr.concat([ds, ds], "time"), r"has 2 steps.*isel\(time=\[i\]\)"),
        (lambda ds: ds.isel(time=[]), "has 0 steps"),
        (lambda ds: ds.assign_coords(time=ds.time + np.timedelta64(1, "h")), "2015-03-11T16:00:00.* not a step"),
        (lambda ds: ds.isel(lat=slice(None, None, -1)), "no regular lat that runs from north to south"),
        (lambda ds: ds.roll(lon=3, roll_coords=True), "no regular lon that runs from west to east"),
        (lambda ds: ds.isel(lon=[0]), "no regular lon"),
        (lambda ds: ds.assign_coords(lat=ds.lat * 2), "within 90 degrees"),
        (lambda ds: ds.assign_coords(lon=ds.lon * 2), "within 360 degrees"),
        (lambda ds: ds.assign_attrs(synthetic="a=b"), "synthetic='a=b' does not fit"),
        (lambda ds: ds.assign_attrs(synthetic="niederschläge"), "does not fit"),
        (lambda ds: ds.assign_attrs(synthetic="no " * 999), "does not fit. It has 2,880"),
        (lambda ds: ds.assign(source=ds.source.astype("f4")), "source is float32"),
        (lambda ds: ds.assign(source=ds.source.astype("i2") + 100), "source is int16 from -28 to 227"),
        (
            with_value("precipitation", -0.01),
            "precipitation is -0.01 mm/h at lat=32.5, lon=56.25. It must be from 0 to 327.67",
        ),
        (with_value("precipitation_error", 327.68), "precipitation_error is 327.68.*0 to 327.67"),
        (with_value("uncal_precipitation", 319.98, row=0), "at lat=57.5.*0 to 319.97"),
        (with_value("precipitation", np.inf), "precipitation is inf"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(spoil: Callable[[xr.Dataset], xr.Dataset], fault: str) -> None:
    """With the value, what is allowed, and where."""
    with pytest.raises(ValueError, match=fault):
        encode(spoil(small_dataset()))
