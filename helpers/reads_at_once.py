"""Counts how many reads are under way at once, of a store and of a file, both far away."""
# ruff: noqa: D102 -- the docstrings of store and file methods are inherited

from __future__ import annotations

import io
import math
import threading
import time
from typing import TYPE_CHECKING, Self

from helpers.request_store import RequestStore
from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Buffer

    from zarr.abc.store import Store

    from helpers.request_store import RequestKind

__all__ = ["AtOnceFile", "AtOnceStore"]


class AtOnceStore(RequestStore):
    """Make each read of a store wait, and count how many wait at once.

    Parameters
    ----------
    store : zarr.abc.store.Store
        The store to wrap: any zarr store, another wrapper included.
    latency_s : float, default 0.05
        Seconds that each read waits. Reads under way at once wait side by side.

    Attributes
    ----------
    most : int
        The most reads that were under way at once since the store was made or last `reset`.

    Raises
    ------
    TypeError, ValueError
        If `latency_s` is not a finite number, 0 or more.

    Notes
    -----
    A read counts as under way for `latency_s` from the moment at which the store has been asked. Copies made
    through `with_read_only` share the count; a pickled copy begins its own.

    Examples
    --------
    >>> import numpy as np, zarr
    >>> from zarr.storage import MemoryStore
    >>> memory = MemoryStore()
    >>> _ = zarr.create_array(memory, data=np.arange(12), chunks=4)
    >>> far = AtOnceStore(memory)
    >>> z = zarr.open_array(far, mode="r")
    >>> far.reset()
    >>> _ = z[:]
    >>> far.most
    3
    """

    def __init__(self, store: Store, *, latency_s: float = 0.05) -> None:
        super().__init__(store)
        self._waiting = _Waiting(latency_s)

    def _with_store(self, store: Store) -> Self:
        # docstring inherited
        same = type(self)(store, latency_s=self._waiting.latency_s)
        same._waiting = self._waiting
        return same

    @property
    def most(self) -> int:
        """The most reads at once."""
        return self._waiting.most

    def reset(self) -> None:
        """Begin to count anew.

        Examples
        --------
        >>> from zarr.storage import MemoryStore
        >>> store = AtOnceStore(MemoryStore())
        >>> store.reset()
        >>> store.most
        0
        """
        self._waiting.reset()

    def toll(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> float:  # noqa: ARG002
        # docstring inherited
        if kind != "read":
            return 0.0
        self._waiting.begin()
        return self._waiting.latency_s


class AtOnceFile(io.BytesIO):
    """Hold the bytes of a file, make each read of them wait, and count how many wait at once.

    Parameters
    ----------
    contents : bytes-like
        What the file holds.
    latency_s : float, default 0.05
        Seconds that each read waits.

    Attributes
    ----------
    most : int
        The most reads that were under way at once since the file was made or last `reset`.

    Raises
    ------
    TypeError, ValueError
        If `latency_s` is not a finite number, 0 or more.

    Notes
    -----
    For `h5py.File`, which reads through `readinto`. Close the `h5py.File` before Python ends: HDF5 may crash while it
    closes a Python file that is gone.

    Examples
    --------
    >>> file = AtOnceFile(b"abc", latency_s=0)
    >>> file.readinto(bytearray(2)), file.most
    (2, 1)
    """

    def __init__(self, contents: Buffer, *, latency_s: float = 0.05) -> None:
        super().__init__(contents)
        self._waiting = _Waiting(latency_s)

    @property
    def most(self) -> int:
        """The most reads at once."""
        return self._waiting.most

    def reset(self) -> None:
        """Begin to count anew.

        Examples
        --------
        >>> file = AtOnceFile(b"abc")
        >>> file.reset()
        >>> file.most
        0
        """
        self._waiting.reset()

    def readinto(self, buffer: Buffer, /) -> int:
        # docstring inherited
        self._waiting.begin()
        time.sleep(self._waiting.latency_s)
        return super().readinto(buffer)


class _Waiting:
    """When each read under way will be done, and how many there were at most."""

    def __init__(self, latency_s: float) -> None:
        require_number("latency_s", latency_s, ok=lambda s: 0 <= s < math.inf, allowed="finite, 0 or more")
        self.latency_s = latency_s
        self.lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self.lock:
            self.ends: list[float] = []
            self.most = 0

    def begin(self) -> None:
        now = time.monotonic()
        with self.lock:
            self.ends = [end for end in self.ends if end > now] + [now + self.latency_s]
            self.most = max(self.most, len(self.ends))

    def __reduce__(self) -> tuple[type[_Waiting], tuple[float]]:
        return _Waiting, (self.latency_s,)
