"""Tests of helpers.append: what is in an archive after pieces of all kinds, and what that costs."""

from __future__ import annotations

import contextlib
import importlib
import threading
import tracemalloc
from typing import TYPE_CHECKING

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
from helpers.append.store import writing
from helpers.counting import CountingStore
from tests.append_pieces import AS_THEY_COME, CHUNKS, EVERY, IN_ORDER, START, assert_holds, piece, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from zarr.abc.store import Store

    from helpers.append.store import Claim

META = np.zeros((0, 0, 0))


@pytest.mark.parametrize("batches", [IN_ORDER, AS_THEY_COME])
def test_an_archive_in_pieces_equals_the_one_in_one_go(batches: Sequence[Sequence[int]]) -> None:
    """Whatever the batches, each step comes back as it was given, and the same as if all had come at once."""
    grown, at_once = MemoryStore(), MemoryStore()
    for places in batches:
        append(piece(places), grown, chunks=CHUNKS, step="3h")
    everything = sorted({place for places in batches for place in places})
    append(piece(everything), at_once, chunks=CHUNKS, step="3h")
    assert_holds(grown, everything)
    xr.testing.assert_identical(read(grown), read(at_once))
    chunks = [{k: v for k, v in s._store_dict.items() if "/c/" in k} for s in (grown, at_once)]
    assert {k: v.to_bytes() for k, v in chunks[0].items()} == {k: v.to_bytes() for k, v in chunks[1].items()}


def test_a_second_run_writes_nothing() -> None:
    """Appending what is there changes nothing and writes no object, not even a lock."""
    store = CountingStore(MemoryStore())
    append(piece(range(6)), store, chunks=CHUNKS, step="3h")
    store.reset()
    again = append(piece(range(2, 6)), store, chunks=CHUNKS, step="3h")
    assert (again.added, again.skipped, again.region, again.objects_written) == (0, 4, slice(2, 6), 0)
    assert (store.writes, store.deletes) == (0, 0)


def test_what_was_done_is_said() -> None:
    """The result counts steps, objects and bytes as the store does; the lock comes on top."""
    store = CountingStore(MemoryStore())
    append(piece(range(6)), store, chunks=CHUNKS, step="3h")
    store.reset()
    done = append(piece([4, 5, 6, 9]), store)
    assert repr(done).startswith("<Appended: 2 steps added, 2 skipped, 0 replaced, 2 missing, at 4:10; ")
    assert done.objects_written == store.writes - 1
    assert 0 < store.bytes_written - done.bytes_written < 300
    assert store.deletes == 1


def test_a_batch_writes_as_many_objects_late_as_early() -> None:
    """The objects of a batch are its chunks and a constant number of others, however long the archive is."""
    store = CountingStore(MemoryStore())
    costs = []
    for batches in (range(2), range(2, 3), range(3, 40), range(40, 41)):
        store.reset()
        append(piece(range(4 * batches.start, 4 * batches.stop)), store, chunks=CHUNKS, step="3h")
        costs.append((store.writes, store.reads, store.lists))
    second, fortieth = costs[1], costs[3]
    assert second == fortieth
    arrays, chunks = 5, 2 + 2 + 1  # rain, source and orbit
    assert second[0] == chunks + 2 + arrays + 1 + 1  # labels, record; metadata of each, of all; the lock
    assert second[2] == 0


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
    """A place without a step holds NaN and is not present; the late step fills it, and nothing else moves."""
    store = MemoryStore()
    assert append(piece([0, 1, 5]), store, chunks=CHUNKS, step="3h").missing == 3
    archive = read(store)
    assert archive is not None
    assert archive.present.values.tolist() == [True, True, False, False, False, True]
    assert bool(archive.rain[2:5].isnull().all())
    assert (archive.time.values == START + np.arange(6) * EVERY).all()
    late = append(piece([3]), store)
    assert (late.added, late.region) == (1, slice(3, 4))
    assert_holds(store, [0, 1, 3, 5])


def test_a_step_full_of_nan_is_not_a_missing_one() -> None:
    """The record tells a step without data from a step that never came."""
    empty = piece([0, 1, 3])
    empty["rain"][1] = np.nan
    store = MemoryStore()
    append(empty, store, chunks=CHUNKS, step="3h")
    archive = read(store)
    assert archive is not None
    assert bool(archive.rain[1:3].isnull().all())
    assert archive.present.values.tolist() == [True, True, False, True]
    assert append(empty, store).skipped == 3


