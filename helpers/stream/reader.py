"""Reads the newest frame, a window of frames, or each frame as it comes.

Shows many frames as one lazy array, read in parts of several frames when it is computed.

Follows a ring of frames: waits for news, reads the newest frame, and counts those that went by.

Listens to what a writer publishes in Redis beside its frames.

Reads large values of Redis straight into memory that is there already, without the copies that redis-py makes.

Reads the frames of a ring in Redis: each with its label at one instant, or many frozen at one instant.

Reads the frames of a ring in a Zarr store: the newest, a window of them, or each as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
import uuid
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol, Self, cast

import dask.array as da
import numpy as np
import xarray as xr
from redis import exceptions
from zarr.abc.store import RangeByteRequest

from helpers.redis import FrozenRedisStore, RedisStore, copy_values
from helpers.stream.ring import (
    DOCUMENTS,
    EMPTY,
    FRAMES,
    GROUP,
    NEWEST,
    TIME,
    News,
    Ring,
    RingNews,
    Shown,
    has_ended,
    label_range,
    labels_from,
    newest_steps,
    require_ring,
    require_room_for_window,
    require_same,
    step_from,
)
from helpers.stream.store_ring import SharedRingReader
from helpers.stream.writer import END, NOTHING
from helpers.units import format_seconds, is_integer, require_number

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence

    import redis
    from redis.client import PubSub
    from zarr.abc.store import Store

    from helpers.redis import RedisKeys
    from helpers.stream.ring import Frame, Ring

__all__ = [
    "Follower",
    "FrameReader",
    "FrameSource",
    "FrozenFrames",
    "LazyFrames",
    "News",
    "RedisNews",
    "RedisRingReader",
    "RingNews",
    "RingReader",
    "Shown",
    "lazy_frames",
    "read_into",
]


TASK_NBYTES = 12 * 2**20
REQUEST_NBYTES = 2 * 2**20  # larger ones are not faster, and fill a server that has little memory


class FrameSource(Protocol):
    """Read certain frames, wherever they are by now; in other processes too."""

    @property
    def ring(self) -> Ring:
        """The ring that they come from."""

    @property
    def steps(self) -> tuple[int, ...]:
        """Which frames they are, in ascending order."""

    def read(self, steps: Sequence[int], frames: Frame) -> None:
        """Fill an array of shape (steps, rows, columns), or raise RuntimeError if a frame is gone."""


class LazyFrames:
    """Stand for an array of shape (frames, rows, columns), of which each selection is read when it is asked for.

    Parameters
    ----------
    source : FrameSource
        Where the frames are.
    """

    ndim = 3

    def __init__(self, source: FrameSource) -> None:
        self.source = source
        self.shape = (len(source.steps), *source.ring.shape)
        self.dtype = source.ring.dtype.newbyteorder("=")

    def __getitem__(self, selection: slice | int | tuple[slice | int, ...]) -> Frame:
        which, *rest = selection if isinstance(selection, tuple) else (selection,)
        picked = np.array(self.source.steps)[which]
        frames = self._read([int(step) for step in np.atleast_1d(picked)])
        cells: Frame = frames[(slice(None) if picked.ndim else 0, *rest)]
        return cells

    def _read(self, steps: Sequence[int]) -> Frame:
        frames = np.empty((len(steps), *self.shape[1:]), self.dtype)
        many = max(1, REQUEST_NBYTES // self.source.ring.nbytes)
        for begin in range(0, len(steps), many):
            piece = slice(begin, begin + many)
            self.source.read(steps[piece], frames[piece])
        return frames


def lazy_frames(source: FrameSource) -> da.Array:
    """Return frames as a Dask array of shape (frames, rows, columns).

    Parameters
    ----------
    source : FrameSource
        Where the frames are.

    Returns
    -------
    dask.array.Array
        With chunks of several frames, about 12 MiB each.
    """
    frames = LazyFrames(source)
    many = max(1, TASK_NBYTES // source.ring.nbytes)
    return da.from_array(  # type: ignore[no-untyped-call, no-any-return]
        frames,
        chunks=(many, *source.ring.shape),
        # Without a name Dask pickles the source to find one, and a pickled source is never let go of.
        name=f"window-{uuid.uuid4().hex}",
        meta=np.empty((0, 0, 0), frames.dtype),
        fancy=False,
    )


RETRY_S = 0.1


class RingReader(Protocol):
    """Read a ring."""

    def state(self) -> tuple[int, bool]:
        """Return the newest step, -1 before the first, and whether the stream has ended."""

    def at(self, step: int) -> Shown | None:
        """Return a step, or the later one that lies in its slot by now; None if neither is there."""

    def news(self) -> RingNews:
        """Return what waits for frames."""


class Follower:
    """Return frames one by one as they come.

    Parameters
    ----------
    reader : RingReader
        What reads the ring.
    timeout_s : float
        How long to wait for a frame, from the moment at which it is asked for.
    is_closed : callable
        Says whether whoever follows has closed the reader.

    Attributes
    ----------
    ended : bool
        Whether there is nothing more to come.

    Notes
    -----
    Two threads may use it: one that polls, and one that closes it meanwhile. The one that is done last ends the
    subscription.
    """

    def __init__(self, reader: RingReader, *, timeout_s: float, is_closed: Callable[[], bool]) -> None:
        require_number("timeout_s", timeout_s, ok=lambda x: x > 0, allowed="above 0; math.inf waits without end")
        self.ended = False
        self._reader, self._news = reader, reader.news()
        self._timeout_s, self._deadline = timeout_s, math.inf
        self._is_closed = is_closed
        self._untold: News | None = None  # news of which the frame could not be read yet
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
                self._news.close()
            finally:
                self._busy.release()

    def _is_over(self) -> bool:
        self.ended = self.ended or self._last_one or self._is_closed()
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
        """Wait for news, and return the frame if it is a new one."""
        news = self._untold = self._untold or self._news.wait(within_s)
        if news is None:
            return None
        is_next = news.step is not None and news.step > self._last
        shown = self._reader.at(news.step) if is_next else None  # type: ignore[arg-type] # checked
        ended = news.ended
        if shown is None:
            newest, ended = self._reader.state()
            shown = self._reader.at(newest) if newest not in (EMPTY, self._last) else None
        self._untold, self._last_one = None, ended
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


AT_ONCE = 1000


class RedisNews:
    """Wait for news of a ring, without asking again and again.

    Parameters
    ----------
    keys : helpers.redis.RedisKeys
        Whose channel to listen on, from the first `wait`.

    Notes
    -----
    A subscription that begins is news by itself, for frames may have passed by before. So is one that redis-py begins
    anew because the server was restarted.
    """

    def __init__(self, keys: RedisKeys) -> None:
        self._keys = keys
        self._subscription: PubSub | None = None

    def wait(self, within_s: float) -> News | None:
        """Return the latest news, None if there is none within so many seconds."""
        try:
            with self._keys.errors():
                subscription = self._subscription = self._subscription or self._subscribe()
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

    def _subscribe(self) -> PubSub:
        subscription: PubSub = self._keys.client.pubsub()  # type: ignore[no-untyped-call]
        try:
            subscription.subscribe(self._keys.channel)
        except BaseException:
            subscription.close()
            raise
        return subscription


def _latest(messages: Sequence[Mapping[str, object]]) -> News:
    """Return what the messages amount to."""
    news = News(None)
    for message in messages:
        said = message["data"] if message["type"] == "message" else b""
        if said == END:
            news = news._replace(ended=True)
        else:
            news = News(int(said) if isinstance(said, bytes) and said.isdigit() else None)
    return news


LINE = 1 << 16


class Connection(Protocol):
    """Name what is used of a connection of redis-py, which has no types for it."""

    _sock: socket.socket

    def send_command(self, *args: str) -> None: ...
    def disconnect(self) -> None: ...


class Answer(Protocol):
    """Name what is used of a file made from a socket."""

    def read(self, size: int, /) -> bytes: ...
    def readinto(self, memory: memoryview, /) -> int | None: ...
    def readline(self) -> bytes: ...


def read_into(client: redis.Redis, names: Sequence[str], parts: Sequence[memoryview]) -> bool:
    """Fill memory with values of Redis, one after the other, or say that it could not be done.

    Parameters
    ----------
    client : redis.Redis
        What `helpers.redis.connect` returns.
    names : sequence of str
        The names in Redis, at least one.
    parts : sequence of memoryview
        As many, each of as many bytes as the value must have.

    Returns
    -------
    bool
        Whether all were filled. If not, some may be, and nothing is said of why: ask again in the usual way, which
        waits, retries, and raises what there is to raise.

    Notes
    -----
    redis-py copies a value four times before it returns it: reading 100 values of 256 KiB this way takes a quarter of
    the processor time. It reads from the socket that a connection of redis-py holds, which is not public: where there
    is none, it says that it could not be done.

    Examples
    --------
    >>> from helpers.redis import connect
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server:
    ...     client = connect(server.url)
    ...     _ = client.mset({"a": b"123", "b": b"45"})
    ...     memory = memoryview(bytearray(5))
    ...     read_into(client, ["a", "b"], [memory[:3], memory[3:]]), bytes(memory)
    (True, b'12345')
    """
    pool = client.connection_pool
    try:
        held = pool.get_connection()
    except (exceptions.RedisError, OSError):
        return False
    connection = cast("Connection", held)
    filled = False
    try:
        with contextlib.suppress(exceptions.RedisError, OSError, AttributeError):
            connection.send_command("MGET", *names)
            with connection._sock.makefile("rb", LINE) as answer:
                filled = _fill(cast("Answer", answer), parts)
    finally:
        if not filled:  # the rest of the answer may still be on its way
            connection.disconnect()
        pool.release(held)
    return filled


def _fill(answer: Answer, parts: Sequence[memoryview]) -> bool:
    """Read an answer to MGET; return whether it is as expected."""
    if answer.readline() != b"*%d\r\n" % len(parts):
        return False
    for part in parts:
        if answer.readline() != b"$%d\r\n" % len(part):
            return False
        done = 0
        while done < len(part) and (count := answer.readinto(part[done:])):
            done += count
        if done < len(part) or answer.read(2) != b"\r\n":
            return False
    return True


class RedisRingReader:
    """Read frames; `helpers.stream.FrameReader` says what its user needs to know.

    Parameters
    ----------
    store : helpers.redis.RedisStore
        Where the ring is.

    Attributes
    ----------
    ring : helpers.stream.Ring
        The ring.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._keys = store.keys
        documents = dict(zip(DOCUMENTS, store.read_many(DOCUMENTS), strict=True))
        self.ring = require_ring(documents, where=str(store))
        self._frames = documents[FRAMES]

    def newest(self) -> int:
        """Return the newest step, -1 before the first."""
        return step_from(self._keys.read([(NEWEST, None)])[0])

    def state(self) -> tuple[int, bool]:
        """Return the newest step, and whether the stream has ended."""
        newest, group = self._keys.read([(NEWEST, None), (GROUP, None)])
        return step_from(newest), has_ended(group)

    def at(self, step: int) -> Shown | None:
        """Return a step, or the later one that lies in its slot by now; None if neither is there."""
        label = RangeByteRequest(*label_range(self.ring.slot(step)))
        asked = [(self.ring.frame_key(step), None), (FRAMES, None), (TIME, label)]
        value, frames, label_value = self._keys.read(asked)
        require_same(frames, self._frames, where=str(self._store))
        there = step_from(label_value)
        return None if value is None or there < step else Shown(there, value)

    def newest_there(self) -> Shown | None:
        """Return the newest frame that a server that evicts has left, None if it has left none."""
        steps = newest_steps(labels_from(self._keys.read([(TIME, None)])[0]))[::-1]
        there = self._keys.read([(self.ring.frame_key(step), NOTHING) for step in steps]) if steps else []
        kept = (self.at(step) for step, value in zip(steps, there, strict=True) if value is not None)
        return next(filter(None, kept), None)

    def window(self, n: int | None) -> FrozenFrames:
        """Copy the newest frames, all for None, as they are at one instant."""
        labels = labels_from(self._keys.read([(TIME, None)])[0])
        steps = newest_steps(labels, n)
        require_room_for_window(self._keys, self.ring, copies=len(steps), held=len(newest_steps(labels)))
        frozen = copy_values(self._keys, [FRAMES, TIME, *map(self.ring.frame_key, steps)])
        frames, time = frozen.read_many([FRAMES, TIME])
        require_same(frames, self._frames, where=str(self._store))
        # The writer may have gone on between the two: which step a copied slot holds, only the copied labels say.
        steps = [step for step in newest_steps(labels_from(time)) if self.ring.frame_key(step) in frozen.keys.held]
        return FrozenFrames(frozen, self.ring, tuple(steps))

    def news(self) -> RedisNews:
        """Return what waits for frames."""
        return RedisNews(self._keys)


@dataclass(frozen=True, eq=False)
class FrozenFrames:
    """Hold copies of frames. They go with this object; with a pickled one, when their lease ends.

    Parameters
    ----------
    store : helpers.redis.FrozenRedisStore
        The copies.
    ring : helpers.stream.Ring
        The ring that they come from.
    steps : tuple of int
        Which frames they are.
    """

    store: FrozenRedisStore
    ring: Ring
    steps: tuple[int, ...]

    def read(self, steps: Sequence[int], frames: Frame) -> None:
        """Fill an array with frames, or raise RuntimeError if one is gone."""
        keys = [self.ring.frame_key(step) for step in steps]
        if self.ring.dtype.isnative:
            parts = [memoryview(frame.reshape(-1).view(np.uint8)) for frame in frames]
            if read_into(self.store.keys.client, [*map(self.store.keys.name, keys)], parts):
                return
        for frame, value in zip(frames, self.store.read_many(keys), strict=True):
            self.ring.decode(value or b"", out=frame)


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
    >>> from helpers.stream import FrameWriter
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
