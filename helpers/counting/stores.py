"""Stores that count what zarr asks of a store, and that answer as slowly as one far away.

A store is keys and bytes, and each call to it is a request: on an object store, one HTTP request with its latency and
its price. `CountingStore` counts the requests and bytes that reach the store it wraps; `SlowStore` makes each of them
wait. Either wraps any zarr store, the other one included.

`zarr.storage.WrapperStore` forwards every method to the wrapped store: a subclass that only overrides `get` misses the
byte ranges, sizes, directories and synchronous calls that go past it. `RequestStore` closes those ways.
"""
# ruff: noqa: D102 -- the docstrings of store methods are inherited

from __future__ import annotations

import asyncio
import math
import threading
import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from zarr.abc.store import Store
from zarr.storage import WrapperStore

from helpers.units import format_count, format_nbytes, require_number

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["CountingStore", "Counts", "RequestKind", "RequestStore", "SlowStore"]


type RequestKind = Literal["read", "write", "delete", "list"]


class RequestStore(WrapperStore[Store]):
    """Wrap a store, and notice each request that an object store would get.

    Subclass it and define `on_request`, which is called once for each request that succeeds, and for each size that
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
    ...     def on_request(self, kind, *, nbytes=0, times=1):
    ...         print(kind, nbytes)
    ...         return 0.0
    >>> TalkingStore(MemoryStore()).get_sync("zarr.json")
    read 0
    """

    @abstractmethod
    def on_request(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> float:
        """Take note of requests of one kind.

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
        await self._note("list")
        return empty

    async def clear(self) -> None:
        # docstring inherited
        keys = await _keys_under(self._store, "")
        await self._store.clear()
        await self._note("list")
        await self._note("delete", times=len(keys))

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        # docstring inherited
        value = await self._store.get(key, prototype, byte_range)
        # The busiest path: `_note` written out, which saves a coroutine.
        if wait_s := self.on_request("read", nbytes=0 if value is None else len(value)):
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
        await self._note("read")
        return found

    async def set(self, key: str, value: Buffer) -> None:
        # docstring inherited
        await self._store.set(key, value)
        await self._note("write", nbytes=len(value))

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        # docstring inherited
        await self._store.set_if_not_exists(key, value)
        await self._note("write", nbytes=len(value))

    async def _set_many(self, values: Iterable[tuple[str, Buffer]]) -> None:
        # docstring inherited
        await Store._set_many(self, values)

    async def delete(self, key: str) -> None:
        # docstring inherited
        await self._store.delete(key)
        await self._note("delete")

    async def list(self) -> AsyncIterator[str]:
        # docstring inherited
        await self._note("list")
        async for key in self._store.list():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        # docstring inherited
        await self._note("list")
        async for key in self._store.list_prefix(prefix):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        # docstring inherited
        await self._note("list")
        async for name in self._store.list_dir(prefix):
            yield name

    async def delete_dir(self, prefix: str) -> None:
        # docstring inherited
        # The wrapped store deletes: key by key, LocalStore would keep the empty directories.
        keys = await _keys_under(self._store, prefix)
        await self._store.delete_dir(prefix)
        await self._note("list")
        await self._note("delete", times=len(keys))

    async def _get_many(
        self, requests: Iterable[tuple[str, BufferPrototype, ByteRequest | None]]
    ) -> AsyncGenerator[tuple[str, Buffer | None]]:
        # docstring inherited
        async for key, value in Store._get_many(self, requests):
            yield key, value

    async def get_ranges(
        self, key: str, byte_ranges: Sequence[ByteRequest | None], *, prototype: BufferPrototype, **limits: int | None
    ) -> AsyncIterator[Sequence[tuple[int, Buffer | None]]]:
        # docstring inherited
        # Store merges nearby ranges and asks our `get` for each; the wrapped store would ask past us.
        given: dict[str, int] = {name: limit for name, limit in limits.items() if limit is not None}
        async for group in Store.get_ranges(self, key, byte_ranges, prototype=prototype, **given):
            yield group

    async def getsize(self, key: str) -> int:
        # docstring inherited
        await self._note("read")
        return await self._store.getsize(key)

    # The same without an event loop. Store.get_ranges_sync asks our get_sync.

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        # docstring inherited
        value = super().get_sync(key, prototype=prototype, byte_range=byte_range)
        self._note_sync("read", nbytes=0 if value is None else len(value))
        return value

    def set_sync(self, key: str, value: Buffer) -> None:
        # docstring inherited
        super().set_sync(key, value)
        self._note_sync("write", nbytes=len(value))

    def delete_sync(self, key: str) -> None:
        # docstring inherited
        super().delete_sync(key)
        self._note_sync("delete")

    async def _note(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> None:
        if wait_s := self.on_request(kind, nbytes=nbytes, times=times):
            await asyncio.sleep(wait_s)

    def _note_sync(self, kind: RequestKind, *, nbytes: int = 0) -> None:
        if wait_s := self.on_request(kind, nbytes=nbytes):
            time.sleep(wait_s)


async def _keys_under(store: Store, prefix: str) -> list[str]:
    directory = prefix if prefix == "" or prefix.endswith("/") else f"{prefix}/"
    return [key async for key in store.list_prefix(directory)]


def _name(store: Store) -> str:
    kind = type(store).__name__
    return f"{kind}({_name(store._store)})" if isinstance(store, RequestStore) else kind


class SlowStore(RequestStore):
    """Make each request to a store wait, as if the store were far away.

    Show on one machine, without a network, what distance does to a layout or an access pattern.
    `helpers.counting.RequestStore` says what is one request.

    Parameters
    ----------
    store : zarr.abc.store.Store
        The store to wrap: any zarr store, another wrapper included.
    latency_s : float
        Seconds that each request waits, at least 0. Requests under way at once wait side by side.
    bandwidth_Bps : float, optional
        Bytes per second of the link to the store, above 0. All requests share the link: their bytes pass one
        after the other. Without it the link has no limit.

    Raises
    ------
    TypeError, ValueError
        If `latency_s` is not a finite number, 0 or more, or `bandwidth_Bps` not one above 0.

    Notes
    -----
    The waits come on top of the wrapped store's own time. Keys of a directory are deleted one after the
    other, as zarr does by default. Copies made through `with_read_only` share the link; a pickled copy gets
    its own.

    Examples
    --------
    >>> import time
    >>> from zarr.storage import MemoryStore
    >>> store = SlowStore(MemoryStore(), latency_s=0.05)
    >>> store
    SlowStore(MemoryStore, latency_s=0.05, bandwidth_Bps=None)
    >>> begin = time.perf_counter()
    >>> store.get_sync("zarr.json")
    >>> time.perf_counter() - begin >= 0.05
    True
    """

    def __init__(self, store: Store, *, latency_s: float, bandwidth_Bps: float | None = None) -> None:  # noqa: N803
        super().__init__(store)
        self.latency_s = latency_s
        self.bandwidth_Bps = bandwidth_Bps
        self._link = _Link(latency_s, bandwidth_Bps)

    @classmethod
    async def open(cls, store_cls: type[Store], *args: Any, **kwargs: Any) -> Self:
        # docstring inherited
        pace = {name: kwargs.pop(name) for name in ("latency_s", "bandwidth_Bps") if name in kwargs}
        store = store_cls(*args, **kwargs)
        await store._open()
        return cls(store, **pace)

    def _with_store(self, store: Store) -> Self:
        # docstring inherited
        same = type(self)(store, latency_s=self.latency_s, bandwidth_Bps=self.bandwidth_Bps)
        same._link = self._link
        return same

    def __repr__(self) -> str:
        inner = super().__repr__().removeprefix("SlowStore(").removesuffix(")")
        return f"SlowStore({inner}, latency_s={self.latency_s}, bandwidth_Bps={self.bandwidth_Bps})"

    def on_request(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> float:  # noqa: ARG002
        # docstring inherited
        return self._link.wait_s(nbytes=nbytes, times=times)


class _Link:
    """The way to a store: its latency, and the moment at which its bytes so far have passed."""

    def __init__(self, latency_s: float, bandwidth_Bps: float | None) -> None:  # noqa: N803
        require_number("latency_s", latency_s, ok=lambda x: 0 <= x < math.inf, allowed="finite, 0 or more")
        if bandwidth_Bps is not None:
            require_number("bandwidth_Bps", bandwidth_Bps, ok=lambda x: x > 0, allowed="above 0, or None for no limit")
        self.latency_s = latency_s
        self.bandwidth_Bps = bandwidth_Bps
        self.lock = threading.Lock()
        self.free_at = 0.0

    def wait_s(self, *, nbytes: int, times: int) -> float:
        latency_s = self.latency_s * times
        if self.bandwidth_Bps is None or nbytes == 0:
            return latency_s
        now = time.monotonic()
        with self.lock:
            self.free_at = max(self.free_at, now + latency_s) + nbytes / self.bandwidth_Bps
            return self.free_at - now

    def __reduce__(self) -> tuple[type[_Link], tuple[float, float | None]]:
        return _Link, (self.latency_s, self.bandwidth_Bps)


@dataclass(frozen=True, repr=False, kw_only=True)
class Counts:
    """Hold the requests and bytes that a `CountingStore` had counted at one moment.

    Parameters
    ----------
    reads, writes, deletes, lists : int
        Requests of each kind.
    bytes_read, bytes_written : int
        Bytes of the values that came out of and went into the store.

    Examples
    --------
    >>> Counts(reads=200, bytes_read=64_000_000)
    <Counts: 200 reads (64.0 MB), 0 writes (0 B), 0 deletes, 0 lists>
    """

    reads: int = 0
    writes: int = 0
    deletes: int = 0
    lists: int = 0
    bytes_read: int = 0
    bytes_written: int = 0

    def __str__(self) -> str:
        reads = f"{format_count(self.reads, 'read')} ({format_nbytes(self.bytes_read)})"
        writes = f"{format_count(self.writes, 'write')} ({format_nbytes(self.bytes_written)})"
        return f"{reads}, {writes}, {format_count(self.deletes, 'delete')}, {format_count(self.lists, 'list')}"

    def __repr__(self) -> str:
        return f"<Counts: {self}>"


class CountingStore(RequestStore):
    """Count the requests and bytes that pass through to a store.

    Wrap the store that an array lives in, read a selection, and look at what that took: the counts are the
    same on every machine, where seconds are not. `helpers.counting.RequestStore` says what is counted.

    Parameters
    ----------
    store : zarr.abc.store.Store
        The store to wrap: any zarr store, another wrapper included.

    Attributes
    ----------
    reads, writes, deletes, lists : int
        Requests of each kind since the store was made or last `reset`.
    bytes_read, bytes_written : int
        Bytes of the values that came out of and went into the store.
    counts : Counts
        All of these at one moment.

    Notes
    -----
    A request that raises is not counted, other than the size of a missing key.

    Copies that stand for the same store share one set of counts: `zarr.open(store, mode="r")` makes such a
    copy through `with_read_only`. A pickled copy, such as a Dask worker gets, starts from zero and counts for
    itself: what happens in another process does not come back.

    Counts are kept under a lock: none is lost when threads share the store.

    Examples
    --------
    >>> import numpy as np, zarr
    >>> from zarr.storage import MemoryStore
    >>> store = CountingStore(MemoryStore())
    >>> cube = zarr.create_array(store, data=np.ones((20, 30, 40)), chunks=(1, 30, 40), compressors=None)
    >>> store.reset()
    >>> _ = cube[:, 0, 0]
    >>> store.reads, store.bytes_read
    (20, 192000)
    >>> store
    CountingStore(MemoryStore): 20 reads (192.0 kB), 0 writes (0 B), 0 deletes, 0 lists
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._ledger = _Ledger()

    def _with_store(self, store: Store) -> Self:
        # docstring inherited
        same = type(self)(store)
        same._ledger = self._ledger
        return same

    def __repr__(self) -> str:
        return f"{super().__repr__()}: {self.counts}"

    @property
    def counts(self) -> Counts:
        """All counts at one moment."""
        return self._ledger.counts()

    @property
    def reads(self) -> int:
        """Read requests."""
        return self._ledger.tally["read"][0]

    @property
    def writes(self) -> int:
        """Write requests."""
        return self._ledger.tally["write"][0]

    @property
    def deletes(self) -> int:
        """Delete requests."""
        return self._ledger.tally["delete"][0]

    @property
    def lists(self) -> int:
        """List requests."""
        return self._ledger.tally["list"][0]

    @property
    def bytes_read(self) -> int:
        """Bytes read."""
        return self._ledger.tally["read"][1]

    @property
    def bytes_written(self) -> int:
        """Bytes written."""
        return self._ledger.tally["write"][1]

    def reset(self) -> None:
        """Set all counts to zero, also those of copies."""
        self._ledger.reset()

    def on_request(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> float:
        # docstring inherited
        ledger = self._ledger
        tally = ledger.tally[kind]
        with ledger.lock:
            tally[0] += times
            tally[1] += nbytes
        return 0.0


class _Ledger:
    """The counts that all copies of one store share: for each kind of request, its number and its bytes."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tally: dict[RequestKind, list[int]] = {"read": [0, 0], "write": [0, 0], "delete": [0, 0], "list": [0, 0]}

    def reset(self) -> None:
        with self.lock:
            for tally in self.tally.values():
                tally[:] = [0, 0]

    def counts(self) -> Counts:
        with self.lock:
            requests = {f"{kind}s": number for kind, (number, _) in self.tally.items()}
            return Counts(**requests, bytes_read=self.tally["read"][1], bytes_written=self.tally["write"][1])

    def __reduce__(self) -> tuple[type[_Ledger], tuple[()]]:
        return _Ledger, ()
