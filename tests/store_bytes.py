"""Reads and writes the bytes of any Zarr store, for tests that are no coroutines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import collect_aiterator, sync

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest, Store


def read_bytes(store: Store, key: str, byte_range: ByteRequest | None = None) -> bytes | None:
    """Return a value or a part of it, None if it is missing."""
    value = sync(store.get(key, default_buffer_prototype(), byte_range))
    return None if value is None else value.to_bytes()


def write_bytes(store: Store, key: str, value: bytes) -> None:
    """Write a value."""
    sync(store.set(key, default_buffer_prototype().buffer.from_bytes(value)))


def list_keys(store: Store) -> tuple[str, ...]:
    """Return all keys of a store."""
    return collect_aiterator(store.list())
