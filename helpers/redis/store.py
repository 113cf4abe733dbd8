"""`RedisStore`: Zarr arrays in Redis, shared by threads, event loops and processes, with transactions.

Zarr-Python 2 had a Redis store, Zarr-Python 3 has none (zarr-python #1274). A value of the store is one string
of Redis: the key ``c/0/0`` of a store with the prefix ``life`` is the string ``zarr:life:c/0/0``.
"""
# ruff: noqa: D102 -- the docstrings of store methods are inherited

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from zarr.abc.store import Store
from zarr.core.buffer import Buffer, default_buffer_prototype

from helpers.redis.keys import RedisKeys, check_size, cut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import BufferPrototype

    from helpers.redis.keys import Value

__all__ = ["DEFAULT_URL", "RedisStore", "RedisTransaction"]

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
    keys : helpers.redis.RedisKeys
        The strings of Redis beneath, for what a Zarr store has no word for.

    Raises
    ------
    ValueError
        If `url` is no Redis URL. The server is not asked before the first request.

    Notes
    -----
    Any thread, event loop and forked or spawned process may use the store: connections belong to a pool that each
    process makes for itself. A pickled store holds the URL with its password; its ``str`` and ``repr`` do not.

    Single reads and writes are atomic. `transaction` publishes many writes at one instant, `read_many` reads many
    keys at one instant, and `freeze` keeps them as they are for later. Listing asks for 1,000 names at a time (SCAN),
    so that the server goes on answering others; it sees every key that is there all the time.

    What a server forgets is lost: with a ``maxmemory-policy`` other than ``noeviction`` that can be any chunk at any
    time, which Zarr then reads as the fill value. Errors are those of `helpers.redis.clear_errors`.

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
        if not isinstance(other, RedisStore) or type(other) is not type(self):
            return False
        mine, theirs = ((each.keys.url, each.keys.prefix, each.read_only) for each in (self, other))
        return mine == theirs

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
        return self.keys.read([(key, None) if isinstance(key, str) else key for key in keys])

    def freeze(self, keys: Iterable[str]) -> RedisStore:
        """Copy values inside the server, as they are at one instant.

        Parameters
        ----------
        keys : iterable of str
            Which of them.

        Returns
        -------
        RedisStore
            The copies, read-only, whatever becomes of this store. They are deleted when nothing needs them any more,
            and in half an hour at the latest; what is read later raises RuntimeError.
        """
        frozen = RedisStore(self.keys.url, read_only=True)
        frozen.keys = self.keys.copy(list(keys))
        return frozen

    # The same with and without an event loop: what blocks is done in a thread.

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        # docstring inherited
        return _as_buffer(self.keys.read([(key, byte_range)])[0], prototype or default_buffer_prototype())

    def set_sync(self, key: str, value: Buffer) -> None:
        # docstring inherited
        self._check_writable()
        self.keys.write({key: _as_bytes(value)})

    def delete_sync(self, key: str) -> None:
        # docstring inherited
        self._check_writable()
        self.keys.write({key: None})

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        # docstring inherited
        return await asyncio.to_thread(self.get_sync, key, prototype=prototype, byte_range=byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        # docstring inherited
        values = await asyncio.to_thread(self.read_many, key_ranges)
        return [_as_buffer(value, prototype) for value in values]

    async def exists(self, key: str) -> bool:
        # docstring inherited
        return await asyncio.to_thread(self.keys.exists, key)

    async def set(self, key: str, value: Buffer) -> None:
        # docstring inherited
        await asyncio.to_thread(self.set_sync, key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        # docstring inherited
        self._check_writable()
        await asyncio.to_thread(self.keys.add, key, _as_bytes(value))

    async def delete(self, key: str) -> None:
        # docstring inherited
        await asyncio.to_thread(self.delete_sync, key)

    async def delete_dir(self, prefix: str) -> None:
        # docstring inherited
        self._check_writable()
        await asyncio.to_thread(self.keys.remove, _directory(prefix))

    async def list(self) -> AsyncIterator[str]:
        # docstring inherited
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        # docstring inherited
        pages = self.keys.pages(prefix)
        while page := await asyncio.to_thread(next, pages, None):
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


class RedisTransaction(RedisStore):
    """Stand for a `RedisStore` within a `with` block, and publish what was written at its end.

    `RedisStore.transaction` makes it. It is a Zarr store that reads its own writes and, for the rest, what others
    have published. If the block raises, nothing of it is stored.

    Parameters
    ----------
    store : RedisStore
        Where the writes go.

    Raises
    ------
    ValueError
        If it is used after its block: open what you need from the store itself.

    Notes
    -----
    The writes wait in this process's memory and are sent in one MULTI/EXEC. Of two transactions that write the same
    key the later one wins; neither is told. Should the connection break while the server answers, the same writes
    are sent once more: they store the same values.

    Examples
    --------
    >>> import numpy as np, zarr
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server, RedisStore(server.url) as store:
    ...     with store.transaction() as tx:
    ...         z = zarr.create_array(tx, data=np.arange(6), chunks=2)
    ...         before = store.read_many(["zarr.json"])
    ...     before, int(zarr.open_array(store)[5])
    ([None], 5)
    """

    keys: PendingKeys

    def __init__(self, store: RedisStore) -> None:
        Store.__init__(self, read_only=store.read_only)
        self.keys = PendingKeys(store.keys)

    def with_read_only(self, read_only: bool = False) -> RedisTransaction:
        # docstring inherited
        same = RedisTransaction.__new__(RedisTransaction)
        Store.__init__(same, read_only=read_only)
        same.keys = self.keys
        return same

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.keys.commit()
        finally:
            self.keys.end()
            self._is_open = False

    def close(self) -> None:
        """Do nothing: the end of the block ends the transaction."""


class PendingKeys(RedisKeys):
    """Hold writes back from the `RedisKeys` beneath, until `commit`, and show them to whoever asks here."""

    def __init__(self, keys: RedisKeys) -> None:
        super().__init__(keys.url, keys.prefix)
        self._published = keys
        self._values: dict[str, bytes | None] = {}
        self._over = False

    def __reduce__(self) -> NoReturn:
        msg = "a transaction belongs to one process and cannot be pickled: send the store, and write through that"
        raise TypeError(msg)

    def commit(self) -> None:
        """Write all that is pending, at one instant."""
        self._check_open()
        self._published.write(self._values)

    def end(self) -> None:
        """Forget what is pending, and refuse all further use."""
        self._values = {}
        self._over = True

    def read(self, requests: Sequence[tuple[str, ByteRequest | None]]) -> list[bytes | None]:
        # docstring inherited
        self._check_open()
        values = {key: self._values[key] for key, _ in requests if key in self._values}
        others = [request for request in requests if request[0] not in values]
        published = iter(self._published.read(others) if others else ())
        return [
            (value := values[key]) and cut(value, asked) if key in values else next(published)
            for key, asked in requests
        ]

    def exists(self, key: str) -> bool:
        # docstring inherited
        self._check_open()
        return self._values[key] is not None if key in self._values else self._published.exists(key)

    def add(self, key: str, value: Value) -> bool:
        # docstring inherited
        if self.exists(key):
            return False
        self.write({key: value})
        return True

    def write(self, values: Mapping[str, Value | None]) -> None:
        # docstring inherited
        self._check_open()
        for key, value in values.items():
            check_size(key, value)
        self._values |= {key: None if value is None else bytes(value) for key, value in values.items()}

    def pages(self, prefix: str = "") -> Iterator[list[str]]:
        # docstring inherited
        self._check_open()
        values = dict(self._values)
        mine = sorted(key for key, value in values.items() if value is not None and key.startswith(prefix))
        if mine:
            yield mine
        for page in self._published.pages(prefix):
            if others := [key for key in page if key not in values]:
                yield others

    def _check_open(self) -> None:
        if self._over:
            msg = "this transaction is over: open the array or group again from the store itself"
            raise ValueError(msg)


def _as_buffer(value: bytes | None, prototype: BufferPrototype) -> Buffer | None:
    return None if value is None else prototype.buffer.from_bytes(value)


def _as_bytes(value: Buffer) -> memoryview:
    """Return the bytes of a buffer of zarr, without a copy if they lie side by side."""
    if not isinstance(value, Buffer):
        msg = f"RedisStore.set(): `value` must be a Buffer instance. Got an instance of {type(value)} instead."
        raise TypeError(msg)
    return memoryview(np.ascontiguousarray(value.as_numpy_array())).cast("B")


def _directory(prefix: str) -> str:
    """Return the prefix of all keys in a directory; the root has none."""
    prefix = prefix.rstrip("/")
    return f"{prefix}/" if prefix else ""
