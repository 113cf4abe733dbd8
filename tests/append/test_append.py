"""Tests of helpers.append: what is in an archive after pieces of all kinds, along any axis, and what it costs."""

from __future__ import annotations

import contextlib
import importlib
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from zarr.codecs import GzipCodec
from zarr.storage import LocalStore, MemoryStore

from helpers.append import append, verify
from helpers.append.store import locked
from helpers.counting import CountingStore
from tests.append_pieces import AS_THEY_COME, CHUNKS, EVERY, IN_ORDER, START, assert_holds, piece, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from zarr.abc.store import Store

pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata", "ignore:The data type")

META = np.zeros((0, 0, 0))
ALL = sorted({place for places in AS_THEY_COME for place in places})
SHARDS = {"rain": {"chunks": (1, 2, 5), "shards": (4, 4, 5)}}
BURSTS = np.array(["2020-01-01T00:00:03", "2020-01-01T00:17:11", "2020-01-01T02", "2020-01-01T02:00:01"], "M8[ns]")
MONTHS = np.array(["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"], "M8[ns]")
HOURS = {"time": {"units": "hours since 2020-01-01"}}
PACKED = {"rain": {"dtype": "i2", "scale_factor": 1e-4, "add_offset": 0.5, "_FillValue": -9999, "chunks": (2, 4, 5)}}


def opened(store: Store) -> xr.Dataset:
    """Return what a reader who opens an archive now sees."""
    archive = read(store)
    assert archive is not None
    return archive


def at(labels: Any, **more: Any) -> xr.Dataset:
    """Return steps at these labels."""
    return xr.Dataset({"rain": ("time", np.arange(float(len(labels)))), **more}, {"time": labels})


@pytest.mark.parametrize("dask_chunks", [None, {"time": 3, "lat": 3, "lon": 2}])
@pytest.mark.parametrize("options", [{"chunks": CHUNKS}, {"encoding": SHARDS}])
@pytest.mark.parametrize("batches", [IN_ORDER, AS_THEY_COME])
def test_an_archive_in_pieces_equals_the_one_in_one_go(
    batches: Sequence[Sequence[int]], options: dict[str, Any], dask_chunks: dict[str, int] | None
) -> None:
    """Whatever the batches and their Dask chunks, each step comes back, the same as if all had come at once."""
    grown, at_once = MemoryStore(), MemoryStore()
    for places in batches:
        append(piece(places).chunk(dask_chunks) if dask_chunks else piece(places), grown, step="3h", **options)
    everything = sorted({place for places in batches for place in places})
    append(piece(everything), at_once, step="3h", **options)
    assert_holds(grown, everything)
    xr.testing.assert_identical(read(grown), read(at_once))
    chunks = [{k: v.to_bytes() for k, v in s._store_dict.items() if "/c/" in k} for s in (grown, at_once)]
    assert chunks[0] == chunks[1]
    assert verify(grown).sound


def test_a_second_run_writes_nothing_but_the_lock_and_what_was_done_is_said() -> None:
    """The result counts steps, objects and bytes as the store does; the lock comes on top, and goes away."""
    store = CountingStore(MemoryStore())
    append(piece(range(6)), store, chunks=CHUNKS, step="3h")
    store.reset()
    done = append(piece([4, 5, 6, 9]), store)
    assert repr(done).startswith("<Appended: 2 steps added, 2 skipped, 0 replaced, 2 missing, at 4:10; ")
    assert done.objects_written == store.writes - 1
    assert 0 < store.bytes_written - done.bytes_written < 300
    store.reset()
    again = append(piece(range(2, 6)), store, chunks=CHUNKS, step="3h")
    assert (again.added, again.skipped, again.region, again.objects_written) == (0, 4, slice(2, 6), 0)
    assert (store.writes, store.deletes) == (1, 1)
    nothing = append(piece(range(3)).isel(time=slice(0, 0)), store)
    assert nothing == type(nothing)()


@pytest.mark.parametrize("step", [None, "3h"])
def test_after_ten_thousand_batches_one_more_costs_as_many_requests_as_the_second(step: str | None) -> None:
    """Reads, writes and lists: the objects of a batch are its chunks and a constant number of others."""
    store, costs = CountingStore(MemoryStore()), []
    for batches in (range(1), range(1, 2), range(2, 10_000), range(10_000, 10_001)):
        time = START + EVERY * np.arange(8 * batches.start, 8 * batches.stop)
        rain = np.ones((time.size, 4), np.float32)
        ds = xr.Dataset({"rain": (("time", "x"), rain), "orbit": ("time", rain[:, 0])}, {"time": time})
        store.reset()
        append(ds, store, chunks={"time": 3000}, step=step)
        costs.append((store.reads, store.writes, store.lists, store.deletes))
    assert costs[1] == costs[3]
    arrays = 3 + (step is not None)
    assert costs[1][1:] == (2 + 1 + (step is not None) + arrays + 1 + 1, 0, 1)  # chunks, labels; metadata; the lock


