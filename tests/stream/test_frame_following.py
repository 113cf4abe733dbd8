"""Tests of helpers.stream, and of what `FrameReader.follow` and `afollow` make of it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest
from zarr.storage import LocalStore, MemoryStore

from helpers.redis import RedisStore
from helpers.servers import redis_server
from helpers.stream import Follower, FrameReader, FrameWriter, News, Shown
from tests.ports import free_port
from tests.processes import wait_for
from tests.redis_servers import clients, real_redis
from tests.stream_frames import SHAPE, faults, frame_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import xarray as xr
    from zarr.abc.store import Store


class Ring:
    """A ring of which a test says what it holds and what is news."""

    def __init__(self, *news: News | None, newest: int = -1, slots: int = 4) -> None:
        self.coming = list(news)
        self.newest, self.ended, self.slots = newest, False, slots
        self.failing = 0

    def wait(self, within_s: float) -> News | None:
        """Return what the test has said."""
        if not self.coming:
            time.sleep(min(within_s, 0.01))
            return None
        return self.coming.pop(0)

    def close(self) -> None:
        """Do nothing."""

    def news(self) -> Ring:
        """Return itself."""
        return self

    def state(self) -> tuple[int, bool]:
        """Return what the test has said."""
        return self.newest, self.ended

    def at(self, step: int) -> Shown | None:
        """Return what lies in the slot."""
        if self.failing:
            self.failing -= 1
            raise ConnectionError
        there = self.newest - (self.newest - step) % self.slots
        return Shown(there, b"") if there >= max(step, 0) else None


def follower(ring: Ring, *, timeout_s: float = 5) -> Follower:
    """Return what follows it."""
    return Follower(ring, timeout_s=timeout_s, is_closed=lambda: False)


def poll_without_end(following: Follower) -> None:
    """Poll until something is raised."""
    while True:
        following.poll(0.05)


def test_it_begins_with_the_newest() -> None:
    """And has skipped nothing."""
    assert follower(Ring(News(None), newest=7)).poll(1) == Shown(7, b"", 0)


def test_what_goes_by_is_counted() -> None:
    """Between the frame before and this one."""
    ring = Ring(News(None), newest=7)
    following = follower(ring)
    following.poll(1)
    ring.newest, ring.coming = 12, [News(12)]
    assert following.poll(1) == Shown(12, b"", 4)


def test_the_same_frame_is_shown_once() -> None:
    """However often it is news."""
    ring = Ring(News(None), News(7), News(None), newest=7)
    following = follower(ring)
    assert [following.poll(1) for _ in range(3)] == [Shown(7, b""), None, None]


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 5, 100])
def test_news_that_is_old_shows_no_older_frame(slots: int) -> None:
    """The writer was faster than its messages: steps only rise."""
    ring = Ring(News(None), newest=0, slots=slots)
    following = follower(ring)
    following.poll(1)
    shown = []
    for step in range(1, 30):
        ring.newest, ring.coming = 30, [News(step)]
        if (each := following.poll(1)) is not None:
            shown.append(each)
    assert [each.step for each in shown] == sorted({each.step for each in shown})
    assert sum(1 + each.skipped for each in shown) == shown[-1].step


def test_a_stream_that_began_anew_is_followed() -> None:
    """Its numbers are lower."""
    ring = Ring(News(None), newest=812)
    following = follower(ring)
    following.poll(1)
    ring.newest, ring.coming = 3, [News(3)]
    assert following.poll(1) == Shown(3, b"", 3)


def test_the_last_frame_is_shown_before_the_end() -> None:
    """Both can be in the same news."""
    ring = Ring(News(None), News(8, ended=True), newest=7)
    following = follower(ring)
    following.poll(1)
    ring.newest = 8
    assert following.poll(1) == Shown(8, b"")
    assert not following.ended
    assert following.poll(1) is None
    assert following.ended


@pytest.mark.parametrize("newest", [-1, 7])
def test_a_stream_that_has_ended_ends(newest: int) -> None:
    """After its newest frame, if there is one."""
    ring = Ring(News(None), newest=newest)
    ring.ended = True
    following = follower(ring)
    shown = [following.poll(1) for _ in range(2)]
    assert shown == [Shown(7, b"") if newest == 7 else None, None]
    assert following.ended


def test_silence_is_an_error() -> None:
    """With the time, and the step since which nothing came."""
    ring = Ring(News(None), newest=812)
    following = follower(ring, timeout_s=0.1)
    following.poll(1)
    with pytest.raises(TimeoutError, match=r"no frame for 100 ms since step 812: the writer has stopped"):
        poll_without_end(following)
    with pytest.raises(TimeoutError, match="in a ring that has none yet"):
        follower(Ring(), timeout_s=0.01).poll(1)


def test_time_counts_while_a_frame_is_asked_for() -> None:
    """Whoever takes long over a frame has as long to wait for the next."""
    ring = Ring(News(None), newest=7)
    following = follower(ring, timeout_s=0.2)
    following.poll(1)
    time.sleep(0.3)
    assert following.poll(0.05) is None


def test_a_frame_that_could_not_be_read_is_read_later() -> None:
    """Its news is not lost with the connection."""
    ring = Ring(News(None), News(8), newest=7)
    following = follower(ring)
    following.poll(1)
    ring.newest, ring.failing = 8, 1
    assert following.poll(0.01) is None
    assert following.poll(0.01) == Shown(8, b"")


def test_a_server_that_stays_away_is_an_error() -> None:
    """When the time is over."""
    ring = Ring(News(None), News(8), newest=7)
    following = follower(ring, timeout_s=0.3)
    following.poll(1)
    ring.newest, ring.failing = 8, 1000
    began = time.monotonic()
    with pytest.raises(ConnectionError):
        poll_without_end(following)
    assert 0.25 < time.monotonic() - began < 5


@pytest.mark.parametrize("timeout_s", [0, -1, math.nan])
def test_a_wait_takes_time(timeout_s: float) -> None:
    """Anything else is refused, before the first frame."""
    with pytest.raises(ValueError, match=r"timeout_s=.* is not allowed"):
        FrameReader(_ring_in(MemoryStore())).follow(timeout_s=timeout_s)


def test_closing_meanwhile_ends_the_wait() -> None:
    """The thread that waits closes what it waits for."""
    closed = threading.Event()

    class Slow(Ring):
        def wait(self, within_s: float) -> News | None:
            time.sleep(within_s)
            return None

        def close(self) -> None:
            closed.set()

    following = follower(Slow())
    thread = threading.Thread(target=following.poll, args=(0.2,))
    thread.start()
    time.sleep(0.05)
    following.close()
    assert not closed.is_set()
    thread.join(5)
    assert closed.is_set()
    assert following.poll(1) is None


def _ring_in(store: Store) -> Store:
    FrameWriter(store, SHAPE, slots=4).close()
    return store


# In real stores


@pytest.fixture(params=["redis", "memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "local":
        yield LocalStore(tmp_path)
    else:
        with redis_server() as server, RedisStore(server.url, prefix="life") as made:
            yield made


def publish(writer: FrameWriter, count: int, *, pause_s: float = 0.0) -> None:
    """Publish so many frames."""
    for _ in range(count):
        time.sleep(pause_s)
        writer.append(frame_of(writer.newest + 1))


@contextlib.contextmanager
def publishing(writer: FrameWriter, count: int) -> Iterator[None]:
    """Publish meanwhile, and then end the stream."""

    def run() -> None:
        publish(writer, count, pause_s=0.01)
        writer.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(20)


def account(frames: list[xr.DataArray]) -> int:
    """Return the frames that were yielded and skipped, after a look at each."""
    assert not any(+faults(frame) for frame in frames)
    steps = [int(frame.time) for frame in frames]
    assert steps == sorted(set(steps))
    return sum(1 + int(frame.attrs["skipped"]) for frame in frames)


def test_all_frames_are_yielded_or_counted(store: Store) -> None:
    """From the newest at the beginning to the end of the stream."""
    with FrameWriter(store, SHAPE, slots=4) as writer, FrameReader(store) as reader:
        publish(writer, 3)
        with publishing(writer, 40):
            frames = list(reader.follow())
        assert int(frames[-1].time) == 42
        assert account(frames) == 43 - int(frames[0].time)


async def test_a_loop_gets_them_too(store: Store) -> None:
    """And goes on meanwhile."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    with FrameWriter(store, SHAPE, slots=4) as writer, FrameReader(store) as reader:
        with publishing(writer, 40):
            frames = [frame async for frame in reader.afollow()]
        assert account(frames) == 40 - int(frames[0].time)
    ticking.cancel()
    assert ticks > 10


