"""Publishes frames into a bounded ring in a Zarr store, while they are made."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from helpers.redis_ring_writer import RedisRingWriter
from helpers.redis_store import RedisStore
from helpers.redis_transaction import RedisTransaction
from helpers.ring import Ring
from helpers.shared_ring import SharedRingWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from zarr.abc.store import Store

__all__ = ["FrameWriter"]


class FrameWriter:
    """Publish frames into a ring in a Zarr store.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the ring is, or will be: an empty store, or one with a ring of the same shape, dtype and slots, whose
        numbering goes on.
    shape : sequence of int
        Rows and columns of each frame.
    dtype : dtype-like, default "uint8"
        What a cell is: one of `helpers.ring.DTYPES`.
    slots : int, default 200
        Frames that are kept.

    Raises
    ------
    TypeError, ValueError
        If there can be no such ring, or the store holds something else.
    OSError
        If the ring does not fit into the memory of a Redis that has a limit (``maxmemory``); the message does the sum.
        Also what `helpers.redis_client.clear_errors` raises.

    Notes
    -----
    In Redis a frame and its label become visible at one instant: no reader can see half of it. A frame takes one round
    trip. A server that is restarted empty is noticed in the same one: the ring is made anew, and numbering goes on.

    A ring has one writer. In Redis a new one takes over, and the next `append` of the one before raises.

    Other stores write one key at a time. There a frame loses its label while it is replaced, and readers check labels
    before and after. That holds where a store replaces a value as a whole and shows writes in their order: memory,
    local files, one object store. It does not hold for caches between writer and reader, nor for network file systems
    that delay what others see; and of two writers both can go wrong before one is told.

    Where other data fills a Redis that evicts (``maxmemory-policy``), frames can go missing. Readers leave them out.

    Examples
    --------
    >>> import numpy as np
    >>> from zarr.storage import MemoryStore
    >>> store = MemoryStore()
    >>> with FrameWriter(store, (2, 3), slots=10) as writer:
    ...     for n in range(25):
    ...         step = writer.append(np.full((2, 3), n, "uint8"))
    >>> step, writer
    (24, <FrameWriter: 10 slots for frames of 2 x 3 uint8, newest step 24>)
    """

    def __init__(self, store: Store, shape: Sequence[int], *, dtype: npt.DTypeLike = "uint8", slots: int = 200) -> None:
        self._ring = Ring.of(shape, dtype=dtype, slots=slots)
        if store.read_only or isinstance(store, RedisTransaction):
            msg = f"{store!r} cannot take frames as they come: it is read-only, or a transaction."
            raise ValueError(msg)
        self._busy = threading.Lock()
        self._closed = False
        self._writer: RedisRingWriter | SharedRingWriter
        if isinstance(store, RedisStore):
            self._writer = RedisRingWriter(store, self._ring)
        else:
            self._writer = SharedRingWriter(store, self._ring)

    def __repr__(self) -> str:
        return f"<FrameWriter: {self._ring}, newest step {self.newest}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def newest(self) -> int:
        """The newest step, -1 before the first."""
        return self._writer.newest

    def append(self, frame: npt.ArrayLike) -> int:
        """Publish a frame.

        Parameters
        ----------
        frame : array-like
            Of the shape of the ring, and of a dtype that its dtype can hold without loss.

        Returns
        -------
        int
            Its step.

        Raises
        ------
        TypeError, ValueError
            If the frame does not fit.
        RuntimeError
            If another writer has taken over.
        ConnectionError, TimeoutError, OSError
            If the server is not there or does not take it. The next `append` tries again.
        """
        value = self._ring.encode(frame)
        with self._busy:
            if self._closed:
                msg = "this writer is closed: make a new one, which goes on with the next step."
                raise ValueError(msg)
            return self._writer.append(value)

    def close(self) -> None:
        """End the stream: followers stop without an error. The frames stay."""
        with self._busy:
            if not self._closed:
                self._closed = True
                self._writer.close()
