"""Tests of decoding and encoding: what a file holds is what comes out, and what is put in comes back."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from helpers.rain import decode, encode, file_name
from helpers.rain.codec import make_dataset
from helpers.rain.format import FIELDS, Header, parse_header
from tests.rain.files import SMALL, STEP, assert_decoded, plain_file, small_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("unreliable", ["mask", "decode"])
@pytest.mark.parametrize(
    "header",
    [
        SMALL,
        replace(SMALL, scales=(10, 1, 1, 1000)),
        replace(SMALL, shape=(2, 31), north=51, south=49, west=-30, east=30),
    ],
)
def test_every_number_is_decoded_as_its_header_says(header: Header, unreliable: Literal["mask", "decode"]) -> None:
    """Against a decoder that takes one number at a time: all of int16 and int8, both modes."""
    raw = plain_file(header)
    assert_decoded(decode(raw, unreliable=unreliable), raw, unreliable=unreliable)
    assert_decoded(decode(gzip.compress(raw), unreliable=unreliable), raw, unreliable=unreliable)


@pytest.mark.parametrize(
    ("stored", "masked", "decoded"),
    [(0, 0, 0), (1, 0.01, 0.01), (32767, 327.67, 327.67), (-31999, np.nan, np.nan), (-1, np.nan, 0), (-101, np.nan, 1)],
)
def test_missing_is_not_zero_and_a_negative_number_is_no_rain(stored: int, masked: float, decoded: float) -> None:
    """At the equator, where the sign alone tells; never clipped to 0."""
    header = replace(SMALL, north=30, south=-30)
    fields = np.zeros((), header.dtype)
    fields["precipitation"][0, 0] = stored
    raw = bytes(header) + fields.tobytes()
    for unreliable, due in (("mask", masked), ("decode", decoded)):
        rain = decode(raw, unreliable=unreliable).precipitation[0]  # type: ignore[arg-type]
        np.testing.assert_equal(rain[0, 0].item(), np.float32(due).item())
        assert not rain[0, 1:].any()


@pytest.mark.parametrize("fields", ["uncal_precipitation", ["source", "precipitation"]])
def test_only_the_fields_asked_for_are_decoded(fields: Any) -> None:
    """One by its name or several, with the values that they have among all."""
    raw = plain_file()
    some = decode(raw, fields=fields)
    assert list(some.data_vars) == ([fields] if isinstance(fields, str) else list(fields))
    assert some.identical(decode(raw)[list(some.data_vars)])


def test_fields_that_are_not_asked_for_are_checked_too() -> None:
    """Damage in the last field shows when the first is decoded."""
    packed = bytearray(gzip.compress(plain_file()))
    packed[-8] ^= 1  # in the checksum
    with pytest.raises(ValueError, match="incorrect data check"):
        decode(bytes(packed), fields="precipitation")


def test_a_file_is_read_from_a_path(tmp_path: Path) -> None:
    """A path or its text; packed or plain, whatever the name says."""
    raw = plain_file()
    path = tmp_path / file_name(STEP)
    for content in (raw, gzip.compress(raw)):
        path.write_bytes(content)
        assert decode(path).identical(decode(raw))
        assert decode(str(path)).identical(decode(raw))


def test_a_file_of_another_step_is_refused(tmp_path: Path) -> None:
    """A provider that serves one file under the name of another would shift the rain."""
    path = tmp_path / file_name("2015-03-11T18")
    path.write_bytes(plain_file())
    with pytest.raises(ValueError, match=r"18\.7\.bin\.gz: the name says 2015031118, the header 2015031115"):
        decode(path)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [({"fields": "rain"}, r"\['rain'\] are no fields.*precipitation_error"), ({"unreliable": "clip"}, "='clip'.*mask")],
)
def test_a_wrong_option_is_named(changes: Any, fault: str) -> None:
    """Before the file is read."""
    with pytest.raises(ValueError, match=fault):
        decode("/no/such/file", **changes)


def test_a_file_of_zeros_is_decoded() -> None:
    """It packs so well that all of it is taken in with the header."""
    ds = decode(gzip.compress(bytes(Header(time=STEP)) + bytes(4_838_400), 9))
    assert float(ds.precipitation.sum()) == 0
    assert int(ds.precipitation.count()) == 400 * 1440


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


@given(datasets())
def test_a_round_trip_keeps_every_value(ds: xr.Dataset) -> None:
    """Values, missing values, sources, step, grid and attributes; and what is reliable when the rest is masked."""
    packed = encode(ds)
    assert decode(packed, unreliable="decode").identical(ds)
    masked = ds.where(abs(ds.lat) <= 50).assign(source=ds.source)
    assert decode(packed).equals(masked.transpose("time", "lat", "lon"))


@settings(max_examples=40)
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


def test_a_step_may_be_taken_out_of_many() -> None:
    """With its dimension or without, and with its dimensions in any order."""
    first = small_dataset()
    later = small_dataset(1).assign_coords(time=[STEP + np.timedelta64(3, "h")])
    both = xr.concat([first, later], "time")
    for one in (both.isel(time=[1]), both.isel(time=1), both.isel(time=[1]).transpose("lon", "lat", "time")):
        assert encode(one) == encode(later)


def with_value(name: str, value: Any, row: int = 5) -> Callable[[xr.Dataset], xr.Dataset]:
    """Put a value in a cell."""

    def put(ds: xr.Dataset) -> xr.Dataset:
        ds[name][0, row, 2] = value
        return ds

    return put


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda ds: xr.concat([ds, ds], "time"), "cannot select a dimension to squeeze"),
        (lambda ds: ds.assign_coords(time=ds.time + np.timedelta64(1, "h")), "2015-03-11T16:00:00.* not a step"),
        (lambda ds: ds.isel(lat=slice(None, None, -1)), "That is no grid"),
        (lambda ds: ds.assign_coords(lon=ds.lon.where(ds.lon != 56.25, 57)), "no regular grid"),
        (lambda ds: ds.assign_coords(lat=ds.lat * 2), "That is no grid"),
        (lambda ds: ds.assign_attrs(synthetic="a=b"), "KEY=VALUE"),
        (lambda ds: ds.assign_attrs(synthetic="niederschläge"), "can't encode"),
        (lambda ds: ds.assign_attrs(synthetic="no " * 999), "does not fit. It has 2,880"),
        (with_value("precipitation", -0.01), "precipitation runs from -0.01 to .* mm/h. It must be from 0 to 327.67"),
        (with_value("precipitation_error", 327.68), "precipitation_error runs .* to 327.68"),
        (with_value("uncal_precipitation", 319.98, row=0), "to 319.97 polewards of 50°"),
        (with_value("precipitation", np.inf), "precipitation .* to inf"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(spoil: Callable[[xr.Dataset], xr.Dataset], fault: str) -> None:
    """With the value and what is allowed."""
    with pytest.raises(ValueError, match=fault):
        encode(spoil(small_dataset()))
