"""Tests of helpers.counting: every request pays once, whatever it comes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from zarr.abc.store import RangeByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.core.buffer.cpu import Buffer
from zarr.core.sync import sync
from zarr.storage import LocalStore, MemoryStore, WrapperStore

from helpers.counting import RequestStore

if TYPE_CHECKING:
    from pathlib import Path

    from zarr.abc.store import Store

    from helpers.counting import RequestKind

PROTOTYPE = default_buffer_prototype()
# What has no request of its own: state, capabilities and copies of the store.
NO_REQUEST = {
    *("_check_writable", "_ensure_open", "_is_open", "_open", "_supports_sync_io", "_with_store", "close"),
    *("open", "read_only", "supports_deletes", "supports_listing", "supports_writes", "with_read_only"),
}


class Recording(RequestStore):
    """Write down each toll."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.tolls: list[tuple[str, int, int]] = []

    def toll(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> float:
        """Write it down."""
        self.tolls.append((kind, nbytes, times))
        return 0.0


def test_no_way_around_the_toll_is_left_open() -> None:
    """Each method that WrapperStore forwards is overridden here, so that a new one in zarr is noticed."""
    forwarded = {name for name, value in vars(WrapperStore).items() if not name.startswith("__") and callable(value)}
    assert forwarded - NO_REQUEST <= set(vars(RequestStore))


def test_a_toll_is_paid_once_for_each_merged_range() -> None:
    """Two far ranges are two requests, each with its own bytes."""
    store = Recording(MemoryStore({"a": Buffer.from_bytes(bytes(100))}))
    ranges = [RangeByteRequest(0, 10), RangeByteRequest(10, 30), RangeByteRequest(90, 100)]

    async def ask() -> None:
        async for _ in store.get_ranges("a", ranges, prototype=PROTOTYPE, max_gap_bytes=10):
            pass

    sync(ask())
    assert sorted(store.tolls) == [("read", 10, 1), ("read", 30, 1)]


def test_a_deleted_directory_leaves_nothing_behind(tmp_path: Path) -> None:
    """The wrapped store deletes: key by key, LocalStore would keep the empty directory."""
    store = Recording(LocalStore(tmp_path))
    sync(store.set("a/b", Buffer.from_bytes(b"1")))
    sync(store.delete_dir("a"))
    assert list(tmp_path.iterdir()) == []
    assert store.tolls == [("write", 1, 1), ("list", 0, 1), ("delete", 0, 1)]


def test_a_store_needs_a_toll() -> None:
    """A subclass without one would count nothing, silently."""
    with pytest.raises(TypeError, match="abstract"):
        RequestStore(MemoryStore())  # type: ignore[abstract]


def test_names_show_the_kind_of_the_wrapped_store_only() -> None:
    """A MemoryStore's own name is a memory address."""
    store = Recording(Recording(MemoryStore()))
    assert str(store) == "recording://Recording(MemoryStore)"
    assert repr(store) == "Recording(Recording(MemoryStore))"
