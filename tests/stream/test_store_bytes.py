"""Tests of helpers.stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from zarr.abc.store import RangeByteRequest
from zarr.storage import LocalStore, LoggingStore, MemoryStore, WrapperStore

from helpers.counting import CountingStore
from helpers.stream import list_keys, read_bytes, write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from zarr.abc.store import Store


class WithoutSync(WrapperStore[MemoryStore]):
    """A store that needs an event loop, as those of object stores do."""

    _supports_sync_io = False


@pytest.fixture(params=["memory", "local", "wrapped", "logging", "counting", "asynchronous"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store of each kind."""
    memory = MemoryStore()
    stores: dict[str, Store] = {
        "memory": memory,
        "local": LocalStore(tmp_path / "new"),
        "wrapped": WrapperStore(memory),
        "logging": LoggingStore(memory, log_level="ERROR"),
        "counting": CountingStore(memory),
        "asynchronous": WithoutSync(memory),
    }
    return stores[request.param]


def test_what_is_written_is_read(store: Store) -> None:
    """Whole, in part, or missing."""
    for value in (b"first", memoryview(b"second"), b""):
        write_bytes(store, "a/b", value)
        assert read_bytes(store, "a/b") == value
    write_bytes(store, "a/b", b"0123456789")
    assert read_bytes(store, "a/b", RangeByteRequest(2, 4)) == b"23"
    assert read_bytes(store, "c") is None
    assert read_bytes(store, "c", RangeByteRequest(2, 4)) is None
    assert list(list_keys(store)) == ["a/b"]


def test_what_is_written_stays(store: Store) -> None:
    """Whatever happens to the memory that it came from."""
    value = bytearray(b"1234")
    write_bytes(store, "a", memoryview(value))
    value[:] = b"5678"
    assert read_bytes(store, "a") == b"1234"


def test_an_empty_store_has_no_keys(store: Store) -> None:
    """Nor has one that was never opened."""
    assert list(list_keys(store)) == []


def test_a_store_that_cannot_list_lists_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not asked."""
    store = MemoryStore()
    write_bytes(store, "a", b"1")
    monkeypatch.setattr(MemoryStore, "supports_listing", False)
    assert list(list_keys(store)) == []
