"""Shows each request that zarr makes of a store, whichever of its methods it comes through.

`zarr.storage.WrapperStore` forwards every method to the wrapped store, so that a subclass which only
overrides `get` misses the byte ranges, sizes, directories and synchronous calls that go past it.
`RequestStore` closes those ways: every request, asynchronous or not, pays a toll exactly once.
"""
# ruff: noqa: D102 -- the docstrings of store methods are inherited

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Literal, Self

from zarr.abc.store import Store
from zarr.storage import WrapperStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["RequestKind", "RequestStore"]

type RequestKind = Literal["read", "write", "delete", "list"]


class RequestStore(WrapperStore[Store]):
    """Wrap a store, and pay a toll for each request that an object store would get.

    Subclass it and define `toll`, which is called once for each request that succeeds, and for each size that
    is asked for, and returns the seconds that the request must wait.

    Parameters
    ----------
    store : zarr.abc.store.Store
        The store to wrap: any zarr store, another wrapper included.

    Notes
    -----
    What is one request:

    - A read is one GET of a key or of one byte range. A missing key is a read of 0 bytes, and so are `exists`
      and `getsize` (a HEAD). Byte ranges that zarr merges before it asks (`get_ranges`) are one read, gaps
      included.
    - A write is one PUT, whether or not it replaces a value; so is `set_if_not_exists`, stored or not.
    - A delete is one key, missing or not. `delete_dir` and `clear` are one list, then a delete for each key.
    - A list is one call of `list`, `list_prefix`, `list_dir` or `is_empty`. S3 returns 1,000 keys a request:
      longer lists take more there. `getsize_prefix` is one list and a read for each key.

    Examples
    --------
    >>> from zarr.storage import MemoryStore
    >>> class TalkingStore(RequestStore):
    ...     def toll(self, kind, *, nbytes=0, times=1):
    ...         print(kind, nbytes)
    ...         return 0.0
    >>> TalkingStore(MemoryStore()).get_sync("zarr.json")
    read 0
    """

    @abstractmethod
    def toll(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> float:
        """Account for requests of one kind.

        Parameters
        ----------
        kind : {"read", "write", "delete", "list"}
            What was asked of the store.
        nbytes : int, default 0
            Bytes of the value that came out of or went into the store.
        times : int, default 1
            Requests made one after the other.

        Returns
        -------
        float
            Seconds that the request has to wait.
        """

    def __enter__(self) -> Self:
        # WrapperStore would return a copy of itself here, of which the caller's own name knows nothing.
        self._store = self._store.__enter__()
        return self

    def __str__(self) -> str:
        # Not the wrapped store's own name, which may hold a memory address, a path or a signed URL.
        return f"{type(self).__name__.removesuffix('Store').lower()}://{_name(self._store)}"

    def __repr__(self) -> str:
        return _name(self)

    async def is_empty(self, prefix: str) -> bool:
        # docstring inherited
        empty = await self._store.is_empty(prefix)
        await self._pay("list")
        return empty

    async def clear(self) -> None:
        # docstring inherited
        keys = await _keys_under(self._store, "")
        await self._store.clear()
        await self._pay("list")
        await self._pay("delete", times=len(keys))

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        # docstring inherited
        value = await self._store.get(key, prototype, byte_range)
        # The busiest path: `_pay` written out, which saves a coroutine.
        if wait_s := self.toll("read", nbytes=0 if value is None else len(value)):
            await asyncio.sleep(wait_s)
        return value

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        # docstring inherited
        return await asyncio.gather(*(self.get(key, prototype, asked) for key, asked in key_ranges))

    async def exists(self, key: str) -> bool:
        # docstring inherited
        found = await self._store.exists(key)
        await self._pay("read")
        return found

    async def set(self, key: str, value: Buffer) -> None:
        # docstring inherited
        await self._store.set(key, value)
        await self._pay("write", nbytes=len(value))

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        # docstring inherited
        await self._store.set_if_not_exists(key, value)
        await self._pay("write", nbytes=len(value))

    async def _set_many(self, values: Iterable[tuple[str, Buffer]]) -> None:
        # docstring inherited
        await Store._set_many(self, values)

    async def delete(self, key: str) -> None:
        # docstring inherited
        await self._store.delete(key)
        await self._pay("delete")

    async def list(self) -> AsyncIterator[str]:
        # docstring inherited
        await self._pay("list")
        async for key in self._store.list():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        # docstring inherited
        await self._pay("list")
        async for key in self._store.list_prefix(prefix):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        # docstring inherited
        await self._pay("list")
        async for name in self._store.list_dir(prefix):
            yield name

    async def delete_dir(self, prefix: str) -> None:
        # docstring inherited
        # The wrapped store deletes: key by key, LocalStore would keep the empty directories.
        keys = await _keys_under(self._store, prefix)
        await self._store.delete_dir(prefix)
        await self._pay("list")
        await self._pay("delete", times=len(keys))

    async def _get_many(
        self, requests: Iterable[tuple[str, BufferPrototype, ByteRequest | None]]
    ) -> AsyncGenerator[tuple[str, Buffer | None]]:
        # docstring inherited
        async for key, value in Store._get_many(self, requests):
            yield key, value

    async def get_ranges(
        self,
        key: str,
        byte_ranges: Sequence[ByteRequest | None],
        *,
        prototype: BufferPrototype,
        max_concurrency: int | None = None,
        max_gap_bytes: int | None = None,
        max_coalesced_bytes: int | None = None,
    ) -> AsyncIterator[Sequence[tuple[int, Buffer | None]]]:
        # docstring inherited
        # Store merges nearby ranges and asks our `get` for each; the wrapped store would ask past us.
        limits = {
            "max_concurrency": max_concurrency,
            "max_gap_bytes": max_gap_bytes,
            "max_coalesced_bytes": max_coalesced_bytes,
        }
        given = {name: limit for name, limit in limits.items() if limit is not None}
        async for group in Store.get_ranges(self, key, byte_ranges, prototype=prototype, **given):
            yield group

    async def getsize(self, key: str) -> int:
        # docstring inherited
        await self._pay("read")
        return await self._store.getsize(key)

    # The same without an event loop. Store.get_ranges_sync asks our get_sync.

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        # docstring inherited
        value = super().get_sync(key, prototype=prototype, byte_range=byte_range)
        self._pay_sync("read", nbytes=0 if value is None else len(value))
        return value

    def set_sync(self, key: str, value: Buffer) -> None:
        # docstring inherited
        super().set_sync(key, value)
        self._pay_sync("write", nbytes=len(value))

    def delete_sync(self, key: str) -> None:
        # docstring inherited
        super().delete_sync(key)
        self._pay_sync("delete")

    async def _pay(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> None:
        if wait_s := self.toll(kind, nbytes=nbytes, times=times):
            await asyncio.sleep(wait_s)

    def _pay_sync(self, kind: RequestKind, *, nbytes: int = 0) -> None:
        if wait_s := self.toll(kind, nbytes=nbytes):
            time.sleep(wait_s)


async def _keys_under(store: Store, prefix: str) -> list[str]:
    directory = prefix if prefix == "" or prefix.endswith("/") else f"{prefix}/"
    return [key async for key in store.list_prefix(directory)]


def _name(store: Store) -> str:
    kind = type(store).__name__
    return f"{kind}({_name(store._store)})" if isinstance(store, RequestStore) else kind