def test_other_values_replace_on_request_only() -> None:
    """A reprocessed step is refused, and replaced when asked for; the same again writes nothing."""
    store = CountingStore(MemoryStore())
    append(piece(range(10)), store, chunks=CHUNKS, step="3h")
    store.reset()
    with pytest.raises(ValueError, match=r"other values for 2 of 3 steps, the first at 2020-01-01T15.*replace=True"):
        append(xr.concat([piece([4]), piece([5, 6], version=1)], "time", data_vars="minimal"), store)
    assert store.writes == 0
    done = append(piece([5, 6], version=1), store, replace=True)
    assert (done.added, done.skipped, done.replaced) == (0, 0, 2)
    archive = read(store)
    assert archive is not None
    xr.testing.assert_equal(archive.sel(time=piece([5, 6]).time).drop_vars("present"), piece([5, 6], version=1))
    xr.testing.assert_equal(archive.isel(time=slice(0, 5)).drop_vars("present"), piece(range(5)))
    store.reset()
    assert append(piece([5, 6], version=1), store, replace=True).skipped == 2
    assert store.writes == 0


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
    peaks = []
    first = 8
    for steps in (32, 128):
        piece_ = lazy(first, first + steps)
        first += steps
        calls.clear()
        tracemalloc.start()
        with dask.config.set(scheduler="threads", num_workers=2):
            append(piece_, CountingStore(store))
        stored = sum(len(value) for value in store._store_dict.values())
        peaks.append(tracemalloc.get_traced_memory()[1] - stored * steps / first)
        tracemalloc.stop()
        assert len(calls) == steps
    chunk = 8 * 128 * 128 * 8
    assert max(peaks) < 10 * chunk, peaks
    assert piece_.nbytes > 30 * chunk


def test_dask_pieces_with_gaps_overlaps_and_chunks_of_their_own() -> None:
    """However the piece is cut, and whatever falls into which chunk, each value arrives at its place."""
    store = MemoryStore()
    for places in AS_THEY_COME:
        append(piece(places).chunk({"time": 3, "lat": 3, "lon": 2}), store, chunks=CHUNKS, step="3h")
    assert_holds(store, {place for places in AS_THEY_COME for place in places})
    append(piece([2, 3, 9], version=1).chunk({"time": 2}), store, replace=True)
    assert_holds_one(store, 9, version=1)
    assert_holds_one(store, 10, version=0)


def assert_holds_one(store: MemoryStore, place: int, *, version: int) -> None:
    """Fail unless one step has the values of one version."""
    archive = read(store)
    assert archive is not None
    xr.testing.assert_equal(archive.isel(time=[place]).drop_vars("present"), piece([place], version=version))


def test_a_piece_from_a_file_is_read_part_by_part(tmp_path: Path) -> None:
    """A piece that xarray opened lazily, without Dask, is stored like any other; its own encoding is dropped."""
    piece(range(8)).to_netcdf(tmp_path / "piece.nc", engine="h5netcdf") if False else None
    source = LocalStore(tmp_path / "source")
    piece(range(8)).to_zarr(
        source,
        consolidated=False,
        encoding={"time": {"units": "hours since 2020-01-01"}, "rain": {"chunks": (1, 1, 1)}},
    )
    lazy = xr.open_zarr(source, chunks=None, consolidated=False)
    store = MemoryStore()
    append(lazy.isel(time=slice(0, 5)), store, chunks=CHUNKS, step="3h")
    append(lazy.isel(time=[3, 5, 7]), store)
    assert_holds(store, [0, 1, 2, 3, 4, 5, 7])
    assert zarr.open_array(store, path="time").attrs["units"] == "seconds since 1970-01-01"


def test_the_encoding_is_fixed_by_the_first_piece() -> None:
    """Chunks, compressor and attributes are kept, whatever later pieces bring along."""
    store = MemoryStore()
    encoding: dict[str, dict[str, object]] = {
        "rain": {"compressors": [GzipCodec(level=1)], "chunks": (2, 4, 5)},
        "orbit": {"chunks": (10,)},
    }
    append(piece(range(3)), store, encoding=encoding)
    later = piece(range(3, 6)).assign_attrs(title="another", history="made today")
    later.time.encoding = {"units": "days since 1900-01-01"}
    later.rain.attrs["comment"] = "none"
    append(later, store)
    rain, archive = zarr.open_array(store, path="rain"), read(store)
    assert archive is not None
    assert rain.chunks == (2, 4, 5)
    assert rain.compressors == (GzipCodec(level=1),)
    assert zarr.open_array(store, path="orbit").chunks == (10,)
    assert archive.attrs == {"title": "rain that fell nowhere"}
    assert archive.rain.attrs == {"units": "mm/h"}


def test_shards_are_written_whole() -> None:
    """With shards, one object holds many chunks, and is still written by one task with one PUT."""
    store = CountingStore(MemoryStore())
    encoding = {"rain": {"chunks": (1, 2, 5), "shards": (4, 4, 5)}}
    for places in AS_THEY_COME:
        append(piece(places), store, encoding=encoding, step="3h")
    assert_holds(store, {place for places in AS_THEY_COME for place in places})
    assert zarr.open_array(store, path="rain").shards == (4, 4, 5)
    assert verify(store).sound


