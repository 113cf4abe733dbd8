"""Tests of the barrier store: the order in which updates are lost, every time."""

from __future__ import annotations

import pickle
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from helpers.parallel import BarrierStore

if TYPE_CHECKING:
    from pathlib import Path


def write_halves(store: BarrierStore, *, chunks: int) -> int:
    """Let two threads write ones into a half each, and return how many ones are there."""
    z = zarr.create_array(store, shape=8, chunks=chunks, dtype="u1")
    halves = [threading.Thread(target=z.__setitem__, args=(half, 1)) for half in (slice(4), slice(4, 8))]
    for thread in halves:
        thread.start()
    for thread in halves:
        thread.join()
    return int(np.sum(np.asarray(zarr.open_array(store._store)[:])))


def test_writers_of_one_chunk_undo_one_another_every_time(tmp_path: Path) -> None:
    """Both have read before either writes: one half is always lost."""
    for n in range(5):
        assert write_halves(BarrierStore(MemoryStore(), tmp_path / str(n)), chunks=8) == 4


def test_writers_of_different_chunks_never_meet(tmp_path: Path) -> None:
    """They read nothing, so that nobody waits, whatever the timeout."""
    assert write_halves(BarrierStore(MemoryStore(), tmp_path / "marks", timeout_s=1000), chunks=4) == 8
    assert not (tmp_path / "marks").exists()


def test_a_lone_reader_goes_on_after_the_timeout(tmp_path: Path) -> None:
    """It waits for as long as it was told, and then as if nothing were."""
    z = zarr.create_array(BarrierStore(MemoryStore(), tmp_path, timeout_s=0.1), shape=8, chunks=8, dtype="u1")
    began = time.monotonic()
    z[0] = 1
    assert time.monotonic() - began >= 0.1
    assert z[0] == 1


def test_as_many_as_asked_for_meet(tmp_path: Path) -> None:
    """With three parties, a third reader frees the two that wait."""
    memory = MemoryStore()
    zarr.create_array(memory, data=np.arange(4), chunks=4)
    store = BarrierStore(memory, tmp_path, parties=3, timeout_s=1000)
    threads = [threading.Thread(target=lambda: zarr.open_array(store)[:], daemon=True) for _ in range(3)]
    for thread in threads[:2]:
        thread.start()
    threads[0].join(0.2)
    assert threads[0].is_alive()
    threads[2].start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_the_synchronous_way_meets_too(tmp_path: Path) -> None:
    """`get_sync` and `set_sync` wait like the others."""
    memory = MemoryStore()
    store = BarrierStore(memory, tmp_path, timeout_s=0.1)
    value = default_buffer_prototype().buffer.from_bytes(b"1")
    began = time.monotonic()
    assert store.get_sync("c/0", prototype=default_buffer_prototype()) is None
    assert time.monotonic() - began >= 0.1
    store.set_sync("c/0", value)
    found = memory.get_sync("c/0", prototype=default_buffer_prototype())
    assert found is not None
    assert found.to_bytes() == b"1"


def test_copies_meet_at_the_same_place(tmp_path: Path) -> None:
    """A pickled or read-only copy keeps folder, parties and timeout."""
    store = BarrierStore(MemoryStore(), tmp_path, parties=4, timeout_s=0.5)
    for copy in (pickle.loads(pickle.dumps(store)), store.with_read_only(read_only=True)):
        assert (copy.folder, copy.parties, copy.timeout_s) == (tmp_path, 4, 0.5)
