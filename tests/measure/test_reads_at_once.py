"""Tests of helpers.measure: reads of a store and of a file that wait side by side, counted."""

from __future__ import annotations

import io
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from helpers.measure import AtOnceFile, AtOnceStore

LONG_S = 0.3


def hdf5_bytes() -> bytes:
    """Return a file with eight compressed chunks."""
    contents = io.BytesIO()
    with h5py.File(contents, "w") as file:
        file.create_dataset("z", data=np.random.default_rng(7).random((8, 50, 50)), chunks=(1, 50, 50), compression=1)
    return contents.getvalue()


def far_array(latency_s: float = 0.05) -> tuple[AtOnceStore, zarr.Array]:  # type: ignore[type-arg]
    """Return an array of eight chunks, and its store with nothing counted."""
    memory = MemoryStore()
    zarr.create_array(memory, data=np.ones((8, 50, 50)), chunks=(1, 50, 50))
    far = AtOnceStore(memory, latency_s=latency_s)
    z = zarr.open_array(far, mode="r")
    far.reset()
    return far, z


def test_one_read_after_the_other_is_one_at_once() -> None:
    """A read that is over does not count any more."""
    far, z = far_array(latency_s=0.01)
    for n in range(3):
        assert np.array_equal(np.asarray(z[n]), np.ones((50, 50)))
    assert far.most == 1


def test_zarr_asks_for_what_it_may_at_once() -> None:
    """All chunks of one selection, up to `async.concurrency`."""
    far, z = far_array(LONG_S)
    with zarr.config.set({"async.concurrency": 10}):
        _ = z[:]
    assert far.most == 8
    far.reset()
    with zarr.config.set({"async.concurrency": 3}):
        _ = z[:]
    assert far.most == 3


def test_threads_read_zarr_at_once() -> None:
    """As many reads as threads."""
    far, z = far_array(LONG_S)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(z.__getitem__, range(4)))
    assert far.most == 4


def test_threads_read_hdf5_one_by_one() -> None:
    """However many threads ask: h5py lets in one."""
    far = AtOnceFile(hdf5_bytes(), latency_s=0.02)
    with h5py.File(far) as file, ThreadPoolExecutor(4) as pool:
        dataset = file["z"]
        far.reset()
        parts = list(pool.map(lambda n: dataset[n], range(8)))
    assert np.array_equal(parts, np.random.default_rng(7).random((8, 50, 50)))
    assert far.most == 1


def test_a_file_counts_threads_that_do_read_at_once() -> None:
    """The count of one above is HDF5's doing, not the file's."""
    far = AtOnceFile(bytes(100), latency_s=LONG_S)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: far.readinto(bytearray(1)), range(3)))
    assert far.most == 3


def test_only_reads_wait() -> None:
    """Writing and listing take no latency and do not count."""
    far = AtOnceStore(MemoryStore(), latency_s=5)
    assert far.toll("write") == far.toll("list") == far.toll("delete") == 0
    assert far.most == 0
    assert far.toll("read") == 5


def test_copies_share_the_count_but_pickled_ones_do_not() -> None:
    """A read-only copy is the same store; one in another process is not."""
    far, _ = far_array()
    far.with_read_only(True).toll("read")
    assert far.most == 1
    assert pickle.loads(pickle.dumps(AtOnceStore(MemoryStore()))).most == 0


def test_a_read_waits_its_time() -> None:
    """Of the file, too."""
    began = time.monotonic()
    AtOnceFile(b"abc", latency_s=0.05).readinto(bytearray(1))
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(
    "kind", [lambda s: AtOnceFile(b"", latency_s=s), lambda s: AtOnceStore(MemoryStore(), latency_s=s)]
)
def test_latency_is_checked(kind: type) -> None:
    """It is a finite number, 0 or more."""
    with pytest.raises(ValueError, match="latency_s=-1"):
        kind(-1)
