"""Tests of helpers.append: the same archive behind a path, a URL or a store of any kind, and one writer at a time."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import icechunk
import obstore.store
import pytest
import xarray as xr
from zarr.storage import LocalStore, MemoryStore, ObjectStore

from helpers.append import append, open_store, verify
from helpers.append.store import Lock, get, keys, locked, put
from helpers.counting import CountingStore
from helpers.redis import RedisStore
from helpers.servers import redis_server, s3_server
from tests.append_pieces import AS_THEY_COME, CHUNKS, assert_holds, batch, piece, present, read

if TYPE_CHECKING:
    from pathlib import Path

    from zarr.abc.store import Store

ALL = sorted({place for places in AS_THEY_COME for place in places})


def leave(store: Store, **other: Any) -> None:
    """Leave a lock behind as a writer that is killed does: of this process in another life, or of another one."""
    with locked(store):
        lock = Lock(**json.loads(get(store, "time/append.lock") or b""))
    put(store, {"time/append.lock": json.dumps(asdict(replace(lock, **other))).encode()})


def dead_process() -> int:
    """Return the number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_the_second_writer_is_told() -> None:
    """While one writer is at work another one is refused, with who and since when, and writes nothing."""
    store = MemoryStore()
    append(batch(0), store, chunks=CHUNKS, step="3h")
    with locked(store):
        before = dict(store._store_dict)
        with pytest.raises(BlockingIOError, match=r"is being written to by process \d+ on .*, for .*s\. Wait"):
            append(batch(1), store)
        assert store._store_dict == before
    append(batch(1), store)
    assert "time/append.lock" not in store._store_dict


def test_a_lock_is_released_by_whatever_ends_the_work() -> None:
    """An error in the middle of writing leaves no lock, and the next append goes on."""

    class Full(MemoryStore):
        full = True

        async def set(self, key: str, value: object, *args: object) -> None:
            if self.full and key.startswith("rain/c/0/1"):
                msg = "no space left"
                raise OSError(msg)
            await super().set(key, value, *args)  # type: ignore[arg-type]

        set_sync = None  # type: ignore[assignment]

    store = Full()
    with pytest.raises(OSError, match="no space left"):
        append(piece(range(3)), store, chunks=CHUNKS, step="3h")
    assert "time/append.lock" not in store._store_dict
    store.full = False
    append(piece(range(3)), store, chunks=CHUNKS, step="3h")
    assert_holds(store, range(3))


@pytest.mark.parametrize("same_number", [False, True])
def test_the_lock_of_a_dead_process_is_taken_over(same_number: bool) -> None:
    """A writer of this machine that is no more stands in nobody's way; in a container it may have had our number."""
    store = MemoryStore()
    leave(store, **({} if same_number else {"pid": dead_process()}))
    with locked(store):
        assert len(keys(store)) == 2
        with pytest.raises(BlockingIOError):
            locked(store).__enter__()
    assert keys(store) == set()


def test_the_lock_of_another_machine_is_deleted_by_hand_only() -> None:
    """Nobody here knows whether a process elsewhere lives: its lock stays, and the error says what to delete."""
    store = MemoryStore()
    leave(store, machine="far away", pid=1, since=time.time() - 100)
    with pytest.raises(BlockingIOError, match=r"process 1 on far, for 1\.7 min.*delete time/append\.lock"):
        append(piece(range(3)), store, chunks=CHUNKS, step="3h")
    del store._store_dict["time/append.lock"]
    append(piece(range(3)), store, chunks=CHUNKS, step="3h")
    assert_holds(store, range(3))


def test_a_living_process_of_this_machine_keeps_its_lock() -> None:
    """Another process that runs is not taken for dead."""
    store = MemoryStore()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        leave(store, pid=process.pid)
        with pytest.raises(BlockingIOError), locked(store):
            pass
        process.communicate(b"\n")
    with locked(store):
        pass


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_of_many_that_try_at_once_one_succeeds(tmp_path: Path, kind: str, left: bool) -> None:
    """Free, or left by a dead process: threads that all try at the same moment never hold the lock together."""
    store = MemoryStore() if kind == "memory" else LocalStore(tmp_path)
    if left:
        leave(store, pid=dead_process())
    now: list[int] = []
    most: list[int] = []
    begin = threading.Barrier(8)

    def attempt(number: int) -> None:
        begin.wait()
        for _ in range(5):
            with contextlib.suppress(BlockingIOError), locked(store):
                now.append(number)
                most.append(len(now))
                time.sleep(0.002)
                now.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attempt, range(8)))
    assert set(most) == {1}
    assert not [key for key in keys(store) if "lock" in key]


def test_who_takes_over_clears_up_chunks_and_leaves_the_attempts_of_others(tmp_path: Path) -> None:
    """A half-written chunk of the dead writer goes; a half-written lock is somebody who tries at this moment."""
    store = LocalStore(tmp_path)
    leave(store, pid=dead_process())
    chunk, attempt = (tmp_path / name for name in (f"rain/c/0.{'ab' * 16}.partial", f"time/append.{'cd' * 16}.partial"))
    chunk.parent.mkdir(parents=True)
    chunk.touch()
    attempt.touch()
    with locked(store):
        assert not chunk.exists()
        assert attempt.exists()


def test_writers_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    """Threads that append different steps, and try again when told to wait: all steps are there (zarr #2077)."""
    folder = str(tmp_path / "shared.zarr")
    append(batch(0), folder, chunks=CHUNKS, step="3h")

    def append_patiently(first: int) -> None:
        for number in range(first, 7, 3):
            while True:
                with contextlib.suppress(BlockingIOError):
                    append(batch(number), folder)
                    break
                time.sleep(0.02)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(append_patiently, (1, 2, 3)))
    found = read(folder)
    assert found is not None
    xr.testing.assert_identical(present(found), piece(range(21))[["rain", "land"]])


def test_what_is_no_lock_is_named() -> None:
    """Something else under the name of the lock is neither taken for free nor for a writer."""
    store = MemoryStore()
    put(store, {"time/append.lock": b"{}"})
    with pytest.raises(ValueError, match=r"append\.lock holds b'{}', which is no lock"):
        append(piece(range(3)), store)


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
    """As a path, a string or a store."""
    grow(tmp_path / "a.zarr")
    grow(str(tmp_path / "b.zarr"))
    grow(LocalStore(tmp_path / "e.zarr"))
    assert {path.name for path in tmp_path.iterdir()} == {"a.zarr", "b.zarr", "e.zarr"}
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


def test_urls_find_their_store(tmp_path: Path) -> None:
    """Each kind of address makes the kind of store that is meant; none is asked anything yet."""
    kinds = {
        str(tmp_path): LocalStore,
        "s3://bucket/prefix": ObjectStore,
        "redis://localhost:1/2#rain": RedisStore,
    }
    for url, kind in kinds.items():
        assert isinstance(open_store(url), kind)
        assert open_store(url, read_only=True).read_only
    assert open_store(MemoryStore(), read_only=True).read_only
    assert open_store("redis://localhost:1/2#a%20b").keys.prefix == "a b"  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="names no store"):
        open_store("nowhere://at/all")
