"""Tests of helpers.append: one document says how long an archive is, and is written last."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.storage import MemoryStore

from helpers.append import PRESENT, ROOT, Archive, append, get
from helpers.counting import CountingStore
from tests.append_pieces import CHUNKS, piece, read


def loaded(store: MemoryStore | CountingStore) -> Archive:
    """Return the archive in a store."""
    archive = Archive.load(store)
    assert archive is not None
    return archive


def archive_of(steps: int) -> MemoryStore:
    """Return a store with an archive."""
    store = MemoryStore()
    append(piece(range(steps)), store, chunks=CHUNKS)
    return store


def test_an_archive_is_known_from_one_request() -> None:
    """Length, axis and arrays come from the one document, however long the archive is."""
    assert Archive.load(MemoryStore()) is None
    store = CountingStore(archive_of(6))
    archive = loaded(store)
    assert (store.reads, store.lists) == (1, 0)
    assert (archive.length, str(archive.axis)) == (6, "time from 2020-01-01T00:00:00, every 3 h")
    assert sorted(archive.names) == ["land", "lat", "lon", "orbit", "present", "rain", "source", "time"]
    assert archive.dims("source") == ("lat", "time")


def test_growing_stores_nothing_until_it_is_published() -> None:
    """A grown archive lives in memory; its arrays can be written; readers see them once it is published."""
    store = CountingStore(archive_of(6))
    archive = loaded(store)
    store.reset()
    grown = archive.grown(9)
    assert (grown.length, archive.length, store.writes) == (9, 6, 0)
    assert grown.array("source").shape == (4, 9)
    grown.array("orbit")[6:9] = [1, 2, 3]
    assert zarr.open_array(store, path="orbit").shape == (6,)
    store.reset()
    assert grown.publish() == (6, store.bytes_written)
    assert store.writes == 6
    assert {array.shape for _, array in zarr.open_group(store).arrays()} >= {(9,), (4, 9), (9, 4, 5)}
    assert np.array_equal(zarr.open_array(store, path="orbit")[6:], [1, 2, 3])


def test_the_document_of_the_group_is_the_last_one() -> None:
    """Until it is stored, whoever opens the archive sees the old one."""
    written = []

    class Noting(MemoryStore):
        async def set(self, key: str, value: object, *args: object) -> None:
            written.append(key)
            await super().set(key, value, *args)  # type: ignore[arg-type]

        set_sync = None  # type: ignore[assignment]

    store = Noting(archive_of(6)._store_dict)
    written.clear()
    append(piece(range(6, 9)), store)
    assert written[-1] == ROOT
    metadata = [key.endswith(ROOT) for key in written]
    assert metadata == sorted(metadata)
    flags = written.index(f"{PRESENT}/c/0")
    assert metadata.index(True) == flags + 1


def test_the_metadata_of_each_array_says_the_same() -> None:
    """Readers without consolidated metadata find the same archive once the writer is done."""
    store = archive_of(9)
    assert all(loaded(store).describes(name, get(store, f"{name}/{ROOT}") or b"") for name in loaded(store).names)
    alone = xr.open_zarr(store, consolidated=False, chunks=None).load()
    xr.testing.assert_identical(alone, read(store))


def test_the_template_takes_as_many_requests_late_as_early() -> None:
    """It reads what does not grow, and nothing else."""
    counts = []
    for steps in (3, 60):
        store = CountingStore(archive_of(steps))
        archive = loaded(store)
        store.reset()
        template = archive.template()
        counts.append(store.reads)
        assert template.sizes == {"time": 0, "lat": 4, "lon": 5}
        assert template.lat.values.tolist() == [0, 1, 2, 3]
    assert counts[0] == counts[1]


def test_an_archive_that_disagrees_with_itself_is_not_opened() -> None:
    """If another program changed one array only, nothing is made of it."""
    store = archive_of(6)
    document = json.loads(get(store, ROOT) or b"")
    document["consolidated_metadata"]["metadata"]["rain"]["shape"][0] = 7
    with pytest.raises(ValueError, match="disagrees with itself"):
        Archive(store, json.dumps(document).encode())


def test_a_lost_fixed_chunk_is_named() -> None:
    """What does not grow is needed to check a piece."""
    store = archive_of(6)
    del store._store_dict["lat/c/0"]
    with pytest.raises(ValueError, match="lat/c/0 is missing in the archive"):
        append(piece(range(6, 9)), store)
