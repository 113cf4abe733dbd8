"""Tests of helpers.append: chunks written whole, with what they held and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from zarr.errors import ChunkNotFoundError
from zarr.storage import MemoryStore

from helpers.append import Archive, append, differing, mark, write
from helpers.counting import CountingStore
from tests.append_pieces import CHUNKS, EVERY, START, assert_holds, piece


def begun(places: list[int]) -> tuple[CountingStore, Archive]:
    """Return a store with an archive of these steps, and the archive."""
    store = CountingStore(MemoryStore())
    append(piece(places), store, chunks=CHUNKS)
    archive = Archive.load(store)
    assert archive is not None
    store.reset()
    return store, archive


def test_each_chunk_is_one_request_and_a_partial_one_two() -> None:
    """A whole new chunk is written without reading, one that holds steps is read once and written once."""
    store, archive = begun([0, 1, 2, 3, 4, 5])
    objects, nbytes = write(archive.grown(12), piece(range(6, 12)), np.arange(6, 12), published=6)
    chunks = 2 * 2 + 2 * 2 + 1 + 1  # rain, source, orbit, time
    assert (store.writes, store.bytes_written) == (objects, nbytes)
    assert objects == chunks
    assert store.reads == 2 + 2 + 1
    store.reset()
    write(archive.grown(20), piece(range(16, 20)), np.arange(16, 20), published=16)
    assert (store.reads, store.writes) == (0 + 1, 2 + 2 + 1 + 1)  # one chunk of orbit goes on


def test_late_steps_of_one_chunk_are_one_request() -> None:
    """Steps scattered over a chunk are put into it together, beside those that it holds."""
    store, archive = begun([0, 3, 4])
    write(archive, piece([1, 2]), np.array([1, 2]), published=5)
    mark(archive, np.array([1, 2]), present=True, published=5)
    assert store.writes == 2 + 2 + 1 + 1  # rain, source, orbit; the record
    assert_holds(store, range(5))


def test_what_lies_beyond_the_published_end_does_not_come_back() -> None:
    """Values of a killed writer in a chunk that is completed, or skipped by a gap, are overwritten."""
    store, archive = begun([0, 1])
    write(archive.grown(9), piece(range(2, 9), version=1), np.arange(2, 9), published=2)
    mark(archive.grown(9), np.arange(2, 9), present=True, published=2)
    append(piece([2, 8]), store)
    assert_holds(store, [0, 1, 2, 8])
    found = xr.open_zarr(store, chunks=None)
    assert bool(found.rain[3:8].isnull().all())
    assert (found.orbit[3:8] == 0).all()


def test_a_lost_chunk_is_an_error_and_no_fill_values() -> None:
    """A chunk that holds published steps and is gone is not made anew."""
    store, _ = begun([0, 1])
    del store._store._store_dict["rain/c/0/1/0"]  # type: ignore[attr-defined]
    with pytest.raises(ChunkNotFoundError):
        append(piece([2]), store)
    assert Archive.load(store).length == 2  # type: ignore[union-attr]


def test_steps_are_compared_value_by_value() -> None:
    """NaN is like NaN, NaT like NaT, and the last bit counts, in any variable."""
    time = START + EVERY * np.arange(6)
    wave = np.array([1, np.nan, complex(np.nan, 1), 3, 4, 5], np.complex64)
    ds = xr.Dataset(
        {
            "f": (("time", "x"), np.array([[1, np.nan]] * 6, np.float32)),
            "wave": ("time", wave),
            "seen": ("time", np.array(["NaT", "2020", "2021", "2022", "2023", "2024"], "M8[ns]")),
            "yes": ("time", np.ones(6, bool)),
        },
        {"time": time},
    )
    store = MemoryStore()
    append(ds, store)
    archive = Archive.load(store)
    assert archive is not None
    assert not differing(archive, ds, np.arange(6)).any()
    other = ds.copy(deep=True)
    other["f"][0, 0] = np.nextafter(np.float32(1), np.float32(2))
    other["seen"][1] = np.datetime64("NaT", "ns")
    other["yes"][3] = False
    other["wave"][4] = np.nan
    assert differing(archive, other, np.arange(6)).tolist() == [True, True, False, True, True, False]
    assert differing(archive, other.isel(time=[1, 2]), np.array([1, 2])).tolist() == [True, False]