def test_full_chunks_are_written_once_and_a_partial_one_is_completed() -> None:
    """A batch that ends inside a chunk makes the next one write that chunk again, and no other."""
    store = MemoryStore()
    append(piece(range(6)), store, chunks=CHUNKS, step="3h")
    before = {key: value.to_bytes() for key, value in store._store_dict.items() if key.startswith("rain/c/")}
    append(piece(range(6, 12)), store)
    after = {key: value.to_bytes() for key, value in store._store_dict.items() if key.startswith("rain/c/")}
    assert {key for key in before if before[key] == after[key]} == {"rain/c/0/0/0", "rain/c/0/1/0"}
    assert set(after) - set(before) == {"rain/c/2/0/0", "rain/c/2/1/0"}


def test_a_gap_is_missing_until_its_step_comes() -> None:
    """A place without a step holds NaN and is not present, unlike a step full of NaN; a late step fills it."""
    store, empty = MemoryStore(), piece([0, 1, 5])
    empty["rain"][1] = np.nan
    assert append(empty, store, chunks=CHUNKS, step="3h").missing == 3
    archive = opened(store)
    assert archive.present.values.tolist() == [True, True, False, False, False, True]
    assert bool(archive.rain[1:5].isnull().all())
    assert (archive.time.values == START + np.arange(6) * EVERY).all()
    assert append(empty, store).skipped == 3
    late = append(piece([3]), store)
    assert (late.added, late.region) == (1, slice(3, 4))
    xr.testing.assert_equal(opened(store).sel(time=[*empty.time.values]).drop_vars("present"), empty)


def test_other_values_replace_on_request_only() -> None:
    """A reprocessed step is refused, and replaced when asked for; the same again writes nothing."""
    store = CountingStore(MemoryStore())
    append(piece(range(10)), store, chunks=CHUNKS, step="3h")
    store.reset()
    with pytest.raises(ValueError, match=r"other values for 2 of 3 steps, the first at 2020-01-01T15.*replace=True"):
        append(xr.concat([piece([4]), piece([5, 6], version=1)], "time", data_vars="minimal"), store)
    assert (store.writes, store.deletes) == (1, 1)
    done = append(piece([5, 6], version=1).chunk({"time": 1}), store, replace=True)
    assert (done.added, done.skipped, done.replaced) == (0, 0, 2)
    archive = opened(store).drop_vars("present")
    xr.testing.assert_equal(archive.isel(time=slice(5, 7)), piece([5, 6], version=1))
    xr.testing.assert_equal(archive.isel(time=[0, 1, 2, 3, 4, 7, 8, 9]), piece([0, 1, 2, 3, 4, 7, 8, 9]))
    assert append(piece([5, 6], version=1), store, replace=True).skipped == 2


def test_pieces_from_dask_are_computed_once_and_a_chunk_at_a_time() -> None:
    """Memory stays at some chunks, however long the piece, and what variables share is not computed for each."""
    calls = []
    lock = threading.Lock()

    def one_step() -> npt.NDArray[np.float64]:
        with lock:
            calls.append(1)
        return np.random.default_rng(7).random((1, 128, 128))

    def lazy(first: int, last: int) -> xr.Dataset:
        rain = da.map_blocks(one_step, chunks=((1,) * (last - first), (128,), (128,)), dtype="f8", meta=META)  # type: ignore[no-untyped-call]
        time = START + np.arange(first, last) * EVERY
        return xr.Dataset({"rain": (("time", "y", "x"), rain), "twice": (("time", "y", "x"), rain * 2)}, {"time": time})

    store = MemoryStore()
    append(lazy(0, 8), store, chunks={"time": 8, "y": 64})
    calls.clear()
    long = lazy(8, 136)
    tracemalloc.start()
    with dask.config.set(scheduler="threads", num_workers=2):
        append(long, CountingStore(store))
    peak = tracemalloc.get_traced_memory()[1] - sum(len(value) for value in store._store_dict.values())
    tracemalloc.stop()
    assert len(calls) == 128
    assert peak < 10 * 8 * 128 * 128 * 8 < long.nbytes / 3