@pytest.mark.parametrize(("every", "unit"), [("3h", "seconds"), ("500ms", "milliseconds"), ("1us", "microseconds")])
def test_units_of_time_hold_every_later_step(every: str, unit: str) -> None:
    """The stored units are whole for start and step, thus for every step that can come; seconds where they do."""
    store = MemoryStore()
    apart = pd.Timedelta(every).to_timedelta64().astype("m8[ns]")
    for first in (0, 7, 1000):
        time = START + apart * np.arange(first, first + 3)
        append(xr.Dataset({"x": ("time", np.arange(3.0))}, {"time": time}), store, step=every, max_gap=1000)
    archive = read(store)
    assert archive is not None
    assert (archive.time.values == START + apart * np.arange(1003)).all()
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
    append(whole.isel(time=slice(2, 5)), store)
    archive = read(store)
    assert archive is not None
    xr.testing.assert_equal(archive.drop_vars("present"), whole)
    assert append(whole, store).skipped == 5
    assert all(archive[name].dtype == whole[name].dtype.newbyteorder("=") for name in whole.variables)


def test_an_axis_of_integers() -> None:
    """An archive can grow along integers, with steps of any size."""
    store = MemoryStore()
    for first in (10, 16, 13):
        step = np.arange(first, first + 3, 3 if first == 13 else 1)
        append(xr.Dataset({"x": ("step", step * 1.5)}, {"step": step}), store, dim="step", step=1)
    archive = read(store)
    assert archive is not None
    assert archive.step.values.tolist() == list(range(10, 19))
    assert archive.x.values[archive.present.values].tolist() == [1.5 * n for n in (10, 11, 12, 13, 16, 17, 18)]


def test_default_chunks_suit_maps_and_series() -> None:
    """Without chunks, those of the cost model are taken; what has one value a step has one chunk for years."""
    store = MemoryStore()
    wide = xr.Dataset(
        {"rain": (("time", "lat", "lon"), da.zeros((2, 480, 1440), dtype="f4"))}, {"time": START + EVERY * np.arange(2)}
    )
    append(wide, store)
    rain = zarr.open_array(store, path="rain")
    assert 1e6 < np.prod(rain.chunks) * 4 < 4.3e6
    assert rain.chunks[0] > 10
    assert zarr.open_array(store, path="time").chunks == (32_768,)


def test_an_archive_can_be_copied_into_another() -> None:
    """As the errors say: select what is present, leave out the record, append."""
    store, other = MemoryStore(), MemoryStore()
    for places in AS_THEY_COME:
        append(piece(places), store, chunks=CHUNKS, step="3h")
    ds = xr.open_zarr(store)
    append(ds.sel(time=ds.present.load()).drop_vars("present"), other, chunks={"time": 5}, step="3h")
    xr.testing.assert_identical(read(store), read(other))


def test_a_piece_without_steps_changes_nothing() -> None:
    """A batch that turned out empty is no error once there is an archive."""
    store = MemoryStore()
    append(piece(range(3)), store, chunks=CHUNKS, step="3h")
    nothing = append(piece(range(3)).isel(time=slice(0, 0)), store)
    assert nothing == type(nothing)()


@pytest.mark.parametrize("others", [[3, 4], [3], [3, 4, 5, 6]])
def test_another_writer_is_faster_between_plan_and_lock(monkeypatch: pytest.MonkeyPatch, others: list[int]) -> None:
    """What the other one has appended meanwhile is not appended again, and nothing of it is lost."""
    store = MemoryStore()
    append(piece(range(3)), store, chunks=CHUNKS, step="3h")
    module = importlib.import_module("helpers.append.append")

    @contextlib.contextmanager
    def late(target: Store, dim: str, **options: float | None) -> Iterator[Claim | None]:
        monkeypatch.setattr(module, "writing", writing)
        append(piece(others), store)
        with writing(target, dim, **options) as claim:
            yield claim

    monkeypatch.setattr(module, "writing", late)
    done = append(piece([3, 4]), store)
    assert (done.added, done.skipped) == (2 - len({3, 4} & set(others)), len({3, 4} & set(others)))
    assert_holds(store, {0, 1, 2, 3, 4, *others})


def test_late_steps_of_one_chunk_are_written_in_one_go() -> None:
    """What lies between them is kept, and each chunk is one object."""
    store = CountingStore(MemoryStore())
    append(piece([0, 2, 4, 5, 7]), store, chunks=CHUNKS, step="3h")
    store.reset()
    append(piece([1, 3, 6]), store)
    assert store.writes == 2 * (2 + 2 + 0) + 2 + 1 + 1  # rain and source twice, orbit twice, the record, the lock
    assert_holds(store, range(8))
