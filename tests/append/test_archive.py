"""Tests of helpers.append: how an archive begins, and what does not belong to it is refused, nothing written."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore, ZipStore

from helpers.append import append
from helpers.counting import CountingStore
from tests.append_pieces import CHUNKS, EVERY, START, assert_holds, piece

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata", "ignore:The data type")

LATER, ONE = piece(range(6, 9)), piece([0])
# Times that are no datetime64, values that xarray would unpack, and times that are still numbers.
DATES = LATER.assign_coords(time=np.array([date(2020, 1, day) for day in (1, 2, 3)], object))
PACKED = LATER.assign(rain=LATER.rain.astype("i2").assign_attrs(scale_factor=np.float32(0.1)))
UNDECODED = LATER.assign_coords(time=("time", [0, 3, 6], {"units": "hours since 2020-01-01"}))


def with_attribute(name: str, value: str | None) -> xr.Dataset:
    """Return a piece in which an attribute of rain is another, or none."""
    ds = piece(range(6, 9))
    ds.rain.attrs.pop(name, None)
    if value is not None:
        ds.rain.attrs[name] = value
    return ds


def at_times(*times: np.datetime64 | str) -> xr.Dataset:
    """Return a piece with these labels."""
    return piece(range(len(times))).assign_coords(time=np.array(times, "M8[ns]"))


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no dataset": (lambda: LATER.rain, "not this DataArray"),
    "no labels": (lambda: LATER.drop_vars("time"), "labels 'time' along a dimension"),
    "a variable too few": (lambda: LATER.drop_vars("orbit"), r"lacks \['orbit'\]"),
    "a variable too many": (lambda: LATER.assign(x=1), r"does not know \['x'\]"),
    "other coordinates": (lambda: LATER.assign_coords(lat=LATER.lat + 0.5), "'lat' has fixed values of its own"),
    "turned coordinates": (lambda: LATER.isel(lat=slice(None, None, -1)), "'lat' has fixed values of its own"),
    "other fixed values": (lambda: LATER.assign(land=~LATER.land), "'land' has fixed values of its own"),
    "another grid": (lambda: LATER.isel(lat=slice(2)), r"has dimensions \{'lat': 2, 'lon': 5\}"),
    "another order of dimensions": (LATER.transpose, r"has dimensions \{'lon': 5, 'lat': 4\}"),
    "another type": (lambda: LATER.assign(rain=LATER.rain.astype("f8")), "'rain' has type float64.*float32.*astype"),
    "another unit": (lambda: with_attribute("units", "m s-1"), "'rain' has units m s-1, in the archive mm/h"),
    "no unit": (lambda: with_attribute("units", None), "units None, in the archive mm/h"),
    "another quantity": (lambda: with_attribute("standard_name", "snow"), "standard_name snow"),
    "unsorted steps": (lambda: LATER.isel(time=[1, 0, 2]), r"not in order.*T18.*sortby\('time'\)"),
    "duplicate steps": (lambda: LATER.isel(time=[0, 0, 1]), r"T18.*drop_duplicates\('time'\)"),
    "a step without time": (lambda: at_times(START, "NaT"), "at 1: NaT.*dropna"),
    "steps before the start": (lambda: at_times(START - EVERY, START), "T21:00:00 is not on.* from 2020-01-01T00"),
    "steps off the axis": (lambda: at_times(START + EVERY // 3), "2020-01-01T01:00:00 is not on.* every 3h"),
    "steps off by a nanosecond": (lambda: at_times(START + np.timedelta64(1, "ns")), "stores 'seconds since"),
    "a date far in the future": (lambda: piece([10**5]), "99994 steps are missing before 2054-.*max_gap"),
    "integers on an axis of time": (lambda: LATER.assign_coords(time=[1, 2, 3]), "int64.* does not fit"),
    "times as floats": (lambda: LATER.assign_coords(time=[1.0, 2, 3]), "float64.* does not fit"),
    "dates": (DATES.copy, r"'time' \(object\) does not fit"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    """What does not belong to the archive is refused with a sentence, and the store is left alone."""
    bad, message = REFUSED[case]
    inner = MemoryStore()
    append(piece(range(6)), inner, chunks=CHUNKS, step="3h")
    before = dict(inner._store_dict)
    with pytest.raises((TypeError, ValueError), match=message):
        append(bad(), inner)  # type: ignore[arg-type]
    assert inner._store_dict == before


@pytest.mark.parametrize(
    ("options", "message"), [({"dim": "x"}, "labels 'x' along"), ({"step": "6h"}, "step='6h'.* every 3h")]
)
def test_refuses_to_change_what_is_fixed(options: dict[str, Any], message: str) -> None:
    """A later call cannot ask for another axis, and can repeat that of the first."""
    store = MemoryStore()
    append(piece(range(6)), store, chunks=CHUNKS, step="3h")
    with pytest.raises(ValueError, match=message):
        append(LATER, store, **options)
    append(LATER, store, chunks=CHUNKS, step="180min")
    assert_holds(store, range(9))


FIRST: dict[str, tuple[Callable[[], xr.Dataset], dict[str, Any], str]] = {
    "the record": (lambda: LATER.assign_coords(present=1), {"step": "3h"}, "'present' is the record"),
    "no step": (lambda: ONE.isel(time=slice(0)), {"step": "3h"}, "at least one step"),
    "a step that is none": (lambda: ONE, {"step": "0h"}, "above zero"),
    "a step without unit": (lambda: ONE, {"step": 3}, "does not fit labels of datetime64.*'3h'"),
    "a step that does not fit": (lambda: LATER, {"step": "2h"}, "not on the archive's axis"),
    "a step of time for integers": (lambda: ONE.assign_coords(time=[1]), {"step": "3h"}, "not fit labels of int64"),
    "objects": (lambda: LATER.assign(o=("time", np.array([1, "a", None], "O"))), {}, r"'o' \(object\) does not fit"),
    "chunks of none": (lambda: LATER, {"chunks": {"lat": 0}}, "must be positive"),
    "one chunk for ever": (lambda: LATER, {"chunks": {"time": -1}}, "one or more"),
    "chunks of a stranger": (lambda: LATER, {"chunks": {"x": 1}}, "'x': 1"),
    "an encoding of a stranger": (lambda: LATER, {"encoding": {"x": {}}}, "'x': {}"),
    "no encoding": (lambda: LATER, {"encoding": {"rain": {"colour": 1}}}, "unexpected encoding"),
    "packed values": (PACKED.copy, {}, "scale_factor 0.1|decode_cf"),
    "undecoded times": (UNDECODED.copy, {}, "decode_cf"),
}


@pytest.mark.parametrize("case", FIRST)
def test_refuses_to_begin(case: str) -> None:
    """What no archive can be begun with is refused, and none is begun."""
    bad, options, message = FIRST[case]
    store = MemoryStore()
    with pytest.raises((TypeError, ValueError), match=message):
        append(bad(), store, **options)
    assert not store._store_dict


def test_refuses_what_is_no_archive(tmp_path: Path) -> None:
    """Other groups and arrays, of either format of Zarr, are not touched, nor is what cannot be rewritten."""
    plain, array, old, torn = MemoryStore(), MemoryStore(), MemoryStore(), MemoryStore()
    zarr.create_group(plain)
    zarr.create_array(array, shape=3, dtype="i4")
    zarr.create_group(old, zarr_format=2)
    LATER.to_zarr(torn)
    zarr.open_array(torn, path="rain").resize((9, 4, 5))
    zarr.consolidate_metadata(torn)
    messages = ("has no labels along it", "holds an array", "Zarr format 2", "disagrees with itself")
    for store, message in zip((plain, array, old, torn), messages, strict=True):
        with pytest.raises(ValueError, match=message):
            append(LATER, store)
    with ZipStore(tmp_path / "a.zip", mode="w") as zipped:
        for store_ in (plain.with_read_only(True), zipped):
            with pytest.raises(ValueError, match="cannot be written to again and again"):
                append(LATER, store_)


def test_more_missing_steps_than_allowed_are_refused() -> None:
    """A gap has a limit, between batches and within one, that can be raised."""
    store = MemoryStore()
    append(piece(range(3)), store, chunks=CHUNKS, max_gap=0, step="3h")
    for places in ([5], [3, 6]):
        with pytest.raises(ValueError, match=r"2 steps are missing before 2020-01-01T1.*max_gap=2"):
            append(piece(places), store, max_gap=1)
    append(piece([5]), store, max_gap=2)
    assert_holds(store, [0, 1, 2, 5])


@pytest.mark.parametrize("as_objects", [False, True])
def test_times_with_a_zone_are_refused_and_say_how_to_convert(as_objects: bool) -> None:
    """Zarr keeps no zone: the error names it, and its advice works."""
    index = pd.date_range("2020", periods=3, tz="Europe/Berlin")
    ds = xr.Dataset({"rain": ("time", np.ones(3))}, {"time": np.array(list(index), object) if as_objects else index})
    with pytest.raises(TypeError, match=r"carries a time zone, Europe/Berlin.*tz_convert\(None\)"):
        append(ds, MemoryStore())
    mended = ds.assign_coords(time=pd.DatetimeIndex(ds.indexes["time"]).tz_convert(None))
    assert append(mended, MemoryStore()).added == 3


def test_dates_and_texts_that_an_archive_cannot_hold_are_refused() -> None:
    """One begun in whole days takes no hours, one begun with two characters no third: nothing is written."""
    days, short = MemoryStore(), MemoryStore()
    piece([0]).to_zarr(days)
    with pytest.raises(ValueError, match="does not fit the archive, which stores 'days since"):
        append(piece([1, 2]), days)
    months = np.array(["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"], "M8[ns]")
    named = xr.Dataset({"rain": ("time", np.ones(4)), "name": ("time", ["ab", "cd", "abc", "d"])}, {"time": months})
    named.isel(time=slice(2)).assign(name=("time", np.array(["ab", "cd"]))).to_zarr(short)
    with pytest.raises(ValueError, match=r"'name' .* does not fit the archive, which stores '<U2'"):
        append(named.isel(time=slice(2, 4)), short)
    assert xr.open_zarr(short, chunks=None).sizes["time"] == 2
    with pytest.raises(TypeError, match="'rain' has type float32, in the archive float64"):
        append(named.assign(rain=named.rain.astype("f4")).isel(time=[1]), short)


def test_lost_values_are_missing_and_damaged_ones_are_noticed() -> None:
    """The fill value of Zarr is NaN or NaT where there is one, not 0, and chunks carry a checksum."""
    store = MemoryStore()
    time = START + EVERY * np.arange(3)
    append(xr.Dataset({"f": ("time", np.ones(3, np.float32)), "seen": ("time", time)}, {"time": time}), store)
    assert zarr.open_array(store, path="f").compressors == (ZstdCodec(level=0, checksum=True),)
    del store._store_dict["f/c/0"], store._store_dict["seen/c/0"]
    lost = xr.open_zarr(store, chunks=None)
    assert bool(lost.f.isnull().all())
    assert bool(lost.seen.isnull().all())


def test_the_labels_stay_small() -> None:
    """Years of labels are one object of a few kilobytes, rewritten with each batch."""
    store = CountingStore(MemoryStore())
    years = START + EVERY * np.arange(100_000)
    append(xr.Dataset({"x": ("time", np.zeros(100_000, np.int8))}, {"time": years}), store)
    store.reset()
    append(xr.Dataset({"x": ("time", np.zeros(8, np.int8))}, {"time": years[-1] + EVERY * np.arange(1, 9)}), store)
    assert store.bytes_written < 40_000


def test_default_chunks_hold_4_mib() -> None:
    """Without chunks, whole maps, as many as 4 MiB hold; what has one value a step has one chunk for years."""
    store = MemoryStore()
    maps = da.zeros((2, 180, 360), dtype="f4")
    append(xr.Dataset({"rain": (("time", "lat", "lon"), maps)}, {"time": START + EVERY * np.arange(2)}), store)
    assert [zarr.open_array(store, path=name).chunks for name in ("rain", "time")] == [(16, 180, 360), (2**15,)]