async def test_a_loop_may_use_a_thread(store: Store) -> None:
    """As with any iterator."""
    with FrameWriter(store, SHAPE, slots=4) as writer, FrameReader(store) as reader:
        publish(writer, 3)
        frames = reader.follow()
        frame = await asyncio.to_thread(next, frames, None)
        assert frame is not None
        assert int(frame.time) == 2
        writer.close()
        assert await asyncio.to_thread(next, frames, None) is None


def test_an_empty_ring_is_waited_for(store: Store) -> None:
    """The first frame is yielded when it comes."""
    with FrameWriter(store, SHAPE, slots=4) as writer, FrameReader(store) as reader:
        with publishing(writer, 2):
            frames = list(reader.follow())
        assert account(frames) in (1, 2)
        assert int(frames[-1].time) == 1


def test_following_a_stream_that_has_ended_ends(store: Store) -> None:
    """After the newest frame."""
    with FrameWriter(store, SHAPE, slots=4) as writer:
        publish(writer, 3)
    with FrameReader(store) as reader:
        assert [int(frame.time) for frame in reader.follow()] == [2]


def test_a_silent_writer_is_a_timeout(store: Store) -> None:
    """The error names the step."""
    with FrameWriter(store, SHAPE, slots=4) as writer, FrameReader(store) as reader:
        publish(writer, 3)
        frames = reader.follow(timeout_s=0.3)
        assert int(next(frames).time) == 2
        with pytest.raises(TimeoutError, match="since step 2"):
            next(frames)