def test_a_piece_that_xarray_opened_is_stored_like_any_other(tmp_path: Path) -> None:
    """Lazily, without Dask; its own encoding is dropped. So an archive is copied, as the error says."""
    source, store, other = LocalStore(tmp_path / "source"), MemoryStore(), MemoryStore()
    piece(range(8)).to_zarr(source, consolidated=False, encoding=HOURS | {"rain": {"chunks": (1, 1, 1)}})
    lazy = xr.open_zarr(source, chunks=None, consolidated=False)
    append(lazy.isel(time=slice(0, 5)), store, chunks=CHUNKS, step="3h")
    append(lazy.isel(time=[3, 5, 7]), store)
    assert_holds(store, [0, 1, 2, 3, 4, 5, 7])
    assert zarr.open_array(store, path="time").attrs["units"] == "seconds since 1970-01-01"
    ds = xr.open_zarr(store)
    append(ds.sel(time=ds.present.load()).drop_vars("present"), other, chunks={"time": 5}, step="3h")
    xr.testing.assert_identical(read(store), read(other))


def test_the_encoding_is_fixed_by_the_first_piece() -> None:
    """Chunks, compressor and attributes are kept, whatever later pieces bring along."""
    store, encoding = MemoryStore(), {"rain": {"compressors": [GzipCodec(level=1)], "chunks": (2, 4, 5)}}
    append(piece(range(3)), store, encoding=encoding)
    later = piece(range(3, 6)).assign_attrs(title="another", history="made today")
    later.time.encoding = {"units": "days since 1900-01-01"}
    later.rain.attrs["comment"] = "none"
    append(later, store)
    rain, archive = zarr.open_array(store, path="rain"), opened(store)
    assert (rain.chunks, rain.compressors) == ((2, 4, 5), (GzipCodec(level=1),))
    assert archive.attrs == {"title": "rain that fell nowhere"}
    assert archive.rain.attrs == {"units": "mm/h"}


@pytest.mark.parametrize(("every", "unit"), [("3h", "seconds"), ("10min", "seconds"), ("500ms", "milliseconds")])
def test_units_of_time_hold_every_later_step(every: str, unit: str) -> None:
    """The stored units are whole for start and step, thus for every step that can come; seconds where they do."""
    store = MemoryStore()
    apart = pd.Timedelta(every).to_timedelta64().astype("m8[ns]")
    for first, last in ((0, 1), (7, 10), (1000, 1003)):
        time = START + apart * np.arange(first, last)
        append(xr.Dataset({"x": ("time", np.zeros(last - first))}, {"time": time}), store, step=every)
    assert (opened(store).time.values == START + apart * np.arange(1003)).all()
    assert zarr.open_array(store, path="time").attrs["units"] == f"{unit} since 1970-01-01"


def test_other_types_of_values() -> None:
    """Booleans, integers, complex numbers and times come back as they were, NaT and big-endian ones included."""
    time = START + EVERY * np.arange(5)
    whole = xr.Dataset(
        {
            "yes": ("time", np.array([True, False, True, False, True])),
            "count": (("x", "time"), np.arange(10, dtype=">i4").reshape(2, 5)),
            "wave": ("time", np.arange(5) * 1j),
            "seen": ("time", np.array(["2020-01-01T00:00:00.000000001", "NaT", "2021", "1900", "2100"], "M8[ns]")),
            "lasted": ("time", np.array([1, -5, "NaT", 7, 10**15], "m8[ns]")),
            "half": ("time", np.arange(5, dtype=np.float16)),
        },
        {"time": time, "began": np.datetime64("2019-05-06T07:08:09.123456789"), "level": 850},
    )
    store = MemoryStore()
    append(whole.isel(time=slice(0, 2)), store, step="3h")
    append(whole.isel(time=slice(3, 5)), store)
    append(whole, store)
    archive = opened(store)
    xr.testing.assert_equal(archive.drop_vars("present"), whole)
    assert append(whole, store).skipped == 5
    assert all(archive[name].dtype == whole[name].dtype.newbyteorder("=") for name in whole.variables)


@pytest.mark.parametrize("others", [[3, 4], [3], [3, 4, 5, 6]])
def test_another_writer_is_faster_between_refusal_and_lock(monkeypatch: pytest.MonkeyPatch, others: list[int]) -> None:
    """What the other one has appended meanwhile is not appended again, and nothing of it is lost."""
    store = MemoryStore()
    append(piece(range(3)), store, chunks=CHUNKS, step="3h")
    module = importlib.import_module("helpers.append.append")

    @contextlib.contextmanager
    def late(target: Store, dim: str) -> Iterator[bool]:
        monkeypatch.setattr(module, "locked", locked)
        append(piece(others), store)
        with locked(target, dim) as transaction:
            yield transaction

    monkeypatch.setattr(module, "locked", late)
    done = append(piece([3, 4]), store)
    assert (done.added, done.skipped) == (2 - len({3, 4} & set(others)), len({3, 4} & set(others)))
    assert_holds(store, {0, 1, 2, 3, 4, *others})


