"""What lesson 08 says of its machinery, and the traps of Dask that it shows; each trap is named for its thread.

A trap's test that fails is good news: something was mended upstream, and `facts.md` and the lesson can say so.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr
import zarr
from dask.array import PerformanceWarning
from distributed import Client, KilledWorker
from zarr.storage import MemoryStore

from helpers.counting import CountingStore
from helpers.parallel import BarrierStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

da: Any = dask.array  # typed in part
UNALIGNED = {"x": {"chunks": (4,), "shards": (8,)}}


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Let Dask use two threads, whatever the machine."""
    with dask.config.set(scheduler="threads", num_workers=2):
        yield


def numbers() -> Any:
    """Return 1 to 64 in pieces of four."""
    return da.arange(1, 65, chunks=4)


def lost_from(store: MemoryStore) -> int:
    """Return how many numbers of an array are not there."""
    return int(np.sum(np.asarray(zarr.open_array(store)[:]) == 0))


def lost_in_shards(write: Callable[[zarr.Array[Any]], object], place: Path, *, timeout_s: float = 20) -> int:
    """Return how many of 64 numbers are not there after a write into shards of eight on an unlucky store."""
    contents = MemoryStore()
    store = BarrierStore(contents, place, timeout_s=timeout_s)
    write(zarr.create_array(store, shape=64, chunks=4, shards=8, dtype="i8"))
    return lost_from(contents)


@pytest.mark.parametrize("layout", [{"chunks": 8}, {"chunks": 4, "shards": 8}], ids=["chunks", "shards"])
def test_to_zarr_with_other_chunks_than_those_of_the_plan_dask_12583(tmp_path: Path, layout: dict[str, int]) -> None:
    """Two tasks share what is written, and half of the numbers are gone without a word."""
    contents = MemoryStore()
    da.to_zarr(numbers(), BarrierStore(contents, tmp_path, timeout_s=20), **layout)
    assert lost_from(contents) == 32


def test_store_into_shards_larger_than_the_pieces_zarr_3682(tmp_path: Path) -> None:
    """The same, and the three mends of the lesson on the same unlucky store."""
    x = numbers()
    assert lost_in_shards(lambda z: da.store(x, z, lock=False), tmp_path / "0") == 32
    assert lost_in_shards(lambda z: da.store(x.rechunk(z.shards), z, lock=False), tmp_path / "1") == 0
    assert lost_in_shards(lambda z: da.store(x, z), tmp_path / "2", timeout_s=0.02) == 0
    assert lost_in_shards(lambda z: da.to_zarr(x, z), tmp_path / "3") == 0


def test_an_array_given_to_to_zarr_is_safe_unless_one_shard_is_larger_than_the_setting(tmp_path: Path) -> None:
    """Then a warning is all that Dask says, and half of the numbers are gone."""
    contents = MemoryStore()
    z = zarr.create_array(BarrierStore(contents, tmp_path, timeout_s=20), shape=64, chunks=4, shards=8, dtype="i8")
    with (
        dask.config.set({"array.chunk-size": "32B"}),
        pytest.warns(PerformanceWarning, match=r"chunk size divisible by 8 is required"),
    ):
        da.to_zarr(numbers(), z)
    assert lost_from(contents) == 32


def test_store_reads_what_two_plans_need_once() -> None:
    """Sixteen chunks, two plans that use them all, sixteen requests."""
    store = CountingStore(MemoryStore())
    x = da.from_zarr(zarr.create_array(store, data=np.arange(64), chunks=4))
    both = zarr.create_array(MemoryStore(), shape=128, chunks=4, dtype="i8")
    store.reset()
    da.store([x, -x], [both, both], regions=[(slice(0, 64),), (slice(64, 128),)], lock=False)
    assert store.reads == 16
    assert np.array_equal(both[:], np.concatenate([np.arange(64), -np.arange(64)]))


def test_on_plain_files_most_runs_lose_something(tmp_path: Path) -> None:
    """Without a barrier, too; how much depends on the moment."""
    lost = []
    for n in range(6):
        da.to_zarr(numbers(), tmp_path / str(n), chunks=8)
        lost.append(int(np.sum(np.asarray(zarr.open_array(tmp_path / str(n))[:]) == 0)))
    assert any(lost)


