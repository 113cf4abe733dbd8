"""Tests of helpers.append: what the first piece fixes."""

from __future__ import annotations

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from helpers.append import append
from helpers.counting import CountingStore
from tests.append_pieces import CHUNKS, EVERY, START, piece


def test_missing_values_are_missing_even_where_a_chunk_is_lost() -> None:
    """The fill value of Zarr is NaN where there is one, not 0, which would read as data."""
    store = MemoryStore()
    time = START + EVERY * np.arange(3)
    ds = xr.Dataset({"f": ("time", np.ones(3, np.float32)), "seen": ("time", time)}, {"time": time})
    append(ds, store)
    del store._store_dict["f/c/0"], store._store_dict["seen/c/0"]
    lost = xr.open_zarr(store, chunks=None)
    assert bool(lost.f.isnull().all())
    assert bool(lost.seen.isnull().all())


def test_chunks_carry_a_checksum() -> None:
    """A damaged chunk raises an error wherever it is read, not only here."""
    store = MemoryStore()
    append(piece(range(3)), store, chunks=CHUNKS, step="3h")
    assert zarr.open_array(store, path="rain").compressors == (ZstdCodec(level=0, checksum=True),)


def test_the_labels_stay_small() -> None:
    """Years of labels are one object of a few kilobytes, rewritten with each batch."""
    store = CountingStore(MemoryStore())
    years = START + EVERY * np.arange(32_760)
    append(xr.Dataset({"x": ("time", np.zeros(32_760, np.int8))}, {"time": years}), store)
    store.reset()
    append(xr.Dataset({"x": ("time", np.zeros(8, np.int8))}, {"time": years[-1] + EVERY * np.arange(1, 9)}), store)
    assert store.bytes_written < 20_000


def test_another_chunk_of_labels_begins_when_one_is_full() -> None:
    """The objects of a batch stay the same across that border."""
    store = CountingStore(MemoryStore())
    axis = np.arange(32_766)
    append(xr.Dataset({"x": ("n", axis)}, {"n": axis}), store, dim="n")
    costs = []
    for first in (32_766, 32_767, 32_768, 32_769):
        store.reset()
        append(xr.Dataset({"x": ("n", [first])}, {"n": [first]}), store, dim="n")
        costs.append(store.writes)
    assert len(set(costs)) == 1
    assert (xr.open_zarr(store).x == np.arange(32_770)).all()