@pytest.mark.parametrize(
    "labels", [BURSTS, MONTHS, np.array([0.5, 0.75, 9, 11]), np.array(["a", "b", "d", "e"]), np.array([3, 4, 9, 11])]
)
@pytest.mark.parametrize("first", [1, 2])
def test_an_axis_without_a_step_takes_any_order_of_labels(labels: Any, first: int) -> None:
    """Bursts, month ends, numbers and names: as many steps as came, none missing, and the same again is skipped."""
    store, ds = MemoryStore(), at(labels)
    append(ds.isel(time=slice(0, first)), store)
    assert append(ds.isel(time=slice(1, 4)), store).added == 4 - first
    back = opened(store)
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


def test_an_axis_of_integers_with_a_step() -> None:
    """Late steps fill their places, along any dimension."""
    store = MemoryStore()
    for numbers in ([10, 11, 12], [16, 17, 18], [13]):
        append(xr.Dataset({"x": ("n", np.array(numbers) * 1.5)}, {"n": numbers}), store, dim="n", step=1)
    archive = opened(store)
    assert archive.n.values.tolist() == list(range(10, 19))
    assert archive.x.values[archive.present.values].tolist() == [1.5 * n for n in (10, 11, 12, 13, 16, 17, 18)]


@pytest.mark.parametrize("step", [None, "1D"])
def test_times_of_another_calendar(step: str | None) -> None:
    """No leap day in them, with a step or without one; another calendar is refused."""
    pytest.importorskip("cftime")
    times = xr.date_range("2000-02-27", periods=6, freq="D", calendar="noleap", use_cftime=True)
    store, ds = MemoryStore(), at(times)
    append(ds.isel(time=slice(0, 1)), store, step=step)
    assert append(ds.isel(time=slice(3, 6)) if step else ds.isel(time=slice(1, 6)), store).missing == (2 if step else 0)
    append(ds, store)
    assert list(opened(store).time.values) == list(times)
    with pytest.raises(ValueError, match="does not fit the archive"):
        append(at(xr.date_range("2001-02-27", periods=2, calendar="360_day", use_cftime=True)), store)


@pytest.mark.parametrize("dtype", ["U3", object, np.dtypes.StringDType()])
def test_text_is_kept_whatever_its_length(dtype: Any) -> None:
    """Names of files and stations, fixed ones and one a step; gaps hold none."""
    store, names = MemoryStore(), np.array(["a", "bb", "", "lon"], object)

    def named(steps: list[int]) -> xr.Dataset:
        station = ("x", np.array(["Ulm", "Rom"]).astype(dtype))
        return at(START + np.array(steps) * EVERY, name=("time", names[steps].astype(dtype)), station=station)

    append(named([0]), store, step="3h")
    append(named([1, 3]), store)
    back = opened(store)
    assert list(back.name.values) == ["a", "bb", "", "lon"]
    assert list(back.station.values) == ["Ulm", "Rom"]
    assert append(named([1, 3]), store).skipped == 2


@pytest.mark.parametrize("begun_by", ["xarray", "append", "xarray without consolidated metadata"])
def test_an_archive_begun_by_xarray_or_packed_is_appended_to(begun_by: str) -> None:
    """Its chunks, units and packing are kept; steps that it has are compared as they are stored."""
    store, ds = MemoryStore(), piece(range(9))
    first = ds.isel(time=slice(0, 3))
    if begun_by == "append":
        append(first, store, encoding=PACKED)
    else:
        first.to_zarr(store, encoding=HOURS | PACKED, consolidated=begun_by == "xarray")
    assert append(ds.isel(time=slice(2, 6)), store).added == 3
    assert append(ds.isel(time=slice(5, 9)).chunk({"time": 1}), store).skipped == 1
    back = opened(store)
    xr.testing.assert_allclose(back, ds, atol=6e-5)
    assert zarr.open_array(store, path="rain").dtype == "i2"
    assert back.time.encoding["units"] == (
        "seconds since 1970-01-01" if begun_by == "append" else HOURS["time"]["units"]
    )
    assert verify(store).sound
