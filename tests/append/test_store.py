"""Tests of helpers.append: one writer at a time, and the second is told who the first is."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest
import xarray as xr
from zarr.storage import LocalStore, MemoryStore

from helpers.append import append, locked
from helpers.append import store as append_lock
from helpers.append.store import Lock, keys, put
from tests.append_pieces import CHUNKS, assert_holds, batch, piece, present, read

if TYPE_CHECKING:
    from pathlib import Path

    from zarr.abc.store import Store


def leave(store: Store, *, pid: int | None = None, machine: str | None = None, older_s: float = 0) -> Lock:
    """Leave a lock behind as a writer that is killed does, here or on another machine, and return it."""
    with locked(store) as claim:
        lock = replace(claim.lock, since=claim.lock.since - older_s, pid=pid or claim.lock.pid)
    if machine:
        lock = replace(lock, machine=machine, host=machine)
    put(store, {"time/append.lock": json.dumps(asdict(lock)).encode()})
    return lock


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


def test_the_lock_of_a_dead_process_is_taken_over() -> None:
    """A writer of this machine that is no more stands in nobody's way; nothing of its lock remains."""
    store = MemoryStore()
    leave(store, pid=dead_process())
    with locked(store) as claim:
        assert claim.follows is not None
        assert claim.holds
        with pytest.raises(BlockingIOError):
            locked(store).__enter__()
    assert keys(store) == set()


def test_the_lock_of_another_life_of_this_process_number_is_taken_over() -> None:
    """In a container that starts again, the killed writer had the number that this process has."""
    store = MemoryStore()
    lock = leave(store)
    assert lock.dead
    append(piece(range(3)), store, chunks=CHUNKS, step="3h")
    assert_holds(store, range(3))


def test_the_lock_of_another_machine_is_taken_by_age_only() -> None:
    """Nobody here knows whether a process elsewhere lives: its lock stays, unless it is older than one says."""
    store = MemoryStore()
    leave(store, machine="far", pid=1, older_s=100)
    with pytest.raises(BlockingIOError, match=r"process 1 on far, for 1\.7 min.*take_lock_older_than_s="):
        append(piece(range(3)), store, chunks=CHUNKS, step="3h")
    with pytest.raises(BlockingIOError):
        append(piece(range(3)), store, chunks=CHUNKS, take_lock_older_than_s=1000)
    append(piece(range(3)), store, chunks=CHUNKS, step="3h", take_lock_older_than_s=50)
    assert_holds(store, range(3))
    assert not [key for key in keys(store) if "lock" in key]


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


def test_a_writer_whose_lock_was_taken_publishes_nothing() -> None:
    """It finds out before it publishes, and leaves the lock of the other one alone."""
    store = MemoryStore()
    append(batch(0), store, chunks=CHUNKS, step="3h")
    with locked(store) as first, locked(store, take_lock_older_than_s=0) as second:
        assert second.holds
        with pytest.raises(BlockingIOError, match=r"has taken the lock of .* from this one"):
            first.check()
        first.release()
        second.check()
        assert len([key for key in keys(store) if "lock" in key]) == 2
    assert not [key for key in keys(store) if "lock" in key]


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
            try:
                with locked(store):
                    now.append(number)
                    most.append(len(now))
                    time.sleep(0.002)
                    now.remove(number)
            except BlockingIOError:
                time.sleep(0.001)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert not [key for key in keys(store) if "lock" in key]


def test_writers_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    """Threads that append different steps, and try again when told to wait: all steps are there (zarr #2077)."""
    folder = str(tmp_path / "shared.zarr")
    append(batch(0), folder, chunks=CHUNKS, step="3h")
    threads = [threading.Thread(target=append_patiently, args=(folder, first)) for first in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read(folder)
    assert found is not None
    xr.testing.assert_identical(present(found), piece(range(21))[["rain", "land"]])


def append_patiently(folder: str, first: int) -> None:
    """Append every third batch, waiting for the other writers."""
    for number in range(first, 7, 3):
        while True:
            try:
                append(batch(number), folder)
            except BlockingIOError:
                time.sleep(0.02)
            else:
                break


def test_what_is_no_lock_is_named() -> None:
    """Something else under the name of the lock is neither taken for free nor for a writer."""
    store = MemoryStore()
    put(store, {"time/append.lock": b"{}"})
    with pytest.raises(ValueError, match=r"append\.lock holds b'{}', which is no lock"):
        append(piece(range(3)), store)


def test_machines_are_told_apart() -> None:
    """Two calls agree, and what they agree on is no secret."""
    assert append_lock._machine() == append_lock._machine()
