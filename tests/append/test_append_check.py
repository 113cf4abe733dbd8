"""Tests of helpers.append: what does not belong to an archive is refused, and nothing is written."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore, ZipStore

from helpers.append import append
from helpers.counting import CountingStore
from tests.append_pieces import CHUNKS, EVERY, START, assert_holds, piece

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import xarray as xr

LATER = piece(range(6, 9))
# Times that are no datetime64, values that xarray would unpack, and times that are still numbers.
IN_CALENDAR = LATER.assign_coords(time=np.array([date(2020, 1, day) for day in (1, 2, 3)], object))
PACKED = LATER.assign(rain=LATER.rain.astype("i2").assign_attrs(scale_factor=np.float32(0.1)))
UNDECODED = LATER.assign_coords(time=("time", [0, 3, 6], {"units": "hours since 2020-01-01"}))
REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no dataset": (lambda: LATER.rain, TypeError, "is a DataArray.*to_dataset"),
    "no labels": (lambda: LATER.drop_vars("time"), ValueError, "no coordinate 'time'"),
    "no dimension": (lambda: LATER.isel(time=0), ValueError, "no coordinate 'time'"),
    "a variable too few": (lambda: LATER.drop_vars("orbit"), ValueError, r"missing \['orbit'\], unknown \[\]"),
    "a variable too many": (lambda: LATER.assign(x=1), ValueError, r"missing \[\], unknown \['x'\]"),
    "other coordinates": (lambda: LATER.assign_coords(lat=LATER.lat + 0.5), ValueError, "'lat' has other values"),
    "turned coordinates": (lambda: LATER.isel(lat=slice(None, None, -1)), ValueError, "'lat' has other values"),
    "other fixed values": (lambda: LATER.assign(land=~LATER.land), ValueError, "'land' has other values"),
    "another grid": (lambda: LATER.isel(lat=slice(2)), ValueError, r"'rain' has dimensions \{'time': 3, 'lat': 2,"),
    "another order of dimensions": (LATER.transpose, ValueError, "'rain' has dimensions"),
    "another type": (
        lambda: LATER.assign(rain=LATER.rain.astype("f8")),
        TypeError,
        "'rain' is float64.*float32.*astype",
    ),
    "another unit": (lambda: with_attribute("units", "m s-1"), ValueError, "units='m s-1', in the archive 'mm/h'"),
    "no unit": (lambda: with_attribute("units", None), ValueError, "units=None, in the archive 'mm/h'"),
    "another quantity": (lambda: with_attribute("standard_name", "snow"), ValueError, "standard_name='snow'"),
    "unsorted steps": (lambda: LATER.isel(time=[1, 0, 2]), ValueError, r"T18:.* comes after .*sortby\(\"time\"\)"),
    "duplicate steps": (lambda: LATER.isel(time=[0, 0, 1]), ValueError, r"appears twice.*drop_duplicates\(\"time\"\)"),
    "a step without time": (lambda: at_times(START, "NaT"), ValueError, "NaT at 1"),
    "steps before the start": (lambda: at_times(START - EVERY, START), ValueError, "before the archive's start: time"),
    "steps off the axis": (lambda: at_times(START + EVERY // 3), ValueError, "2020-01-01T01:00:00.* every 3 h"),
    "steps off by a nanosecond": (
        lambda: at_times(START + np.timedelta64(1, "ns")),
        ValueError,
        "does not fit the labels",
    ),
    "a date far in the future": (lambda: piece([10**5]), ValueError, "99994 steps are missing before 2054-.*max_gap"),
    "integers on an axis of time": (
        lambda: LATER.assign_coords(time=[1, 2, 3]),
        TypeError,
        "int64.* does not fit the labels",
    ),
    "times as floats": (lambda: LATER.assign_coords(time=[1.0, 2, 3]), TypeError, "float64.* does not fit the labels"),
    "another calendar": (IN_CALENDAR.copy, TypeError, r"of type object \(date\)"),
}


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


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    """What does not belong to the archive is refused with a sentence, and the store is left alone."""
    bad, error, message = REFUSED[case]
    store = CountingStore(MemoryStore())
    append(piece(range(6)), store, chunks=CHUNKS, step="3h")
    store.reset()
    with pytest.raises(error, match=message):
        append(bad(), store)  # type: ignore[arg-type]
    assert (store.writes, store.deletes) == (0, 0)
    assert_holds(store, range(6))


LATER_CHOICES: dict[str, tuple[dict[str, Any], str]] = {
    "dim": ({"dim": "x"}, "dim='x', but .* has no labels along it"),
    "step": ({"step": "6h"}, "step='6h'.*every 3 h"),
    "chunks": ({"chunks": {"time": 5}}, "'rain' has chunks of 4 along 'time'|'source' has chunks of 4"),
    "other chunks": ({"chunks": {"time": 4, "lat": 4}}, "has chunks of 2 along 'lat'"),
}


@pytest.mark.parametrize("case", LATER_CHOICES)
def test_refuses_to_change_what_is_fixed(case: str) -> None:
    """A later call cannot ask for another axis or other chunks, and can repeat those of the first."""
    options, message = LATER_CHOICES[case]
    store = CountingStore(MemoryStore())
    append(piece(range(6)), store, chunks=CHUNKS, step="3h")
    store.reset()
    with pytest.raises(ValueError, match=message):
        append(LATER.assign_coords(x=[0, 1]), store, **options)
    assert store.writes == 0
    append(LATER, store, chunks={**CHUNKS, "lon": -1}, step="180min")
    assert_holds(store, range(9))


ONE = piece([0])
FIRST: dict[str, tuple[Callable[[], xr.Dataset], dict[str, Any], type[Exception], str]] = {
    "the record": (
        lambda: LATER.assign_coords(present=1),
        {"step": "3h"},
        ValueError,
        "'present', the name under which",
    ),
    "no step": (lambda: ONE.isel(time=slice(0)), {"step": "3h"}, ValueError, "no steps along 'time'"),
    "a step that is none": (lambda: ONE, {"step": "0h"}, ValueError, "above zero"),
    "a step without unit": (lambda: ONE, {"step": 3}, TypeError, "has no unit.*'3h'"),
    "a step that does not fit": (lambda: LATER, {"step": "2h"}, ValueError, "not on the archive's axis"),
    "a step of time for integers": (
        lambda: ONE.assign_coords(time=[1]),
        {"step": "3h"},
        TypeError,
        "the labels are integers",
    ),
    "objects": (lambda: LATER.assign(o=("time", np.array([1, "a", None], "O"))), {}, TypeError, "of type object"),
    "chunks of none": (lambda: LATER, {"chunks": {"lat": 0}}, ValueError, "1 or more"),
    "one chunk for ever": (lambda: LATER, {"chunks": {"time": -1}}, ValueError, "1 or more"),
    "chunks of a stranger": (lambda: LATER, {"chunks": {"x": 1}}, ValueError, "'x': 1"),
    "an encoding of a stranger": (lambda: LATER, {"encoding": {"x": {}}}, ValueError, "'x': {}"),
    "packing": (lambda: LATER, {"encoding": {"rain": {"dtype": "i2"}}}, ValueError, "Values are stored as they are"),
    "packed values": (PACKED.copy, {}, ValueError, "read back as float64.*decode_cf"),
    "undecoded times": (UNDECODED.copy, {}, ValueError, "read back as datetime64.*decode_cf"),
    "a negative age": (lambda: LATER, {"take_lock_older_than_s": -1}, ValueError, "0 or more"),
}


@pytest.mark.parametrize("case", FIRST)
def test_refuses_to_begin(case: str) -> None:
    """What no archive can be begun with is refused, and none is begun."""
    bad, options, error, message = FIRST[case]
    store = CountingStore(MemoryStore())
    with pytest.raises(error, match=message):
        append(bad(), store, **options)
    assert store.writes == 0


def test_refuses_what_is_no_archive(tmp_path: Path) -> None:
    """Other groups and arrays, of either format of Zarr, are not touched, nor is what cannot be rewritten."""
    plain, array, old = MemoryStore(), MemoryStore(), MemoryStore()
    zarr.create_group(plain)
    zarr.create_array(array, shape=3, dtype="f4")
    zarr.create_group(old, zarr_format=2)
    for store, message in ((plain, "has no labels along it"), (array, "holds an array")):
        with pytest.raises(ValueError, match=message):
            append(LATER, store)
    with pytest.raises(ValueError, match=r"Zarr format 2 \(.zgroup\)"):
        append(LATER, old)
    with pytest.raises(ValueError, match="cannot be written to"):
        append(LATER, plain.with_read_only(True))
    with ZipStore(tmp_path / "a.zip", mode="w") as zipped, pytest.raises(ValueError, match="again and again"):
        append(LATER, zipped)


def test_refuses_more_missing_steps_than_allowed() -> None:
    """A gap has a limit, between batches and within one, that can be raised."""
    store = MemoryStore()
    append(piece(range(3)), store, chunks=CHUNKS, max_gap=0, step="3h")
    for places in ([5], [3, 6]):
        with pytest.raises(ValueError, match=r"2 steps are missing before 2020-01-01T1.*max_gap=2"):
            append(piece(places), store, max_gap=1)
    append(piece([5]), store, max_gap=2)
    assert_holds(store, [0, 1, 2, 5])
