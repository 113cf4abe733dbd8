"""Tests of helpers.append: axes of all kinds, and archives that others began; killed, they are whole too."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from zarr.storage import MemoryStore

from helpers.append import WriteLog, append, verify
from tests.append_pieces import CHUNKS, EVERY, START, piece

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata", "ignore:The data type")

BURSTS = np.array(["2020-01-01T00:00:03", "2020-01-01T00:17:11", "2020-01-01T02", "2020-01-01T02:00:01"], "M8[ns]")
MONTHS = np.array(["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"], "M8[ns]")
HOURS = {"time": {"units": "hours since 2020-01-01"}}


def at(labels: Any, **more: Any) -> xr.Dataset:
    """Return steps at these labels."""
    return xr.Dataset({"rain": ("time", np.arange(float(len(labels)))), **more}, {"time": labels})


@pytest.mark.parametrize("labels", [BURSTS, MONTHS, np.array([0.5, 0.75, 9, 11]), np.array(["a", "b", "d", "e"])])
@pytest.mark.parametrize("first", [1, 2])
def test_an_axis_without_a_step_takes_any_order_of_labels(labels: Any, first: int) -> None:
    """Bursts, month ends, numbers and names: as many steps as came, none missing, and the same again is skipped."""
    store, ds = MemoryStore(), at(labels)
    append(ds.isel(time=slice(0, first)), store)
    assert append(ds.isel(time=slice(1, 4)), store).added == 4 - first
    back = xr.open_zarr(store, chunks=None)
    assert list(back.time.values) == list(labels)
    assert list(back.rain.values) == [0, 1, 2, 3]
    assert "present" not in back
    assert verify(store).sound
    assert append(ds, store).skipped == 4
    with pytest.raises(ValueError, match="other values for 1 of 1 steps"):
        append(ds.isel(time=[2]) + 1, store)
    assert append(ds.isel(time=[2]) + 1, store, replace=True).replaced == 1


def test_without_a_step_there_is_no_room_for_late_ones() -> None:
    """A label that is new and not the last one is refused, with what to do."""
    store = MemoryStore()
    append(at(MONTHS[[0, 2]]), store)
    with pytest.raises(ValueError, match=r"2020-02-29.* comes before the archive's last step.*step="):
        append(at(MONTHS[[1]]), store)


@pytest.mark.parametrize("step", [None, "1D"])
def test_times_of_another_calendar(step: str | None) -> None:
    """No leap day in them, with a step or without one; another calendar is refused."""
    pytest.importorskip("cftime")
    times = xr.date_range("2000-02-27", periods=6, freq="D", calendar="noleap", use_cftime=True)
    store, ds = MemoryStore(), at(times)
    append(ds.isel(time=slice(0, 1)), store, step=step)
    assert append(ds.isel(time=slice(3, 6)) if step else ds.isel(time=slice(1, 6)), store).missing == (2 if step else 0)
    append(ds, store)
    back = xr.open_zarr(store, chunks=None)
    assert list(back.time.values) == list(times)
    with pytest.raises((TypeError, ValueError), match="does not fit the labels"):
        append(at(xr.date_range("2001-02-27", periods=2, calendar="360_day", use_cftime=True)), store)


@pytest.mark.parametrize("as_objects", [False, True])
def test_times_with_a_zone_are_refused_and_say_how_to_convert(as_objects: bool) -> None:
    """Zarr keeps no zone: the error names it, and its advice works."""
    index = pd.date_range("2020", periods=3, tz="Europe/Berlin")
    ds = at(np.array(list(index), object) if as_objects else index)
    with pytest.raises(TypeError, match=r"carries a time zone, Europe/Berlin.*tz_convert\(None\)"):
        append(ds, MemoryStore())
    assert (
        append(ds.assign_coords(time=pd.DatetimeIndex(ds.indexes["time"]).tz_convert(None)), MemoryStore()).added == 3
    )


@pytest.mark.parametrize("dtype", ["U3", object, np.dtypes.StringDType()])
def test_text_is_kept_whatever_its_length(dtype: Any) -> None:
    """Names of files and stations, fixed ones and one a step; gaps hold none."""
    store = MemoryStore()
    names = np.array(["a", "bb", "", "long"][:4], object)

    def named(steps: list[int]) -> xr.Dataset:
        station = ("x", np.array(["Ulm", "Rom"]).astype(dtype))
        return at(START + np.array(steps) * EVERY, name=("time", names[steps].astype(dtype)), station=station)

    names[3] = "lon"
    append(named([0]), store, step="3h")
    append(named([1, 3]), store)
    back = xr.open_zarr(store, chunks=None)
    assert list(back.name.values) == ["a", "bb", "", "lon"]
    assert list(back.station.values) == ["Ulm", "Rom"]
    assert append(named([1, 3]), store).skipped == 2


def test_an_archive_begun_by_xarray_is_appended_to() -> None:
    """Its chunks, units and packing are kept; steps that it has are compared as they are stored."""
    store, ds = MemoryStore(), piece(range(9))
    packing = {
        "rain": {"dtype": "i2", "scale_factor": 1e-4, "add_offset": 0.5, "_FillValue": -9999, "chunks": (2, 4, 5)}
    }
    ds.isel(time=slice(0, 3)).to_zarr(store, encoding=HOURS | packing)
    assert append(ds.isel(time=slice(2, 6)), store).added == 3
    assert append(ds.isel(time=slice(5, 9)).chunk({"time": 1}), store).skipped == 1
    back = xr.open_zarr(store, chunks=None)
    xr.testing.assert_allclose(back, ds, atol=6e-5)
    assert zarr.open_array(store, path="rain").dtype == "i2"
    assert back.time.encoding["units"] == HOURS["time"]["units"]
    assert verify(store).sound


def test_dates_and_texts_that_an_archive_cannot_hold_are_refused() -> None:
    """One begun in whole days takes no hours, one begun with two characters no third: nothing is written."""
    days, short = MemoryStore(), MemoryStore()
    piece([0]).to_zarr(days)
    with pytest.raises(ValueError, match="does not fit the labels of the archive, stored as 'days since"):
        append(piece([1, 2]), days)
    named = at(MONTHS[:2], name=("time", np.array(["ab", "cd"])))
    named.to_zarr(short)
    with pytest.raises(ValueError, match="a text of 3 characters, the archive room for 2"):
        append(at(MONTHS[2:], name=("time", np.array(["abc", "d"]))), short)
    assert xr.open_zarr(short, chunks=None).sizes["time"] == 2
    with pytest.raises(TypeError, match="'rain' is float32, in the archive float64"):
        append(named.assign(rain=named.rain.astype("f4")), short)


def xarray_began(store: MemoryStore, ds: xr.Dataset) -> None:
    """Begin an archive as everybody does."""
    ds.to_zarr(store, encoding=HOURS | {"rain": {"chunks": (4, 2, 5)}, "source": {"chunks": (2, 4)}})


BEGIN: dict[str, Callable[[MemoryStore, xr.Dataset], object]] = {
    "irregular": lambda store, ds: append(ds, store, chunks=CHUNKS),
    "shards": lambda store, ds: append(ds, store, encoding={"rain": {"chunks": (2, 2, 5), "shards": (4, 4, 5)}}),
    "begun by xarray": xarray_began,
}


@pytest.mark.parametrize("kind", BEGIN)
def test_each_moment_of_an_append_is_the_old_archive_or_the_new_one(kind: str) -> None:
    """A reader at any moment sees one of the two; a writer killed there appends again, and all is as in one go."""
    log = WriteLog()
    store = MemoryStore(log)
    BEGIN[kind](store, piece(range(3)))
    began, before = len(log.changes), xr.open_zarr(store, chunks=None).load()
    append(piece(range(3, 10)), store)
    after = xr.open_zarr(store, chunks=None).load()
    assert after.drop_encoding().equals(piece(range(10)))
    seen = []
    for moment in log.moments(began):
        found = xr.open_zarr(moment, chunks=None).load()
        seen.append(found.identical(after))
        assert seen[-1] or found.identical(before)
        with contextlib.suppress(BlockingIOError):
            append(piece(range(3, 10)), moment)
        assert xr.open_zarr(moment, chunks=None).load().identical(after)
    assert seen == sorted(seen)
    assert not seen[0]
    assert seen[-1]
