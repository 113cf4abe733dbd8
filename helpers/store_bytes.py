"""Reads and writes the bytes of any Zarr store, without an event loop where the store needs none."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import collect_aiterator, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zarr.abc.store import ByteRequest, Store, SupportsSyncStore

__all__ = ["list_keys", "read_bytes", "write_bytes"]


def read_bytes(store: Store, key: str, byte_range: ByteRequest | None = None) -> bytes | None:
    """Return a value or a part of it, None if it is missing.

    Examples
    --------
    >>> from zarr.storage import MemoryStore
    >>> store = MemoryStore()
    >>> write_bytes(store, "a", b"1")
    >>> read_bytes(store, "a"), read_bytes(store, "b"), list(list_keys(store))
    (b'1', None, ['a'])
    """
    prototype = default_buffer_prototype()
    if quick := _without_event_loop(store):
        value = quick.get_sync(key, prototype=prototype, byte_range=byte_range)
    else:
        value = sync(store.get(key, prototype, byte_range))
    return None if value is None else value.to_bytes()


def write_bytes(store: Store, key: str, value: bytes | memoryview) -> None:
    """Write a value; the store gets a copy of its own."""
    buffer = default_buffer_prototype().buffer.from_bytes(bytes(value))
    if quick := _without_event_loop(store):
        quick.set_sync(key, buffer)
    else:
        sync(store.set(key, buffer))


def list_keys(store: Store) -> Iterator[str]:
    """Yield all keys of a store, none if it cannot list them."""
    if store.supports_listing:
        yield from collect_aiterator(store.list())


def _without_event_loop(store: Store) -> SupportsSyncStore | None:
    """Return the store if it can read and write at once; a wrapper says by an attribute whether what it wraps can."""
    can = hasattr(store, "get_sync") and hasattr(store, "set_sync") and getattr(store, "_supports_sync_io", True)
    return cast("SupportsSyncStore", store) if can else None
