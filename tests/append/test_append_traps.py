"""Traps of growing an archive with xarray and zarr alone, as they are today, beside those of `tests.test_lesson_12`.

A test that fails here is good news: something was mended upstream, and `facts.md` and lesson 12 can say so.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

import dask
import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr
from icechunk.xarray import to_icechunk
from zarr.storage import MemoryStore, WrapperStore

from helpers.append import append, append_commit
from helpers.append.store import locked
from helpers.counting import SlowStore
from tests.append_pieces import EVERY, START, piece

if TYPE_CHECKING:
    from collections.abc import Callable

    from zarr.core.buffer import Buffer

pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")


def series(first: int, last: int, *, value: float = 1.0) -> xr.Dataset:
    """Return steps with one value each."""
    time = START + np.arange(first, last) * EVERY
    return xr.Dataset({"rain": ("time", np.full(last - first, float(value)))}, {"time": time})


def test_a_partial_last_chunk_xarray_5511_8876_7812() -> None:
    """Dask chunks that share a Zarr chunk are refused, but too late; unchecked, one task undoes what another wrote.

    Refused, the store has grown all the same, by steps that hold nothing, and lost its consolidated metadata.
    Whether it still opens depends on the order of a set.
    """
    encoding = {"rain": {"chunks": (10,)}, "time": {"chunks": (100,), "units": "hours since 2020-01-01"}}
    refused, unchecked = MemoryStore(), MemoryStore()
    for store in (refused, unchecked):
        series(0, 5).to_zarr(store, encoding=encoding)
    later = series(5, 45).chunk({"time": 8})
    with pytest.raises(ValueError, match="would overlap multiple Dask chunks"):
        later.to_zarr(refused, append_dim="time")
    rain = zarr.open_array(refused, path="rain")
    assert np.array_equal(rain[5:], np.full(40, np.nan), equal_nan=True)
    assert zarr.open_group(refused).metadata.consolidated_metadata is None
    with dask.config.set(scheduler="threads", num_workers=8):
        later.to_zarr(SlowStore(unchecked, latency_s=0.05), append_dim="time", safe_chunks=False)
    back = xr.open_zarr(unchecked)
    assert back.sizes["time"] == 45
    assert 0 < int(back.rain.isnull().sum()) < 40

    mended = MemoryStore()
    append(series(0, 5), mended, encoding={"rain": {"chunks": (10,)}})
    append(later, mended)
    assert (xr.open_zarr(mended).rain == 1).all()


def test_many_append_at_once_zarr_2077() -> None:
    """As in the thread, where 100 appends of 10 left 320: each opens the array, and none is told of the others."""
    near = MemoryStore()
    zarr.create_array(near, shape=0, chunks=10, dtype="i4")
    far = SlowStore(near, latency_s=0.005)

    def append_ten(number: int) -> None:
        zarr.open_array(far, mode="r+").append(np.full(10, number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append_ten, range(40)))
    assert 10 <= zarr.open_array(near, mode="r").shape[0] < 400

    mended = MemoryStore()
    append(series(0, 10), mended)
    with locked(mended), pytest.raises(BlockingIOError, match="is being written to by process"):
        append(series(10, 20), mended)


def test_a_reader_opened_before_the_append_zarr_1768() -> None:
    """It keeps the old shape for ever; where metadata was not consolidated again, so does whoever opens anew."""
    store = MemoryStore()
    group = zarr.create_group(store)
    group.create_array("rain", data=np.ones(10), chunks=(10,))
    zarr.consolidate_metadata(store)
    before = zarr.open_group(store, mode="r")["rain"]
    writer = zarr.open_array(store, path="rain", mode="r+")
    writer.append(np.ones(10))
    assert before.shape == (10,)  # type: ignore[union-attr]
    assert not hasattr(before, "refresh")
    assert zarr.open_group(store, mode="r")["rain"].shape == (10,)  # type: ignore[union-attr]
    assert zarr.open_group(store, mode="r", use_consolidated=False)["rain"].shape == (20,)  # type: ignore[union-attr]

    mended = MemoryStore()
    append(series(0, 10), mended)
    append(series(10, 20), mended)
    for consolidated in (True, False):
        assert xr.open_zarr(mended, consolidated=consolidated).sizes["time"] == 20


class Between(WrapperStore[MemoryStore]):
    """A store in which something happens between two requests of one reader: after the next one for a part."""

    happens: ClassVar[list[Callable[[], object]]] = []

    def get_sync(self, key: str, **how: Any) -> Buffer | None:
        """Read, and then let it happen."""
        value = super().get_sync(key, **how)
        if how.get("byte_range") is not None and self.happens:
            self.happens.pop()()
        return value

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Buffer | None:
        """Read, and then let it happen."""
        return self.get_sync(key, prototype=prototype, byte_range=byte_range)


def test_a_shard_that_is_written_again_while_it_is_read() -> None:
    """Index and chunks are two requests: by the old index, chunks of the new shard are read as if they were others.

    Zarr stores them in Morton order: those of later steps come in between, and no checksum notices.
    """
    append(piece(range(6)), store := MemoryStore(), encoding={"rain": {"chunks": (2, 2, 5), "shards": (4, 4, 5)}})
    append(piece(range(6, 9)), later := MemoryStore(dict(store._store_dict)))
    rain = xr.open_zarr(Between(store), chunks=None).rain[4:]
    assert np.array_equal(rain, piece([4, 5]).rain)
    Between.happens.append(lambda: store._store_dict.update(later._store_dict))
    torn = xr.open_zarr(Between(store), chunks=None).rain[4:6].values
    assert Between.happens == []
    assert np.array_equal(torn[:, :2], piece([4, 5]).rain[:, :2])
    assert np.array_equal(torn[:, 2:], piece([6, 7]).rain[:, :2])


def test_a_commit_is_seen_at_once_and_keeps_the_traps_of_xarray() -> None:
    """Icechunk 2 makes a batch one change. It is no help with dates and steps: wrong ones are there, twice."""
    repository = icechunk.Repository.create(icechunk.in_memory_storage())
    session = repository.writable_session("main")
    to_icechunk(series(0, 1), session)
    session.commit("begin")
    for _ in range(2):
        session = repository.writable_session("main")
        with pytest.warns(UserWarning, match="Times can't be serialized faithfully"):
            to_icechunk(series(1, 9), session, append_dim="time")
        before = xr.open_zarr(repository.readonly_session("main").store, consolidated=False).sizes["time"]
        session.commit("batch")
        after = xr.open_zarr(repository.readonly_session("main").store, consolidated=False)
        assert after.sizes["time"] == before + 8
    assert after.time.values[1] == START + np.timedelta64(3, "D")
    assert not after.indexes["time"].is_unique

    mended = icechunk.Repository.create(icechunk.in_memory_storage())
    append_commit(mended, series(0, 1), message="begin", step="3h")
    for _ in range(2):
        append_commit(mended, series(1, 9), message="batch")
    back = xr.open_zarr(mended.readonly_session("main").store)
    assert (back.time.values == series(0, 9).time.values).all()
