"""`RedisStore`: a Zarr store in Redis, its transactions and its frozen copies.

Keeps Zarr arrays in Redis: a store for Zarr 3 that threads, event loops and processes can share.

Zarr-Python 2 had a Redis store, Zarr-Python 3 has none (zarr-python #1274). A value of the store is one string
of Redis: the key ``c/0/0`` of a store with the prefix ``life`` is the string ``zarr:life:c/0/0``.

Gathers writes to a `RedisStore`, so that other programs see all of them at one instant or none.

Copies values inside a Redis server, so that a reader can take its time while a writer goes on.
"""
# ruff: noqa: D102 -- the docstrings of store methods are inherited
# ruff: noqa: D102 -- the docstrings of inherited methods are inherited

from __future__ import annotations

import contextlib
import os
import uuid
import weakref
from functools import partial
from typing import TYPE_CHECKING, NoReturn, cast

from redis import exceptions
from zarr.abc.store import Store

from helpers.redis.keys import RedisKeys, as_buffer, as_bytes, cut, listed, require_room

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

    from helpers.redis.keys import Value

__all__ = ["FrozenRedisStore", "RedisStore", "RedisTransaction", "copy_values", "freeze"]


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

    Single reads and writes are atomic. `transaction` publishes many writes at one instant, `read_many` reads
    many keys at one instant, and `freeze` keeps them as they are for later. Listing asks for 1,000 names at a time
    (SCAN), so that the server goes on answering others; it sees every key that is there all the time.

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
        """Copy values inside the server, as they are at one instant: see `helpers.redis.freeze`."""
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

    def notify(self, message: bytes) -> None:
        """Publish a message to those who listen, at the instant at which the writes become visible.

        Parameters
        ----------
        message : bytes
            Sent on the channel ``store.keys.channel``. A later one takes its place.
        """
        self.keys.write({}, news=message)


class PendingKeys(RedisKeys):
    """Hold writes back from the `RedisKeys` beneath, and show them to whoever asks here.

    Parameters
    ----------
    keys : RedisKeys
        Where `commit` writes.
    """

    def __init__(self, keys: RedisKeys) -> None:
        super().__init__(keys.url, keys.prefix)
        self._published = keys
        self._values: dict[str, bytes | None] = {}
        self._news: bytes | None = None
        self._over = False

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __reduce__(self) -> NoReturn:
        msg = "a transaction belongs to one process and cannot be pickled: send the store, and write through that"
        raise TypeError(msg)

    def commit(self) -> None:
        """Write all that is pending, at one instant."""
        self._check_open()
        self._published.write(self._values, news=self._news)

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
        return [_cut(values[key], asked) if key in values else next(published) for key, asked in requests]

    def size(self, key: str) -> int | None:
        # docstring inherited
        self._check_open()
        if key not in self._values:
            return self._published.size(key)
        value = self._values[key]
        return None if value is None else len(value)

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

    def write(self, values: Mapping[str, Value | None], *, news: bytes | None = None) -> None:
        # docstring inherited
        self._check_open()
        for key, value in values.items():
            if value is not None:
                self._check_size(key, value)
        self._values |= {key: None if value is None else bytes(value) for key, value in values.items()}
        self._news = self._news if news is None else news

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

    def remove(self, prefix: str = "") -> None:
        # docstring inherited
        for page in list(self.pages(prefix)):
            self.write(dict.fromkeys(page))

    def _check_open(self) -> None:
        if self._over:
            msg = "this transaction is over: open the array or group again from the store itself"
            raise ValueError(msg)


def _cut(value: bytes | None, asked: ByteRequest | None) -> bytes | None:
    return None if value is None else cut(value, asked)


LONGEST_LEASE_S = 1_000_000_000


class FrozenRedisStore(RedisStore):
    """Read values as they were when `RedisStore.freeze` copied them; or raise, never invent.

    Parameters
    ----------
    keys : FrozenKeys
        The copies.

    Raises
    ------
    RuntimeError
        If a copy is gone: the lease is over, the server restarted, or the store that made it was closed.

    Notes
    -----
    The copies are deleted when the store is closed or garbage collected, and at the latest when the lease ends.
    A pickled store leaves that to the lease, because the process that it goes to still needs them. (Dask pickles
    what it makes a token of, unless that is this store itself.) A forked process never deletes them.
    """

    keys: FrozenKeys

    def __init__(self, keys: FrozenKeys) -> None:
        Store.__init__(self, read_only=True)
        self.keys = keys
        self._thaw = weakref.finalize(self, _forget, RedisKeys(keys.url, keys.prefix), keys.held, os.getpid())

    def with_read_only(self, read_only: bool = False) -> FrozenRedisStore:
        # docstring inherited
        if not read_only:
            msg = "frozen values cannot be written: write to the store that they were copied from"
            raise ValueError(msg)
        return self

    def __reduce__(self) -> tuple[object, ...]:
        self._thaw.detach()
        return _adopt, (self.keys,)

    def __dask_tokenize__(self) -> tuple[str, str, str]:
        return type(self).__name__, self.keys.address, self.keys.prefix

    def close(self) -> None:
        # docstring inherited
        self._thaw()
        super().close()


