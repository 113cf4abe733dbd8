"""Reads the frames of a ring in a Zarr store: the newest, a window of them, or each as it comes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Self

import numpy as np
import xarray as xr

from helpers.frame_following import Follower
from helpers.frame_window import lazy_frames
from helpers.grids import is_integer
from helpers.redis_ring_reader import RedisRingReader
from helpers.redis_store import RedisStore
from helpers.ring import EMPTY
from helpers.shared_ring import SharedRingReader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from zarr.abc.store import Store

    from helpers.frame_following import Shown

__all__ = ["FrameReader"]

SLICE_S = 0.25
CATCH_S = 2.0
PAUSE_S = 0.001


class FrameReader:
    """Read the frames that a `FrameWriter` publishes, in this process or any other.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the ring is.

    Raises
    ------
    FileNotFoundError
        If there is no ring.

    Notes
    -----
    No frame is torn, none has another's step, and none that has gone is filled in.

    Examples
    --------
    >>> from zarr.storage import MemoryStore
    >>> from helpers.frame_writer import FrameWriter
    >>> store = MemoryStore()
    >>> with FrameWriter(store, (2, 3), slots=10) as writer:
    ...     for n in range(25):
    ...         step = writer.append(np.full((2, 3), n, "uint8"))
    >>> with FrameReader(store) as reader:
    ...     window = reader.window(3)
    ...     window.time.values.tolist(), window.sum(("y", "x")).values.tolist()
    ([22, 23, 24], [132, 138, 144])
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reader = RedisRingReader(store) if isinstance(store, RedisStore) else SharedRingReader(store)
        self._closed = False

    def __repr__(self) -> str:
        return f"<FrameReader: {self._reader.ring}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of each frame."""
        return self._reader.ring.shape

    @property
    def dtype(self) -> np.dtype:
        """What a cell is."""
        return self._reader.ring.dtype.newbyteorder("=")

    @property
    def slots(self) -> int:
        """Frames that are kept."""
        return self._reader.ring.slots

    def latest(self) -> xr.DataArray:
        """Return the newest frame.

        Returns
        -------
        xarray.DataArray
            Of dimensions ``y`` and ``x``; its coordinate ``time`` is the step.

        Raises
        ------
        LookupError
            If there is none yet.
        RuntimeError
            If none can be read for 2 s: the writer is too fast for this store, or a server that evicts has left none.

        Notes
        -----
        It costs the same however many slots there are: in Redis two round trips. If a server has evicted the newest
        frame, it is the newest one left.
        """
        self._require_open()
        return self._as_array(self._latest())

    def window(self, n: int | None = None) -> xr.DataArray:
        """Return the newest frames, to be computed when you like.

        Parameters
        ----------
        n : int, optional
            How many at most; all that the ring holds by default.

        Returns
        -------
        xarray.DataArray
            Of dimensions ``time``, ``y`` and ``x``, on Dask. ``time`` holds the steps, ascending; a step that is
            missing is left out.

        Raises
        ------
        ValueError
            If `n` is no whole number of 1 or more.
        OSError
            If a Redis with a limit of memory has no room for the copy.

        Notes
        -----
        In Redis it is a copy, made inside the server at one instant: it takes memory there until the array is garbage
        collected, half an hour at most. Computed later, or after a restart of the server, it raises RuntimeError.
        Pickled for another process, which may need it longer, it stays for the whole half hour.

        In other stores nothing is copied. What has left the ring by the time it is computed raises RuntimeError.
        """
        self._require_open()
        if n is not None and not (is_integer(n) and n >= 1):
            msg = f"n={n!r} is not allowed. It must be a whole number, 1 or more, or None for all frames."
            raise ValueError(msg)
        source = self._reader.window(n)
        coordinates = {"time": np.array(source.steps, np.int64)}
        return xr.DataArray(lazy_frames(source), coordinates, ("time", "y", "x"), name="frames")

    def follow(self, *, timeout_s: float = 5.0) -> Generator[xr.DataArray]:
        """Yield the newest frame again and again, each as it comes.

        Parameters
        ----------
        timeout_s : float, default 5.0
            How long to wait for a frame. ``math.inf`` waits without end.

        Yields
        ------
        xarray.DataArray
            As from `latest`. Its attribute ``skipped`` says how many frames were published since the one before and
            were not yielded, because you took longer than the writer.

        Raises
        ------
        TimeoutError
            If no frame comes in time.
        ConnectionError
            If the server went away, and did not come back in time.

        Notes
        -----
        It begins with the newest frame that is there, and ends when the writer is closed. In Redis it sleeps until the
        writer publishes; in other stores it looks 20 times a second. In an event loop use `afollow`.
        """
        return self._follow(self._follower(timeout_s))

    async def afollow(self, *, timeout_s: float = 5.0) -> AsyncGenerator[xr.DataArray]:
        """Yield what `follow` yields, and leave the event loop free meanwhile.

        Parameters
        ----------
        timeout_s : float, default 5.0
            As for `follow`.

        Yields
        ------
        xarray.DataArray
            As from `follow`.

        Notes
        -----
        It waits in a thread, a quarter of a second at a time: so long that thread may stay when the task is cancelled.
        """
        follower = self._follower(timeout_s)
        try:
            while not follower.ended:
                shown = await asyncio.to_thread(follower.poll, SLICE_S)
                if shown is not None:
                    yield self._as_array(shown).assign_attrs(skipped=shown.skipped)
        finally:
            follower.close()

    def close(self) -> None:
        """Let those who follow end. Windows stay; the store is yours to close."""
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            msg = "this reader is closed: make a new one."
            raise ValueError(msg)

    def _latest(self) -> Shown:
        """Return the newest frame as it was read; again if the writer replaces it meanwhile."""
        deadline = time.monotonic() + CATCH_S
        while (newest := self._reader.newest()) != EMPTY:
            if shown := self._reader.at(newest):
                return shown
            if self._reader.newest() == newest and (shown := self._reader.newest_there()):
                return shown
            if time.monotonic() > deadline:
                msg = (
                    f"no frame in {self._store} could be read for {CATCH_S:g} s: the writer replaces each meanwhile, "
                    f"or a server that evicts has left none. Keep more slots, or give the server more memory."
                )
                raise RuntimeError(msg)
            time.sleep(PAUSE_S)
        msg = f"there is no frame in {self._store} yet: follow() waits for the first."
        raise LookupError(msg)

    def _follower(self, timeout_s: float) -> Follower:
        self._require_open()
        return Follower(self._reader, timeout_s=timeout_s, is_closed=lambda: self._closed)

    def _follow(self, follower: Follower) -> Generator[xr.DataArray]:
        try:
            while not follower.ended:
                shown = follower.poll(SLICE_S)
                if shown is not None:
                    yield self._as_array(shown).assign_attrs(skipped=shown.skipped)
        finally:
            follower.close()

    def _as_array(self, shown: Shown) -> xr.DataArray:
        cells = self._reader.ring.decode(shown.value)
        return xr.DataArray(cells, {"time": shown.step}, ("y", "x"), name="frames")