def test_xarray_with_its_check_off_corrupts(tmp_path: Path) -> None:
    """One of the remedies that its error names."""
    contents = MemoryStore()
    store = BarrierStore(contents, tmp_path, timeout_s=20)
    labelled = xr.Dataset({"x": ("step", numbers())})
    labelled.to_zarr(store, encoding=UNALIGNED, consolidated=False, safe_chunks=False)
    assert np.sum(np.asarray(zarr.open_array(contents, path="x")[:]) == 0) == 32


def test_xarray_refuses_before_a_chunk_is_written() -> None:
    """Metadata is there by then, and in the way of a second try; and xarray can cut the plan itself."""
    contents: dict[str, Any] = {}
    labelled = xr.Dataset({"x": ("step", numbers())})
    with pytest.raises(ValueError, match="would overlap multiple Dask chunks"):
        labelled.to_zarr(MemoryStore(contents), encoding=UNALIGNED, consolidated=False)
    assert sorted(contents) == ["zarr.json"]
    with pytest.raises(FileExistsError, match="already contains data"):
        labelled.chunk(step=8).to_zarr(MemoryStore(contents), encoding=UNALIGNED, consolidated=False)
    store = MemoryStore()
    labelled.to_zarr(store, encoding=UNALIGNED, consolidated=False, align_chunks=True)
    assert np.array_equal(zarr.open_array(store, path="x")[:], np.arange(1, 65))
    with pytest.raises(ValueError, match="would overlap multiple Dask chunks"):
        labelled.to_zarr(MemoryStore(), encoding={"x": {"shards": (8,)}}, consolidated=False)
    labelled.to_zarr(store := MemoryStore(), consolidated=False)  # neither chunks nor shards: as Dask has them
    assert zarr.open_array(store, path="x").chunks == (4,)


def test_align_chunks_does_not_know_of_another_writer_default_does() -> None:
    """Half of a chunk is a region: refused by default, accepted with `align_chunks=True`."""
    store = MemoryStore()
    zeros = xr.Dataset({"x": ("step", np.zeros(8, dtype="i8"))})
    zeros.to_zarr(store, encoding={"x": {"chunks": (8,)}}, consolidated=False)
    half: dict[str, Any] = {"region": {"step": slice(4, 8)}, "consolidated": False}
    piece = xr.Dataset({"x": ("step", numbers())}).isel(step=slice(4, 8))
    with pytest.raises(ValueError, match="would overlap multiple Dask chunks"):
        piece.to_zarr(store, **half)
    piece.to_zarr(store, align_chunks=True, **half)
    assert np.array_equal(zarr.open_array(store, path="x")[:], [0, 0, 0, 0, 5, 6, 7, 8])


def test_writing_onto_what_is_read_leaves_nothing_of_it() -> None:
    """`mode="w"` deletes before the plan reads, and nobody says so."""
    store = MemoryStore()
    xr.Dataset({"x": ("step", numbers())}).chunk(step=8).to_zarr(store, consolidated=False)
    opened = xr.open_zarr(store, consolidated=False)
    (opened + 1).to_zarr(store, mode="w", consolidated=False)
    assert np.array_equal(zarr.open_array(store, path="x")[:], np.ones(64))


def test_a_task_is_given_up_at_the_fourth_death() -> None:
    """Three are allowed; `tests/parallel/test_cluster.py` kills as many in the long tests."""
    assert dask.config.get("distributed.scheduler.allowed-failures") == 3
    told = str(KilledWorker("a-task", SimpleNamespace(address="tcp://there"), 3))  # type: ignore[arg-type]
    assert "on 4 different workers" in told


def test_workers_write_into_copies_of_a_memory_store(tmp_path: Path) -> None:
    """Only `da.to_zarr` of an array in one is refused; all else is lost without a word."""
    here = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": "ERROR"}
    nowhere = [MemoryStore() for _ in range(3)]
    settings = {"temporary-directory": str(tmp_path), "scheduler-address": None, "scheduler": None}
    with dask.config.set(settings), Client(**here):  # type: ignore[no-untyped-call]
        da.to_zarr(numbers(), nowhere[0])
        xr.Dataset({"x": ("step", numbers())}).to_zarr(nowhere[1], consolidated=False)
        z = zarr.create_array(nowhere[2], shape=64, chunks=4, dtype="i8")
        da.store(numbers(), z, lock=False)
        with pytest.raises(RuntimeError, match="Cannot store into in memory Zarr Array"):
            da.to_zarr(numbers(), z)
    found = [zarr.open_array(store, path=path) for store, path in zip(nowhere, ["", "x", ""], strict=True)]
    assert [int(np.sum(np.asarray(each[:]) == 0)) for each in found] == [64, 64, 64]
