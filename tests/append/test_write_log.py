"""Tests of helpers.append: every state that a store has been in."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import MemoryStore

from helpers.append import WriteLog

BUFFER = default_buffer_prototype().buffer


def test_moments_are_what_a_reader_could_have_seen() -> None:
    """One after each write and each delete, and the last is what the store holds."""
    log = WriteLog()
    store = MemoryStore(log)
    sync(store.set("a", BUFFER.from_bytes(b"1")))
    sync(store.set("a", BUFFER.from_bytes(b"2")))
    sync(store.set_if_not_exists("a", BUFFER.from_bytes(b"3")))
    sync(store.set_if_not_exists("b", BUFFER.from_bytes(b"4")))
    sync(store.delete("a"))
    sync(store.delete("a"))
    contents = [{key: value.to_bytes() for key, value in moment._store_dict.items()} for moment in log.moments()]
    assert contents == [{"a": b"1"}, {"a": b"2"}, {"a": b"2", "b": b"4"}, {"b": b"4"}]


def test_moments_begin_where_one_says() -> None:
    """Earlier changes are in them, without moments of their own."""
    log = WriteLog()
    z = zarr.create_array(MemoryStore(log), shape=3, chunks=1, dtype="u1")
    since = len(log.changes)
    z[:] = 7
    sums = [int(np.asarray(zarr.open_array(moment)[:]).sum()) for moment in log.moments(since)]
    assert sums == [7, 14, 21]
    assert list(log.moments(len(log.changes))) == []


def test_a_moment_that_is_written_to_changes_no_other() -> None:
    """Each is a store of its own."""
    log = WriteLog()
    zarr.create_array(MemoryStore(log), data=np.ones(4, "u1"), chunks=2)
    for moment in log.moments():
        zarr.open_array(moment, mode="r+")[:] = 9
    assert np.asarray(zarr.open_array(MemoryStore(log), mode="r")[:]).tolist() == [1] * 4


def test_changes_of_threads_are_all_noted() -> None:
    """None is lost, and the last moment is what the store holds."""
    log = WriteLog()

    def write(name: str) -> None:
        for number in range(200):
            log[f"{name}{number % 10}"] = BUFFER.from_bytes(f"{number}".encode())

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log.changes) == 800
    *_, last = log.moments(799)
    assert last._store_dict == dict(log)


def test_a_key_that_is_not_there_cannot_be_deleted() -> None:
    """Nothing is noted then."""
    log = WriteLog()
    with pytest.raises(KeyError):
        del log["a"]
    assert log.changes == []
