"""Tests of lesson 02: what "In practice" and "Go further" say of Zarr and no cell shows."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from helpers.counting import CountingStore

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def rectilinear() -> Iterator[None]:
    """Switch on chunks of unequal length for one test."""
    with zarr.config.set({"array.rectilinear_chunks": True}):
        yield


def test_mode_a_opens_what_is_there_as_it_is() -> None:
    """A shape and a dtype that do not fit are ignored, without a warning."""
    store = MemoryStore()
    zarr.create_array(store, data=np.arange(6, dtype="i4"))
    with warnings.catch_warnings(action="error"):
        z = zarr.open_array(store, mode="a", shape=(3,), dtype="f8")
    assert (z.shape, z.dtype) == ((6,), np.dtype("i4"))


def test_an_open_array_does_not_notice_a_resize() -> None:
    """It keeps its shape; opened again it has the new one."""
    store = MemoryStore()
    zarr.create_array(store, data=np.arange(6), chunks=(2,))
    reader = zarr.open_array(store, mode="r")
    zarr.open_array(store).resize((8,))
    assert (reader.shape, zarr.open_array(store, mode="r").shape) == ((6,), (8,))


def test_blocks_counts_shards() -> None:
    """In an array with shards a block is a shard, and a point takes the index of its shard and one chunk of it."""
    store = CountingStore(MemoryStore())
    z = zarr.create_array(store, data=np.arange(64).reshape(8, 8), chunks=(2, 2), shards=(4, 4), compressors=None)
    assert np.array_equal(z.blocks[0, 1], z[:4, 4:])
    store.reset()
    assert np.array_equal(z.vindex[[0, 7], [0, 7]], [0, 63])
    assert store.reads == 2 * 2


@pytest.mark.usefixtures("rectilinear")
def test_dask_does_not_take_chunks_of_unequal_length() -> None:
    """`from_zarr` asks for the one shape that there is not."""
    z = zarr.create_array({}, data=np.arange(9), chunks=[[2, 3, 4]])
    with pytest.raises(NotImplementedError, match="rectilinear"):
        da.from_zarr(z)  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("rectilinear")
def test_shards_may_be_of_unequal_length_and_chunks_in_them_not() -> None:
    """The error says so itself."""
    data = np.arange(12)
    with pytest.raises(ValueError, match="rectilinear shards instead"):
        zarr.create_array({}, data=data, chunks=[[2, 4, 2, 4]], shards=(6,))
    assert np.array_equal(zarr.create_array({}, data=data, chunks=(2,), shards=[[4, 8]])[:], data)
