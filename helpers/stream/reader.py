"""Reads a ring of frames in Redis: the newest frame, a window of them, or each as it comes.

A frame is read with its label at one instant. A window is a copy, made inside the server at one instant: a lazy array,
which other processes can compute; or it is read at once. Whoever follows sleeps until the writer publishes (pub/sub).
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
import uuid
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from zarr.abc.store import RangeByteRequest

from helpers.stream.memory import require_room_for_window
from helpers.stream.ring import (
    DOCUMENTS,
    EMPTY,
    FRAMES,
    GROUP,
    NEWEST,
    TIME,
    has_ended,
    label_range,
    labels_from,
    newest_steps,
    require_ring,
    require_same,
    step_from,
)
from helpers.stream.writer import END, NOTHING, channel
from helpers.units import format_seconds, is_integer, require_number

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping, Sequence

    import dask.array as da
    import xarray as xr
    from redis.client import PubSub

    from helpers.redis import FrozenKeys, RedisKeys, RedisStore
    from helpers.stream.ring import Frame, Ring

__all__ = ["FrameReader", "Notifications"]

TASK_NBYTES = 12 * 2**20
REQUEST_NBYTES = 2 * 2**20  # larger ones are not faster, and fill a server that has little memory
RETRY_S = 0.1
AT_ONCE = 1000
SLICE_S = 0.25
CATCH_S = 2.0
PAUSE_S = 0.001


class Shown(NamedTuple):
    """A frame as it was read: its step, its bytes, and how many were published unseen since the one before."""

    step: int
    value: bytes
    skipped: int = 0


class Notification(NamedTuple):
    """What a writer says: its newest step, None if only a look at the ring will tell; whether the stream has ended."""

    step: int | None
    ended: bool = False


class Notifications:
    """Wait for what the writer of a ring publishes, without asking again and again.

    Parameters
    ----------
    keys : helpers.redis.RedisKeys
        Where the ring is.

    Notes
    -----
    A subscription that begins is a notification by itself, for frames may have passed by before. So is one that
    redis-py begins anew because the server was restarted.
    """

    def __init__(self, keys: RedisKeys) -> None:
        self._keys = keys
        self._subscription: PubSub | None = None

    def wait(self, within_s: float) -> Notification | None:
        """Return the latest notification, None if there is none within so many seconds."""
        try:
            with self._keys.errors():
                if self._subscription is None:
                    self._subscription = self._keys.client.pubsub()  # type: ignore[no-untyped-call]
                    self._subscription.subscribe(channel(self._keys))
                subscription = self._subscription
                first = subscription.get_message(timeout=within_s)
                rest = iter(lambda: subscription.get_message(timeout=0), None)
                return None if first is None else _latest([first, *islice(rest, AT_ONCE)])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop to listen."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()


def _latest(messages: Sequence[Mapping[str, object]]) -> Notification:
    """Return what the messages amount to."""
    latest = Notification(None)
    for message in messages:
        said = message["data"] if message["type"] == "message" else b""
        if said == END:
            latest = latest._replace(ended=True)
        else:
            latest = Notification(int(said) if isinstance(said, bytes) and said.isdigit() else None)
    return latest


class Follower:
    """Return frames one by one as they come, each within `timeout_s` from when it is asked for, until it has `ended`.

    Two threads may use it: one that polls, and one that closes it, or the reader, meanwhile. The one that is done last
    ends the subscription.
    """

    def __init__(self, reader: FrameReader, *, timeout_s: float) -> None:
        require_number("timeout_s", timeout_s, ok=lambda x: x > 0, allowed="above 0; math.inf waits without end")
        self.ended = False
        self._reader, self._notifications = reader, Notifications(reader.keys)
        self._timeout_s, self._deadline = timeout_s, math.inf
        self._unread: Notification | None = None  # the one of which the frame could not be read yet
        self._last = EMPTY
        self._last_one = False
        self._closing = False
        self._busy = threading.Lock()

    def poll(self, within_s: float) -> Shown | None:
        """Return the next frame, or None if none comes within so many seconds or the stream has ended.

        Raises
        ------
        TimeoutError
            If none came within ``timeout_s``, over all polls since the last one.
        ConnectionError
            If the server does not come back within that time.
        """
        try:
            with self._busy:
                shown = None if self._is_over() else self._next(within_s)
        finally:
            if self._closing:
                self.close()
        if shown is not None:
            self._last, self._deadline = shown.step, math.inf
        return shown

    def close(self) -> None:
        """Stop to listen, now or at the end of the poll that is under way."""
        self._closing = self.ended = True
        if self._busy.acquire(blocking=False):
            try:
                self._notifications.close()
            finally:
                self._busy.release()

    def _is_over(self) -> bool:
        self.ended = self.ended or self._last_one or self._reader.closed
        return self.ended

    def _next(self, within_s: float) -> Shown | None:
        now = time.monotonic()
        if self._deadline == math.inf:
            self._deadline = now + self._timeout_s
        try:
            shown = self._look(max(0.0, min(within_s, self._deadline - now)))
        except ConnectionError:
            if time.monotonic() >= self._deadline:
                raise
            time.sleep(min(RETRY_S, within_s))
            return None
        if shown is None and not self._is_over() and time.monotonic() >= self._deadline:
            raise TimeoutError(self._silence())
        return shown

    def _look(self, within_s: float) -> Shown | None:
        """Wait for a notification, and return the frame if it is a new one."""
        latest = self._unread = self._unread or self._notifications.wait(within_s)
        if latest is None:
            return None
        ended, shown = latest.ended, None
        if latest.step is not None and latest.step > self._last:
            shown = self._reader.at(latest.step)
        if shown is None:
            newest, ended = self._reader.state()
            shown = self._reader.at(newest) if newest not in (EMPTY, self._last) else None
        self._unread, self._last_one = None, ended
        return None if shown is None else shown._replace(skipped=self._skipped(shown.step))

    def _skipped(self, step: int) -> int:
        """Return how many frames went by unseen; a step below the last one belongs to a stream that began anew."""
        if self._last == EMPTY:
            return 0
        return step - self._last - 1 if step > self._last else step

    def _silence(self) -> str:
        waited = format_seconds(self._timeout_s)
        since = "in a ring that has none yet" if self._last == EMPTY else f"since step {self._last}"
        return (
            f"no frame for {waited} {since}: the writer has stopped, is slower than that, or its server was restarted. "
            f"See whether it runs; follow(timeout_s=...) waits longer."
        )


class Window:
    """Hold copies of frames, of ascending steps, as an array of (frames, rows, columns), read when asked for."""

    ndim = 3

    def __init__(self, copies: FrozenKeys, ring: Ring, steps: tuple[int, ...]) -> None:
        self.copies, self.ring, self.steps = copies, ring, steps
        self.shape = (len(steps), *ring.shape)
        self.dtype = ring.dtype.newbyteorder("=")

    def __getitem__(self, selection: slice | int | tuple[slice | int, ...]) -> Frame:
        which, *rest = selection if isinstance(selection, tuple) else (selection,)
        picked = np.array(self.steps)[which]
        frames = self._read(np.atleast_1d(picked).tolist())
        cells: Frame = frames[(slice(None) if picked.ndim else 0, *rest)]
        return cells

    def lazy(self) -> da.Array:
        """Return the frames as a Dask array, with chunks of several frames, about 12 MiB each."""
        import dask.array as da  # here: a program that only writes starts in half the time

        many = max(1, TASK_NBYTES // self.ring.nbytes)
        return da.from_array(  # type: ignore[no-untyped-call, no-any-return]
            self,
            chunks=(many, *self.ring.shape),
            # Without a name Dask pickles this object to find one, and the copies of a pickled one stay.
            name=f"window-{uuid.uuid4().hex}",
            meta=np.empty((0, 0, 0), self.dtype),
            fancy=False,
        )

    def _read(self, steps: Sequence[int]) -> Frame:
        frames = np.empty((len(steps), *self.ring.shape), self.dtype)
        many = max(1, REQUEST_NBYTES // self.ring.nbytes)
        for begin in range(0, len(steps), many):
            some = steps[begin : begin + many]
            values = self.copies.read([(self.ring.frame_key(step), None) for step in some])
            for frame, value in zip(frames[begin:], values, strict=False):
                self.ring.decode(value or b"", out=frame)
        return frames


class FrameReader:
    """Read the frames that a `FrameWriter` publishes, in this process or any other.

    Parameters
    ----------
    store : helpers.redis.RedisStore
        Where the ring is.

    Attributes
    ----------
    ring : helpers.stream.Ring
        The ring.
    shape : tuple of int
        Rows and columns of each frame.
    dtype : numpy.dtype
        What a cell is.
    slots : int
        Frames that are kept.
    closed : bool
        Whether it was closed.

    Raises
    ------
    FileNotFoundError
        If there is no ring.

    Notes
    -----
    No frame is torn, none has another's step, and none that has gone is filled in.

    Examples
    --------
    >>> from helpers.redis import RedisStore
    >>> from helpers.servers import redis_server
    >>> from helpers.stream import FrameWriter
    >>> with redis_server() as server, RedisStore(server.url) as store, FrameWriter(store, (2, 3), slots=10) as writer:
    ...     for n in range(25):
    ...         step = writer.append(np.full((2, 3), n, "uint8"))
    ...     window = FrameReader(store).window(3)
    ...     window.time.values.tolist(), window.sum(("y", "x")).values.tolist()
    ([22, 23, 24], [132, 138, 144])
    """

    def __init__(self, store: RedisStore) -> None:
        self.keys = store.keys
        self._where = str(store)
        documents = dict(zip(DOCUMENTS, store.read_many(DOCUMENTS), strict=True))
        self.ring = require_ring(documents, where=self._where)
        self.shape, self.slots = self.ring.shape, self.ring.slots
        self.dtype = self.ring.dtype.newbyteorder("=")
        self.closed = False
        self._frames = documents[FRAMES]

    def __repr__(self) -> str:
        return f"<FrameReader: {self.ring}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
            If none can be read for 2 s: the writer replaces each meanwhile, or a server that evicts has left none.

        Notes
        -----
        It takes two round trips, however many slots there are. If a server has evicted the newest
        frame, it is the newest one left.
        """
        self._require_open()
        return self._as_array(self._latest())

    def window(self, n: int | None = None, *, lazy: bool = True) -> xr.DataArray:
        """Return the newest frames, to be computed when you like, or read at once.

        Parameters
        ----------
        n : int, optional
            How many at most; all that the ring holds by default.
        lazy : bool, default True
            Whether to copy the frames inside the server and fetch them when they are computed, here or in other
            processes. Otherwise they are fetched now, without a copy: faster, where all of them fit into memory.

        Returns
        -------
        xarray.DataArray
            Of dimensions ``time``, ``y`` and ``x``, on Dask if it is lazy. ``time`` holds the steps, ascending; a step
            that is missing is left out.

        Raises
        ------
        ValueError
            If `n` is no whole number of 1 or more.
        OSError
            If a Redis with a limit of memory has no room for the copy.

        Notes
        -----
        All frames are of one instant. A lazy window is a copy inside the server, where it takes memory until the array
        is garbage collected, half an hour at most. Computed later, or after a restart of the server, it raises
        RuntimeError. Pickled for another process, which may need it longer, it stays for the whole half hour.
        """
        import xarray as xr

        self._require_open()
        if n is not None and not (is_integer(n) and n >= 1):
            msg = f"n={n!r} is not allowed. It must be a whole number, 1 or more, or None for all frames."
            raise ValueError(msg)
        cells: da.Array | Frame
        if lazy:
            window = self._copy(n)
            steps, cells = window.steps, window.lazy()
        else:
            steps, cells = self._read_now(n)
        coordinates = {"time": np.array(steps, np.int64)}
        return xr.DataArray(cells, coordinates, ("time", "y", "x"), name="frames")

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
        It begins with the newest frame that is there, and ends when the writer is closed. It sleeps until the writer
        publishes. In an event loop use `afollow`.
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
        self.closed = True

    def state(self) -> tuple[int, bool]:
        """Return the newest step, -1 before the first, and whether the stream has ended."""
        newest, group = self.keys.read([(NEWEST, None), (GROUP, None)])
        return step_from(newest), has_ended(group)

    def at(self, step: int) -> Shown | None:
        """Return a step, or the later one that lies in its slot by now; None if neither is there."""
        label = RangeByteRequest(*label_range(self.ring.slot(step)))
        value, frames, time = self.keys.read([(self.ring.frame_key(step), None), (FRAMES, None), (TIME, label)])
        require_same(frames, self._frames, where=self._where)
        there = step_from(time)
        return None if value is None or there < step else Shown(there, value)

    def _latest(self) -> Shown:
        """Return the newest frame; again if the writer goes on meanwhile."""
        deadline = time.monotonic() + CATCH_S
        newest = self.keys.read([(NEWEST, None)])[0]
        while (step := step_from(newest)) != EMPTY:
            before = newest
            asked = [(self.ring.frame_key(step), None), (FRAMES, None), (NEWEST, None)]
            value, frames, newest = self.keys.read(asked)
            require_same(frames, self._frames, where=self._where)
            if value is not None and newest == before:
                return Shown(step, value)  # nothing but the newest step lies in its slot
            if shown := self.at(step) or (self._newest_left() if newest == before else None):
                return shown
            if time.monotonic() > deadline:
                msg = (
                    f"no frame in {self._where} could be read for {CATCH_S:g} s: the writer replaces each meanwhile, "
                    f"or a server that evicts has left none. Keep more slots, or give the server more memory."
                )
                raise RuntimeError(msg)
            time.sleep(PAUSE_S)
        msg = f"there is no frame in {self._where} yet: follow() waits for the first."
        raise LookupError(msg)

    def _newest_left(self) -> Shown | None:
        """Return the newest frame that a server that evicts has left, None if it has left none."""
        steps = newest_steps(labels_from(self.keys.read([(TIME, None)])[0]))[::-1]
        there = self.keys.read([(self.ring.frame_key(step), NOTHING) for step in steps])
        kept = (self.at(step) for step, value in zip(steps, there, strict=True) if value is not None)
        return next(filter(None, kept), None)

    def _copy(self, n: int | None) -> Window:
        """Copy the newest frames, all for None, as they are at one instant."""
        keys, ring = self.keys, self.ring
        labels = labels_from(keys.read([(TIME, None)])[0])
        steps = newest_steps(labels, n)
        require_room_for_window(keys, ring, copies=len(steps), held=len(newest_steps(labels)))
        copies = keys.copy([FRAMES, TIME, *map(ring.frame_key, steps)])
        frames, time = copies.read([(FRAMES, None), (TIME, None)])
        require_same(frames, self._frames, where=self._where)
        # The writer may have gone on before the copy: which step a copied slot holds, only the copied labels say.
        there = (step for step in newest_steps(labels_from(time)) if ring.frame_key(step) in copies.held)
        return Window(copies, ring, tuple(there))

    def _read_now(self, n: int | None) -> tuple[tuple[int, ...], Frame]:
        """Return the steps of the newest frames, all for None, and the frames, as they are at one instant."""
        keys = [self.ring.frame_key(step) for step in newest_steps(labels_from(self.keys.read([(TIME, None)])[0]), n)]
        frames, time, *values = self.keys.read([(key, None) for key in (FRAMES, TIME, *keys)])
        require_same(frames, self._frames, where=self._where)
        held = {key: value for key, value in zip(keys, values, strict=True) if value is not None}
        # The writer may have gone on: which step a slot holds, only the labels say that were read with it.
        steps = tuple(step for step in newest_steps(labels_from(time)) if self.ring.frame_key(step) in held)
        cells = np.empty((len(steps), *self.shape), self.dtype)
        for cell, step in zip(cells, steps, strict=True):
            self.ring.decode(held[self.ring.frame_key(step)], out=cell)
        return steps, cells

    def _require_open(self) -> None:
        if self.closed:
            msg = "this reader is closed: make a new one."
            raise ValueError(msg)

    def _follower(self, timeout_s: float) -> Follower:
        self._require_open()
        return Follower(self, timeout_s=timeout_s)

    def _follow(self, follower: Follower) -> Generator[xr.DataArray]:
        try:
            while not follower.ended:
                if (shown := follower.poll(SLICE_S)) is not None:
                    yield self._as_array(shown).assign_attrs(skipped=shown.skipped)
        finally:
            follower.close()

    def _as_array(self, shown: Shown) -> xr.DataArray:
        import xarray as xr

        return xr.DataArray(self.ring.decode(shown.value), {"time": shown.step}, ("y", "x"), name="frames")
