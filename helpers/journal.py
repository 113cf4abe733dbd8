"""Keeps every state that a store has been in: what a reader could have seen, and what a killed writer would leave.

A writer changes a store one key at a time. Between two changes a reader may come by, or the writer may be killed.
A `Journal` is the dictionary of a `zarr.storage.MemoryStore` that notes each change, so that each of these moments
can be looked at afterwards, without luck and without waiting.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from zarr.storage import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zarr.core.buffer import Buffer

__all__ = ["Journal"]


class Journal(dict[str, "Buffer"]):
    """Hold keys and values, and note each change.

    Attributes
    ----------
    changes : list of (str, Buffer or None)
        Each key that was written, with its new value, or deleted, with None; the earliest first.

    Notes
    -----
    Values are kept as they were written, so that a journal of many large chunks takes much memory. Changes that
    threads make at once are noted one after the other, in one of the orders that they could have had.

    Examples
    --------
    >>> import zarr
    >>> journal = Journal()
    >>> z = zarr.create_array(MemoryStore(journal), shape=4, chunks=2, dtype="u1", fill_value=0)
    >>> z[:2] = 1
    >>> z[2:] = 1
    >>> [key for key, _ in journal.changes]
    ['zarr.json', 'c/0', 'c/1']
    >>> [zarr.open_array(store)[:].tolist() for store in journal.moments()]
    [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]
    """

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[str, Buffer | None]] = []
        self._lock = threading.Lock()

    def __setitem__(self, key: str, value: Buffer) -> None:
        """Write a value."""
        with self._lock:
            super().__setitem__(key, value)
            self.changes.append((key, value))

    def __delitem__(self, key: str) -> None:
        """Delete a key."""
        with self._lock:
            super().__delitem__(key)
            self.changes.append((key, None))

    def setdefault(self, key: str, default: Buffer) -> Buffer:
        """Write a value where there is none, and return what is there then."""
        with self._lock:
            if key not in self:
                super().__setitem__(key, default)
                self.changes.append((key, default))
            return self[key]

    def moments(self, since: int = 0) -> Iterator[MemoryStore]:
        """Yield the store as it was after each change.

        Parameters
        ----------
        since : int, default 0
            How many changes to leave out: ``len(journal.changes)``, taken before what is of interest.

        Yields
        ------
        zarr.storage.MemoryStore
            A store of its own, which can be written to without changing what comes after.
        """
        state: dict[str, Buffer] = {}
        for number, (key, value) in enumerate(list(self.changes), 1):
            if value is None:
                del state[key]
            else:
                state[key] = value
            if number > since:
                yield MemoryStore(dict(state))