def test_closing_the_reader_ends_those_who_follow(store: Store) -> None:
    """They end, without an error; what is called later raises."""
    with FrameWriter(store, SHAPE, slots=4) as writer:
        publish(writer, 3)
        reader = FrameReader(store)
        frames = reader.follow(timeout_s=30)
        next(frames)
        closing = threading.Timer(0.1, reader.close)
        closing.start()
        assert list(frames) == []
        closing.join()
        for call in (reader.latest, reader.window, reader.follow):
            with pytest.raises(ValueError, match="this reader is closed"):
                call()


async def test_a_task_that_is_cancelled_ends_at_once(store: Store) -> None:
    """And leaves no thread waiting."""
    with FrameWriter(store, SHAPE, slots=4) as writer, FrameReader(store) as reader:
        publish(writer, 3)
        seen: list[int] = []

        async def follow() -> None:
            async for frame in reader.afollow(timeout_s=60):
                seen.append(int(frame.time))  # noqa: PERF401 -- what was seen before it was cancelled

        task = asyncio.create_task(follow())
        while not seen:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 0.2
        await asyncio.get_running_loop().shutdown_default_executor()
        assert time.monotonic() - began < 2


# Redis alone


def test_no_connection_is_left_however_following_ends() -> None:
    """Closed early, forgotten, cancelled, at its end."""
    with real_redis() as server, RedisStore(server.url) as store, FrameReader(_ring_in(store)) as reader:
        store.keys.close()
        before = len(clients(server))
        with FrameWriter(store, SHAPE, slots=4) as writer:
            publish(writer, 2)
            with contextlib.closing(reader.follow()) as frames:
                next(frames)
                assert len(clients(server)) > before + 1
            forgotten = reader.follow()
            next(forgotten)
            del frames, forgotten
            gc.collect()
        assert len(list(reader.follow())) == 1
        store.keys.close()
        wait_for(lambda: len(clients(server)) == before)


def test_nobody_asks_while_nothing_happens() -> None:
    """A follower sleeps until the writer publishes."""
    with real_redis() as server, RedisStore(server.url) as store, FrameWriter(store, SHAPE, slots=4) as writer:
        publish(writer, 1)
        with FrameReader(store) as reader, contextlib.closing(reader.follow()) as frames:
            next(frames)
            before = store.keys.client.info("stats")["total_commands_processed"]
            timer = threading.Timer(0.6, publish, (writer, 1))
            timer.start()
            assert int(next(frames).time) == 1
            timer.join()
            asked = store.keys.client.info("stats")["total_commands_processed"] - before
        assert asked < 25  # one frame published, one read


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_server_that_goes_away_is_an_error_in_time(end: str) -> None:
    """Killed, or hanging: no follower hangs with it."""
    with real_redis() as server, RedisStore(f"{server.url}?socket_timeout=0.5") as store:
        writer = FrameWriter(store, SHAPE, slots=4)
        publish(writer, 1)
        with FrameReader(store) as reader, contextlib.closing(reader.follow(timeout_s=1)) as frames:
            next(frames)
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL if end == "kill" else signal.SIGSTOP)
            began = time.monotonic()
            try:
                with pytest.raises((ConnectionError, TimeoutError), match=r"No Redis|no frame for 1.0 s since step 0"):
                    next(frames)
                assert time.monotonic() - began < 10
            finally:
                if end == "stop":
                    os.kill(server.pid, signal.SIGCONT)
        writer.close()


def test_a_server_that_restarts_is_followed() -> None:
    """The writer goes on, and so does the follower."""
    port = free_port()
    with real_redis(port=port) as server:
        store = RedisStore(server.url)
        writer = FrameWriter(store, SHAPE, slots=4)
        publish(writer, 3)
        frames = FrameReader(store).follow(timeout_s=20)
        assert int(next(frames).time) == 2
    seen: list[xr.DataArray] = []
    thread = threading.Thread(target=lambda: seen.append(next(frames)))
    thread.start()
    time.sleep(0.3)
    with real_redis(port=port), store, writer:
        publish(writer, 1)
        thread.join(20)
        assert account(seen) == 1
        publish(writer, 2)
        assert int(next(frames).time) in (4, 5)
        frames.close()
