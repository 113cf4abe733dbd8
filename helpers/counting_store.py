"""Counts what zarr asks of a store, and makes each request take its time.

A store is keys and bytes, and each call to it is a request: on an object store, one HTTP request with its
latency and its price. `CountingStore` counts the requests and bytes that reach the store it wraps;
`SlowStore` makes each of them wait. Either wraps any zarr store, the other one included.
"""
# ruff: noqa: D102 -- the docstrings of store methods are inherited

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from helpers.request_store import RequestStore
from helpers.slow_store import SlowStore
from helpers.units import format_count, format_nbytes

if TYPE_CHECKING:
    from zarr.abc.store import Store

    from helpers.request_store import RequestKind

__all__ = ["CountingStore", "Counts", "SlowStore"]

_KINDS: tuple[RequestKind, ...] = ("read", "write", "delete", "list")


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
        out, into = format_nbytes(self.bytes_read), format_nbytes(self.bytes_written)
        moved = f"{format_count(self.reads, 'read')} ({out}), {format_count(self.writes, 'write')} ({into})"
        return f"{moved}, {format_count(self.deletes, 'delete')}, {format_count(self.lists, 'list')}"

    def __repr__(self) -> str:
        return f"<Counts: {self}>"


class CountingStore(RequestStore):
    """Count the requests and bytes that pass through to a store.

    Wrap the store that an array lives in, read a selection, and look at what that took: the counts are the
    same on every machine, where seconds are not. `helpers.request_store.RequestStore` says what is counted.

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
        """Set all counts to zero.

        Examples
        --------
        >>> from zarr.storage import MemoryStore
        >>> store = CountingStore(MemoryStore())
        >>> store.reset()
        >>> store.counts == Counts()
        True
        """
        self._ledger.reset()

    def toll(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> float:
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
        self.tally: dict[RequestKind, list[int]] = {kind: [0, 0] for kind in _KINDS}

    def reset(self) -> None:
        with self.lock:
            for tally in self.tally.values():
                tally[:] = [0, 0]

    def counts(self) -> Counts:
        with self.lock:
            requests = {f"{kind}s": number for kind, (number, _) in self.tally.items()}
            nbytes = {"bytes_read": self.tally["read"][1], "bytes_written": self.tally["write"][1]}
        return Counts(**requests, **nbytes)

    def __reduce__(self) -> tuple[type[_Ledger], tuple[()]]:
        return _Ledger, ()
