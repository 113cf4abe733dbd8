"""Tests of helpers.measure.concurrency: threads that are sampled, and reads that wait side by side, counted."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from helpers.measure import MeteredFile, MeteredStore, sample_threads

LONG_S = 0.3


def hdf5_bytes() -> bytes:
    """Return a file with eight compressed chunks."""
    contents = io.BytesIO()
    with h5py.File(contents, "w") as file:
        file.create_dataset("z", data=np.random.default_rng(7).random((8, 50, 50)), chunks=(1, 50, 50), compression=1)
    return contents.getvalue()


def far_array(latency_s: float = 0.05) -> tuple[MeteredStore, zarr.Array]:  # type: ignore[type-arg]
    """Return an array of eight chunks, and its store with nothing counted."""
    memory = MemoryStore()
    zarr.create_array(memory, data=np.ones((8, 50, 50)), chunks=(1, 50, 50))
    far = MeteredStore(memory, latency_s=latency_s)
    z = zarr.open_array(far, mode="r")
    far.reset()
    return far, z


def test_zarr_asks_for_what_it_may_at_once() -> None:
    """All chunks of one selection, up to `async.concurrency`."""
    far, z = far_array(LONG_S)
    with zarr.config.set({"async.concurrency": 10}):
        _ = z[:]
    assert far.peak_concurrency == 8
    far.reset()
    with zarr.config.set({"async.concurrency": 3}):
        _ = z[:]
    assert far.peak_concurrency == 3


def test_threads_read_zarr_at_once() -> None:
    """As many reads as threads; a read that is over does not count any more."""
    far, z = far_array(LONG_S)
    assert np.array_equal(np.asarray([z[0], z[1]]), np.ones((2, 50, 50)))
    assert far.peak_concurrency == 1
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(z.__getitem__, range(4)))
    assert far.peak_concurrency == 4


def test_threads_read_hdf5_one_by_one() -> None:
    """However many threads ask: h5py lets in one."""
    far = MeteredFile(hdf5_bytes(), latency_s=0.02)
    with h5py.File(far) as file, ThreadPoolExecutor(4) as pool:
        dataset = file["z"]
        far.reset()
        parts = list(pool.map(lambda n: dataset[n], range(8)))
    assert np.array_equal(parts, np.random.default_rng(7).random((8, 50, 50)))
    assert far.peak_concurrency == 1


def test_a_file_counts_threads_that_do_read_at_once() -> None:
    """The count of one above is HDF5's doing, not the file's."""
    far = MeteredFile(bytes(100), latency_s=LONG_S)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: far.readinto(bytearray(1)), range(3)))
    assert far.peak_concurrency == 3


def test_codecs_let_go_of_the_gil() -> None:
    """They are seen at work, several at once, by a thread that needs the GIL to look."""
    data = np.random.default_rng(7).normal(size=(8, 400, 1000)).round(1)
    z = zarr.create_array(MemoryStore(), shape=data.shape, chunks=(1, 400, 1000), dtype="f8")
    slow = zarr.create_array(
        MemoryStore(), shape=data.shape, chunks=z.chunks, dtype="f8", compressors=ZstdCodec(level=9)
    )
    samples = sample_threads(lambda: slow.__setitem__(slice(None), data))
    assert samples.inside > 10
    assert samples.at_once > 1
    assert samples.inside <= samples.total
    assert np.array_equal(slow[:], data)


def test_seconds_are_those_of_the_call() -> None:
    """Waiting included; what it raises is not swallowed by its thread."""
    with pytest.raises(ZeroDivisionError):
        sample_threads(lambda: 1 / 0)
    samples = sample_threads(lambda: time.sleep(0.3), inside=[])
    assert 0.3 <= samples.seconds < 20
    assert samples.inside == samples.at_once == 0