class FrozenKeys(RedisKeys):
    """Hold the copied keys, and raise where one that was there is no longer.

    Parameters
    ----------
    url, prefix : str
        Where the copies are.
    held : frozenset of str
        The keys that were copied.
    lease_s : int
        Seconds that the server was asked to keep them.
    """

    def __init__(self, url: str, prefix: str, *, held: frozenset[str], lease_s: int) -> None:
        super().__init__(url, prefix)
        self.held = held
        self.lease_s = lease_s

    def __reduce__(self) -> tuple[object, ...]:
        return partial(FrozenKeys, self.url, self.prefix, held=self.held, lease_s=self.lease_s), ()

    def read(self, requests: Sequence[tuple[str, ByteRequest | None]]) -> list[bytes | None]:
        # docstring inherited
        values = super().read(requests)
        self._require({key: value is not None for (key, _), value in zip(requests, values, strict=True)})
        return values

    def size(self, key: str) -> int | None:
        # docstring inherited
        nbytes = super().size(key)
        self._require({key: nbytes is not None})
        return nbytes

    def exists(self, key: str) -> bool:
        # docstring inherited
        there = super().exists(key)
        self._require({key: there})
        return there

    def pages(self, prefix: str = "") -> Iterator[list[str]]:
        # docstring inherited
        page = sorted(key for key in self.held if key.startswith(prefix))
        if page:
            with self.errors(), self.client.pipeline(transaction=False) as batch:
                for key in page:
                    batch.exists(self.name(key))
                there = batch.execute()
            self._require(dict(zip(page, there, strict=True)))
            yield page

    def _require(self, there: Mapping[str, bool]) -> None:
        """Raise if a key that was copied is not there any more."""
        lost = [key for key, is_there in there.items() if key in self.held and not is_there]
        if lost:
            msg = (
                f"{len(lost)} of the {len(self.held)} values frozen in {self.address} are gone, {lost[0]!r} the first: "
                f"their lease of {self.lease_s} s is over, the server restarted, or their store is closed: freeze anew."
            )
            raise RuntimeError(msg)


def freeze(store: RedisStore, keys: Iterable[str], *, lease_s: int = 1800) -> FrozenRedisStore:
    """Copy values inside the server at one instant; `RedisStore.freeze` says the rest.

    Parameters
    ----------
    store : RedisStore
        Where the values are.
    keys : iterable of str
        Which of them.
    lease_s : int, default 1800
        Whole seconds for which the server keeps the copies.

    Returns
    -------
    FrozenRedisStore
        The copies.

    Raises
    ------
    OSError
        If there is no room for the copies under the server's ``maxmemory``: see `helpers.redis.require_room`.
    TypeError
        If `keys` is one text, or one of them holds another type of Redis.
    ValueError
        If `lease_s` is not from 1 to 1,000,000,000, or the store is a transaction or frozen already.
    """
    _require_lease(lease_s)
    source = store.keys
    if type(source) is not RedisKeys:
        msg = f"{store!r} cannot be frozen: it is a transaction, or frozen already. Freeze the store it comes from"
        raise ValueError(msg)
    asked = list(dict.fromkeys(listed(keys)))
    if asked:
        require_room(source, asked)
    return copy_values(source, asked, lease_s=lease_s)


def copy_values(source: RedisKeys, keys: Sequence[str], *, lease_s: int = 1800) -> FrozenRedisStore:
    """Do what `freeze` does, for whoever knows that the keys hold strings and that there is room for copies of them.

    Parameters
    ----------
    source : helpers.redis.RedisKeys
        Where the values are.
    keys : sequence of str
        Which of them, each once.
    lease_s : int, default 1800
        Whole seconds for which the server keeps the copies.

    Returns
    -------
    FrozenRedisStore
        The copies.
    """
    copies = RedisKeys(source.url, f"{source.prefix}/frozen/{uuid.uuid4().hex}")
    with source.errors(), source.client.pipeline(transaction=True) as batch:
        for key in keys:
            batch.copy(source.name(key), copies.name(key), replace=True)  # it may have to be sent twice
            batch.expire(copies.name(key), lease_s)
        copied = cast("list[bool]", batch.execute()[::2]) if keys else []
    held = frozenset(key for key, done in zip(keys, copied, strict=True) if done)
    return FrozenRedisStore(FrozenKeys(copies.url, copies.prefix, held=held, lease_s=lease_s))


def _require_lease(lease_s: int) -> None:
    if isinstance(lease_s, bool) or not isinstance(lease_s, int) or not 1 <= lease_s <= LONGEST_LEASE_S:
        msg = f"lease_s is {lease_s!r}: it must be whole seconds, from 1 to {LONGEST_LEASE_S:,}"
        raise ValueError(msg)


def _forget(copies: RedisKeys, held: frozenset[str], owner: int) -> None:
    """Delete the copies; should the server be gone, so are they, and otherwise the lease ends."""
    if os.getpid() != owner:
        return
    with contextlib.suppress(OSError, exceptions.RedisError):
        copies.write(dict.fromkeys(held))


def _adopt(keys: FrozenKeys) -> FrozenRedisStore:
    """Return a frozen store in the process that unpickled it; the lease ends it."""
    store = FrozenRedisStore(keys)
    store._thaw.detach()
    return store
