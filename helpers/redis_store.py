"""Keeps Zarr arrays in Redis: a store for Zarr 3 that threads, event loops and processes can share.

Zarr-Python 2 had a Redis store, Zarr-Python 3 has none (zarr-python #1274). A value of the store is one string
of Redis: the key ``c/0/0`` of a store with the prefix ``life`` is the string ``zarr:life:c/0/0``.
"""
# ruff: noqa: D102 -- the docstrings of store methods are inherited

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from zarr.abc.store import Store

from helpers.redis_keys import RedisKeys
from helpers.redis_values import as_buffer, as_bytes, listed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

    from helpers.redis_freeze import FrozenRedisStore
    from helpers.redis_transaction import RedisTransaction

__all__ = ["RedisStore"]

DEFAULT_URL = "redis://127.0.0.1:7777"


class RedisStore(Store):
    """Store the chunks and metadata of Zarr in a Redis server.

    Use it to share arrays between programs while they run: what one writes, the others read at once. It lives in
    the server's memory, so it is for what is small or passes by; archives belong on disk or object storage.

    Parameters
    ----------
    url : str, default "redis://127.0.0.1:7777"
        The server: ``redis://USER:PASSWORD@HOST:PORT/DATABASE``, ``rediss://...`` with TLS, or
        ``unix:///PATH/OF/THE/SOCKET?db=DATABASE``. ``?socket_timeout=60`` waits longer than 10 s for an answer.
    prefix : str, default ""
        Keeps stores on one database apart. Any text: no store sees what another prefix holds.
    read_only : bool, default False
        Refuse to write.

    Attributes
    ----------
    keys : helpers.redis_keys.RedisKeys
        The strings of Redis beneath, for what a Zarr store has no word for.

    Raises
    ------
    ValueError
        If `url` is no Redis URL. The server is not asked before the first request.

    Notes
    -----
    Any thread, event loop and forked or spawned process may use the store: connections belong to a pool that each
    process makes for itself. A pickled store holds the URL with its password; its ``str`` and ``repr`` do not.

    Single reads and writes are atomic. `transaction` publishes many writes at one instant, `read_many` reads
    many keys at one instant, and `freeze` keeps them as they are for later. Listing asks for 1,000 names at a time
    (SCAN), so that the server goes on answering others; it sees every key that is there all the time.

    What a server forgets is lost: with a ``maxmemory-policy`` other than ``noeviction`` that can be any chunk at any
    time, which Zarr then reads as the fill value. Errors are those of `helpers.redis_client.clear_errors`.

    Examples
    --------
    >>> import numpy as np, zarr
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server, RedisStore(server.url, prefix="demo") as store:
    ...     z = zarr.create_array(store, data=np.arange(16).reshape(4, 4), chunks=(2, 2))
    ...     int(zarr.open_array(RedisStore(server.url, prefix="demo"), mode="r")[3, 3])
    15
    """

    supports_writes: bool = True
    supports_deletes: bool = True
    supports_listing: bool = True

    def __init__(self, url: str = DEFAULT_URL, *, prefix: str = "", read_only: bool = False) -> None:
        super().__init__(read_only=read_only)
        self.keys = RedisKeys(url, prefix)

    def with_read_only(self, read_only: bool = False) -> RedisStore:
        # docstring inherited
        return RedisStore(self.keys.url, prefix=self.keys.prefix, read_only=read_only)

    def __str__(self) -> str:
        return str(self.keys)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and (self.keys, self.read_only) == (other.keys, other.read_only)

    __hash__ = None  # type: ignore[assignment] # as zarr's own stores

    def close(self) -> None:
        # docstring inherited
        super().close()
        self.keys.close()

    def transaction(self) -> RedisTransaction:
        """Begin a batch of writes that becomes visible at one instant, or not at all.

        Returns
        -------
        RedisTransaction
            A store for a `with` block. It reads its own writes. At the end of the block all of them are
            stored in one step; if the block raises, none is.

        Raises
        ------
        ValueError
            If this store is read-only.
        """
        from helpers.redis_transaction import RedisTransaction

        self._check_writable()
        return RedisTransaction(self)

    def read_many(self, keys: Iterable[str | tuple[str, ByteRequest | None]]) -> list[bytes | None]:
        """Read many values, whole or in part, as they are at one instant, in one round trip.

        Parameters
        ----------
        keys : iterable of str or (str, ByteRequest or None)
            Keys, each alone or with the byte range that is wanted.

        Returns
        -------
        list of bytes or None
            One entry for each key: None where nothing is stored.
        """
        requests = [(key, None) if isinstance(key, str) else key for key in listed(keys)]
        return self.keys.read(requests) if requests else []

    def freeze(self, keys: Iterable[str], *, lease_s: int = 1800) -> FrozenRedisStore:
        """Copy values inside the server, as they are at one instant: see `helpers.redis_freeze.freeze`."""
        from helpers.redis_freeze import freeze

        return freeze(self, keys, lease_s=lease_s)

    # The same with and without an event loop: what blocks is done in a thread.

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        # docstring inherited
        return as_buffer(self.keys.read([(key, byte_range)])[0], prototype)

    def set_sync(self, key: str, value: Buffer) -> None:
        # docstring inherited
        self._check_writable()
        self.keys.write({key: as_bytes(value)})

    def delete_sync(self, key: str) -> None:
        # docstring inherited
        self._check_writable()
        self.keys.write({key: None})

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        # docstring inherited
        return await self.keys.in_thread(partial(self.get_sync, key, prototype=prototype, byte_range=byte_range))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        # docstring inherited
        values = await self.keys.in_thread(self.read_many, key_ranges)
        return [as_buffer(value, prototype) for value in values]

    async def _get_many(
        self, requests: Iterable[tuple[str, BufferPrototype, ByteRequest | None]]
    ) -> AsyncGenerator[tuple[str, Buffer | None]]:
        # docstring inherited
        asked = list(requests)
        values = await self.keys.in_thread(self.read_many, [(key, byte_range) for key, _, byte_range in asked])
        for (key, prototype, _), value in zip(asked, values, strict=True):
            yield key, as_buffer(value, prototype)

    async def exists(self, key: str) -> bool:
        # docstring inherited
        return await self.keys.in_thread(self.keys.exists, key)

    async def getsize(self, key: str) -> int:
        # docstring inherited
        nbytes = await self.keys.in_thread(self.keys.size, key)
        if nbytes is None:
            raise FileNotFoundError(key)
        return nbytes

    async def set(self, key: str, value: Buffer) -> None:
        # docstring inherited
        await self.keys.in_thread(self.set_sync, key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        # docstring inherited
        self._check_writable()
        await self.keys.in_thread(self.keys.add, key, as_bytes(value))

    async def delete(self, key: str) -> None:
        # docstring inherited
        await self.keys.in_thread(self.delete_sync, key)

    async def delete_dir(self, prefix: str) -> None:
        # docstring inherited
        self._check_writable()
        await self.keys.in_thread(self.keys.remove, _directory(prefix))

    async def clear(self) -> None:
        # docstring inherited
        await self.delete_dir("")

    async def list(self) -> AsyncIterator[str]:
        # docstring inherited
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        # docstring inherited
        pages = self.keys.pages(prefix)
        while page := await self.keys.in_thread(next, pages, None):
            for key in page:
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        # docstring inherited
        folder = _directory(prefix)
        seen: set[str] = set()
        async for key in self.list_prefix(folder):
            name = key[len(folder) :].split("/", 1)[0]
            if name not in seen:
                seen.add(name)
                yield name


def _directory(prefix: str) -> str:
    """Return the prefix of all keys in a directory; the root has none."""
    prefix = prefix.rstrip("/")
    return f"{prefix}/" if prefix else ""
