"""Tests of helpers.append: the same archive behind a path, a URL or a store of any kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import icechunk
import obstore.store
import pytest
import xarray as xr
from zarr.storage import FsspecStore, LocalStore, MemoryStore, ObjectStore

from helpers.append import append, locked, open_store, verify
from helpers.append.store import get, get_many, in_transaction, innermost, keys, put
from helpers.counting import CountingStore
from helpers.redis import RedisStore
from helpers.servers import redis_server, s3_server
from tests.append_pieces import AS_THEY_COME, CHUNKS, assert_holds, piece, present, read

if TYPE_CHECKING:
    from pathlib import Path

    from zarr.abc.store import Store

ALL = sorted({place for places in AS_THEY_COME for place in places})


def grow(store: str | Path | Store) -> None:
    """Append pieces as they come, some twice, and check all that is to be true of an archive."""
    for places in AS_THEY_COME:
        append(piece(places), store, chunks=CHUNKS, step="3h")
        assert append(piece(places), store).objects_written == 0
    opened = open_store(store)
    assert_holds(opened, ALL)
    report = verify(store)
    assert report.sound
    assert not report.unfinished
    with locked(opened), pytest.raises(BlockingIOError, match="is being written to"):
        append(piece([30]), store)


def test_in_a_folder(tmp_path: Path) -> None:
    """As a path, a string, a URL or a store."""
    grow(tmp_path / "a.zarr")
    grow(str(tmp_path / "b.zarr"))
    grow((tmp_path / "c d.zarr").as_uri())
    grow(LocalStore(tmp_path / "e.zarr"))
    assert {path.name for path in tmp_path.iterdir()} == {"a.zarr", "b.zarr", "c d.zarr", "e.zarr"}
    assert not [path for path in tmp_path.rglob("*") if "lock" in path.name or "partial" in path.name]


def test_on_object_storage() -> None:
    """By its URL, with address and key from the environment; the lock is created only where there is none."""
    with s3_server() as server:
        server.create_bucket("archives")
        grow("s3://archives/rain.zarr")
        keys_ = keys(open_store("s3://archives/"))
        assert {key.split("/")[0] for key in keys_} == {"rain.zarr"}


def test_in_memory() -> None:
    """Zarr's own, and obstore's."""
    grow(MemoryStore())
    grow(CountingStore(MemoryStore()))
    grow(ObjectStore(obstore.store.MemoryStore()))


def test_through_fsspec() -> None:
    """What only fsspec knows works as well; its lock is not certain, which a test cannot show."""
    grow("memory://append-store-test/rain.zarr")


def test_in_redis() -> None:
    """By its URL, the prefix after a #; what others have there is left alone."""
    with redis_server() as server:
        other = RedisStore(server.url, prefix="other")
        put(other, {"a": b"1"})
        grow(f"{server.url}#rain")
        assert keys(other) == {"a"}
        assert get(RedisStore(server.url, prefix="rain"), "zarr.json") is not None


def test_in_a_session_of_icechunk() -> None:
    """Nothing is seen before the commit, no lock is written, and a session that is dropped leaves nothing."""
    repository = icechunk.Repository.create(icechunk.in_memory_storage())
    for places in AS_THEY_COME:
        session = repository.writable_session("main")
        append(piece(places), session.store, chunks=CHUNKS, step="3h")
        dropped = repository.writable_session("main").store
        assert read(dropped) is None or present(read(dropped) or xr.Dataset()).sizes["time"] < len(ALL)
        session.commit(f"{len(places)} steps")
    append(piece([20]), repository.writable_session("main").store)
    store = repository.readonly_session("main").store
    assert_holds(store, ALL)
    assert verify(store).sound
    assert "time/append.lock" not in keys(store)
    with pytest.raises(ValueError, match="cannot be written to"):
        append(piece([20]), store)
    session = repository.writable_session("main")
    assert append(piece([5, 6, 9], version=1), session.store, replace=True).replaced == 2 + 1
    session.commit("reprocessed")


def test_values_are_read_and_written() -> None:
    """One or many at once; nothing where nothing is."""
    store = CountingStore(MemoryStore())
    put(store, {"a": b"1", "b": b"22"})
    assert get_many(store, ["a", "c", "b"]) == {"a": b"1", "c": None, "b": b"22"}
    assert keys(store) == {"a", "b"}
    assert isinstance(innermost(CountingStore(store)), MemoryStore)
    assert not in_transaction(store)


def test_urls_find_their_store(tmp_path: Path) -> None:
    """Each kind of address makes the kind of store that is meant; none is asked anything yet."""
    kinds = {
        str(tmp_path): LocalStore,
        "s3://bucket/prefix": ObjectStore,
        "redis://localhost:1/2#rain": RedisStore,
        "memory://somewhere": FsspecStore,
    }
    for url, kind in kinds.items():
        assert isinstance(open_store(url), kind)
        assert open_store(url, read_only=True).read_only
    assert open_store(MemoryStore(), read_only=True).read_only
    assert open_store("redis://localhost:1/2#a%20b").keys.prefix == "a b"  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="Protocol not known"):
        open_store("nowhere://at/all")
