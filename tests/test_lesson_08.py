"""What lesson 08 says of its machinery, and the traps of Dask that it shows; each trap is named for its thread.

A trap's test that fails is good news: something was mended upstream, and `facts.md` and the lesson can say so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr
import zarr
from distributed import Client
from zarr.storage import MemoryStore

from helpers.counting import CountingStore
from helpers.measure import peak_memory
from helpers.parallel import BarrierStore
from tools.lessons import read_lessons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

da: Any = dask.array  # typed in part
(LESSON,) = (lesson for lesson in read_lessons() if lesson.number == "08")
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


def test_larger_than_memory_cells_stay_under_the_limit_that_the_text_names(tmp_path: Path) -> None:
    """The lesson's own function, on its own numbers, in a process of its own."""
    (source,) = (cell.source for cell in LESSON.cells("code") if "def there_and_back" in cell.source)
    (named,) = {found for cell in LESSON.cells("markdown") for found in re.findall(r"\*\*(\d+) MB\*\*", cell.source)}
    lesson: dict[str, Any] = {"__name__": "a_notebook", "da": da, "dask": dask, "zarr": zarr}
    exec(source, lesson)
    measured = peak_memory(lesson["there_and_back"], tmp_path)
    nbytes, means = measured.result
    limit = int(named) * 1_000_000
    assert measured.nbytes < limit
    assert nbytes == 10 * limit
    assert np.array_equal(means, np.arange(640))


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


def test_store_reads_what_two_plans_need_once() -> None:
    """Sixteen chunks, two plans that use them all, sixteen requests."""
    store = CountingStore(MemoryStore())
    x = da.from_zarr(zarr.create_array(store, data=np.arange(64), chunks=4))
    both = zarr.create_array(MemoryStore(), shape=128, chunks=4, dtype="i8")
    store.reset()
    da.store([x, -x], [both, both], regions=[(slice(0, 64),), (slice(64, 128),)], lock=False)
    assert store.reads == 16
    assert np.array_equal(both[:], np.concatenate([np.arange(64), -np.arange(64)]))


def test_xarray_refuses_before_a_chunk_is_written() -> None:
    """Metadata is there by then, data is not; and it can cut the plan itself."""
    contents: dict[str, Any] = {}
    labelled = xr.Dataset({"x": ("step", numbers())})
    with pytest.raises(ValueError, match="would overlap multiple Dask chunks"):
        labelled.to_zarr(MemoryStore(contents), encoding=UNALIGNED, consolidated=False)
    assert not [key for key in contents if "/c/" in key]
    store = MemoryStore()
    labelled.to_zarr(store, encoding=UNALIGNED, consolidated=False, align_chunks=True)
    assert np.array_equal(zarr.open_array(store, path="x")[:], np.arange(1, 65))


def test_workers_write_into_copies_of_a_memory_store(tmp_path: Path) -> None:
    """An array in one is refused; the store itself is not, and everything is lost without a word."""
    here = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": "ERROR"}
    nowhere = MemoryStore()
    settings = {"temporary-directory": str(tmp_path), "scheduler-address": None, "scheduler": None}
    with dask.config.set(settings), Client(**here):  # type: ignore[no-untyped-call]
        da.to_zarr(numbers(), nowhere)
        with pytest.raises(RuntimeError, match="Cannot store into in memory Zarr Array"):
            da.to_zarr(numbers(), zarr.create_array(MemoryStore(), shape=64, chunks=4, dtype="i8"))
    assert lost_from(nowhere) == 64
