"""Tests of helpers.stream.reader: newest frames, windows, notifications, and what follows them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import multiprocessing
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr
from dask.tokenize import tokenize

from helpers.redis import RedisKeys, RedisStore
from helpers.servers import fake_redis_server
from helpers.stream import FrameReader, FrameWriter, Notifications, Ring
from helpers.stream import reader as module
from helpers.stream.reader import Follower, Notification, Shown, Window
from helpers.stream.ring import FRAMES, TIME, documents_of
from helpers.stream.writer import channel
from tests.ports import free_port
from tests.processes import wait_for
from tests.redis_servers import clients, losing_the_first_answer_to, real_redis, serving
from tests.stream_frames import SHAPE, faults, frame_of, publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import ProcessPoolExecutor

    from helpers.servers import RedisServer

SLOTS = 5
STEPS = tuple(range(3, 8))
STACK = np.stack([frame_of(step) for step in STEPS])


@pytest.fixture
def writer(store: RedisStore) -> Iterator[FrameWriter]:
    """A writer of a ring of which steps 3 to 7 are left."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as made:
        publish(made, 8)
        yield made


@pytest.fixture
def reader(store: RedisStore, writer: FrameWriter) -> FrameReader:
    """A reader of that ring."""
    assert writer.newest == 7
    return FrameReader(store)


def test_the_newest_frame_is_labelled(reader: FrameReader) -> None:
    """Its coordinate is its step; it can be written to."""
    assert repr(reader) == "<FrameReader: 5 slots for frames of 64 x 96 uint8>"
    frame = reader.latest()
    assert (frame.dims, frame.shape, frame.dtype, frame.name) == (("y", "x"), SHAPE, np.dtype("uint8"), "frames")
    assert (int(frame.time), frame.time.dtype, frame.time.dims) == (7, np.dtype("int64"), ())
    np.testing.assert_array_equal(frame, frame_of(7))
    frame[:] = 0
    np.testing.assert_array_equal(reader.latest(), frame_of(7))


@pytest.mark.parametrize(("n", "steps"), [(None, [3, 4, 5, 6, 7]), (2, [6, 7]), (1, [7]), (5, [3, 4, 5, 6, 7])])
def test_a_window_holds_the_newest_frames(reader: FrameReader, n: int | None, steps: list[int]) -> None:
    """In the order of their steps, on Dask or read at once."""
    window = reader.window(n)
    assert isinstance(window.data, da.Array)
    assert (window.dims, window.dtype, window.name) == (("time", "y", "x"), np.dtype("uint8"), "frames")
    assert (window.time.values.tolist(), window.time.dtype) == (steps, np.dtype("int64"))
    np.testing.assert_array_equal(window, [frame_of(step) for step in steps])
    now = reader.window(n, lazy=False)
    assert isinstance(now.data, np.ndarray)
    xr.testing.assert_identical(now, window.load())


def test_a_window_may_ask_for_more_than_there_is(store: RedisStore) -> None:
    """It has what is there."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer, FrameReader(store) as reader:
        assert reader.window().shape == (0, *SHAPE)
        assert reader.window(3).load().shape == reader.window(3, lazy=False).shape == (0, *SHAPE)
        for step in range(2):
            writer.append(frame_of(step))
        assert reader.window(100).time.values.tolist() == [0, 1]


@pytest.mark.parametrize("n", [0, -1, 2.0, "3", True])
def test_a_window_has_a_whole_number_of_frames(reader: FrameReader, n: Any) -> None:
    """Anything else is refused with its value."""
    with pytest.raises(ValueError, match=f"n={n!r} is not allowed"):
        reader.window(n)


def test_without_a_ring_or_a_frame_it_says_what_to_do(store: RedisStore) -> None:
    """How to start a ring, and how to wait for a frame."""
    with pytest.raises(FileNotFoundError, match=r"holds no ring of frames. FrameWriter\(store, shape\) starts one"):
        FrameReader(store)
    zarr.create_group(store, attributes={"title": "something else"})
    with pytest.raises(FileNotFoundError, match="holds something else than a ring of frames"):
        FrameReader(store)
    store.keys.remove()
    FrameWriter(store, SHAPE, slots=SLOTS).close()
    with pytest.raises(LookupError, match=r"there is no frame in .* yet: follow\(\) waits for the first"):
        FrameReader(store).latest()
    assert list(FrameReader(store).follow()) == []


def test_xarray_reads_what_is_published(store: RedisStore, reader: FrameReader) -> None:
    """With the steps as a coordinate of the frames."""
    ds = xr.open_zarr(store, consolidated=False)
    assert set(ds.coords) == {"time"}
    assert set(ds.data_vars) == {"frames", "newest"}
    assert ds.frames.dims == ("slot", "y", "x")
    assert (ds.time.values.tolist(), ds.time.dtype, int(ds.newest)) == ([5, 6, 7, 3, 4], np.dtype("int64"), 7)
    window = reader.window().load()
    xr.testing.assert_equal(ds.frames.swap_dims(slot="time").sortby("time").load(), window)


def cost(store: RedisStore, call: Callable[[], object]) -> tuple[dict[str, int], int]:
    """Return the commands that a call takes, and the bytes that the server sends for it."""
    client = store.keys.client
    client.config_resetstat()
    call()
    commands: dict[str, Any] = client.info("commandstats")
    sent = int(client.info("stats")["total_net_output_bytes"])
    overhead = {"cmdstat_config|resetstat", "cmdstat_info"}
    return {name: each["calls"] for name, each in commands.items() if name not in overhead}, sent


def test_the_newest_frame_costs_the_same_however_many_there_are(store: RedisStore) -> None:
    """The same commands and bytes, whether the ring holds ten frames or hundreds."""
    costs = []
    for slots in (10, 400):
        store.keys.client.flushall()
        with FrameWriter(store, SHAPE, slots=slots) as writer, FrameReader(store) as reader:
            publish(writer, slots)
            reader.latest()
            costs.append(cost(store, lambda reader=reader: [reader.latest() for _ in range(20)]))  # type: ignore[misc]
    (few, few_bytes), (many, many_bytes) = costs
    assert few == many
    assert few == {"cmdstat_get": 20, "cmdstat_mget": 20}
    assert abs(many_bytes - few_bytes) < 0.03 * few_bytes


def test_a_window_reads_nothing_until_it_is_computed(store: RedisStore, writer: FrameWriter) -> None:
    """Then each frame once. Read at once, it takes two commands and no copy."""
    assert writer.newest == 7
    with FrameReader(store) as reader:
        windows: list[Any] = []
        _, taking = cost(store, lambda: windows.append(reader.window()))
        _, computing = cost(store, windows[0].load)
        commands, at_once = cost(store, lambda: reader.window(lazy=False))
    frames = SLOTS * SHAPE[0] * SHAPE[1]
    assert taking < frames // 3
    assert frames < computing < frames + 5000
    assert commands == {"cmdstat_get": 1, "cmdstat_mget": 1}
    assert frames < at_once < frames + 5000


def test_a_window_stays_as_it_was(store: RedisStore, writer: FrameWriter) -> None:
    """Whatever the writer does after, and though its reader, which can be one that only reads, is closed."""
    with FrameReader(store.with_read_only(read_only=True)) as reader:
        windows = [reader.window(), reader.window(2)]
        publish(writer, 3 * SLOTS)
    assert [window.time.values.tolist() for window in windows] == [[3, 4, 5, 6, 7], [6, 7]]
    for window in windows:
        assert not any(+faults(frame) for frame in window.load())


def test_a_copy_goes_with_its_window(store: RedisStore, writer: FrameWriter) -> None:
    """As soon as nothing needs it; what is computed from it needs it."""
    assert writer.newest == 7
    before = store.keys.client.dbsize()
    with FrameReader(store) as reader:
        window = reader.window()
        population = window.sum(("y", "x"))
        tokenize(window)
        part = window.isel(time=slice(1, 3)).copy()
        del window, part
        gc.collect()
        assert store.keys.client.dbsize() == before + SLOTS + 2
        assert population.values.tolist() == [frame_of(step).sum() for step in range(3, 8)]
        del population
        gc.collect()
        assert store.keys.client.dbsize() == before


def test_a_reader_of_another_ring_is_told(store: RedisStore) -> None:
    """A ring of the same number of bytes would be taken for the old one."""
    with FrameWriter(store, (6, 4), slots=SLOTS) as first:
        first.append(np.ones((6, 4), "uint8"))
        with FrameReader(store) as reader:
            store.keys.remove()
            with FrameWriter(store, (4, 6), slots=SLOTS) as second:
                second.append(np.ones((4, 6), "uint8"))
                with pytest.raises(RuntimeError, match="another ring of frames lies in"):
                    reader.latest()
                with pytest.raises(RuntimeError, match="another ring of frames lies in"):
                    reader.window()


def test_a_slot_is_shown_with_the_label_that_it_has(store: RedisStore, writer: FrameWriter) -> None:
    """A later step than the one that was asked for, never an earlier one."""
    reader = FrameReader(store)
    publish(writer, 1)
    found = [reader.at(step) for step in (8, 3, 13, 4)]
    assert [None if each is None else each.step for each in found] == [8, 8, None, 4]


def test_the_newest_frame_of_what_is_left(store: RedisStore, writer: FrameWriter) -> None:
    """Of a server that has evicted some."""
    reader = FrameReader(store)
    for left in (7, 6, 4):
        shown = reader._newest_left()
        assert shown is not None
        assert shown.step == left
        store.keys.write({reader.ring.frame_key(left): None, reader.ring.frame_key(5): None})
    store.keys.write({TIME: None})
    assert reader._newest_left() is None
    assert writer.newest == 7


def test_a_frame_of_another_length_is_refused(store: RedisStore, writer: FrameWriter) -> None:
    """Another program wrote it."""
    assert writer.newest == 7
    with FrameReader(store) as reader:
        store.keys.write({Ring.of(SHAPE, dtype="uint8", slots=SLOTS).frame_key(7): b"123"})
        with pytest.raises(ValueError, match="another program wrote them"):
            reader.latest()
        with pytest.raises(ValueError, match="another program wrote them"):
            reader.window(1).load()


def test_an_evicted_document_does_not_stop_readers(store: RedisStore, writer: FrameWriter) -> None:
    """They have read it."""
    assert writer.newest == 7
    with FrameReader(store) as reader:
        store.keys.write({FRAMES: None})
        assert not +faults(reader.latest())
        assert len(reader.window()) == SLOTS
    store.keys.write({FRAMES: documents_of(Ring.of(SHAPE, dtype="uint8", slots=SLOTS))[FRAMES]})


# --- windows ---


class Between(RedisKeys):
    """Keys that let something happen before each request to read, for a test to come between two."""

    happening: Callable[[], None]

    def read(self, requests: Any) -> list[bytes | None]:
        """Let it happen, then read."""
        self.happening()
        return super().read(requests)


@pytest.mark.parametrize("count", [1, 2, SLOTS - 1, SLOTS, SLOTS + 1])
@pytest.mark.parametrize("when", [0, 1, 2])
def test_a_writer_that_comes_between_changes_no_label(
    store: RedisStore, writer: FrameWriter, reader: FrameReader, count: int, when: int
) -> None:
    """Wherever it does, the newest frame is one, whole, and has its own step."""
    turns = iter(range(100))
    reader.keys = between = Between(store.keys.url, store.keys.prefix)
    between.happening = lambda: publish(writer, count) if next(turns) == when else None
    frame = reader.latest()
    assert not +faults(frame)
    assert int(frame.time) >= 7


def test_a_writer_that_is_too_fast_is_told(store: RedisStore) -> None:
    """A reader that never gets a frame says why, in a bounded time."""
    with FrameWriter(store, SHAPE, slots=1) as writer, FrameReader(store) as reader:
        publish(writer, 1)
        reader.keys = between = Between(store.keys.url, store.keys.prefix)
        between.happening = lambda: store.keys.write({"frames/c/0/0/0": None})
        began = time.monotonic()
        with pytest.raises(RuntimeError, match=r"no frame in .* could be read for 2 s: the writer replaces each"):
            reader.latest()
        assert time.monotonic() - began < 10


def test_a_window_knows_which_frames_it_copied(
    writer: FrameWriter, reader: FrameReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that goes on between the look at the labels and the copy does not matter: it has both at one instant."""
    monkeypatch.setattr(module, "require_room_for_window", lambda *_, **__: publish(writer, 2))
    assert reader.window().time.values.tolist() == [5, 6, 7, 8, 9]
    assert reader.window(2).time.values.tolist() == [8, 9]
    window = reader.window(4)
    assert window.time.values.tolist() == [9, 10, 11, 13]  # 12 went into the slot that was not copied
    np.testing.assert_array_equal(window, [frame_of(step) for step in window.time.values])


def test_windows_are_of_one_instant(store: RedisStore) -> None:
    """While a thread writes as fast as it can."""
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            publish(busy, 1)

    with FrameWriter(store, SHAPE, slots=SLOTS) as busy, FrameReader(store) as reader:
        publish(busy, SLOTS)
        thread = threading.Thread(target=write)
        thread.start()
        try:
            windows = [reader.window(lazy=number % 2 == 0) for number in range(60)]
        finally:
            over.set()
            thread.join()
    assert len({int(window.time[0]) for window in windows}) > 10
    for window in windows:
        assert np.diff(window.time).tolist() == [1] * (SLOTS - 1)
        assert not any(+faults(frame) for frame in window.load())


@pytest.fixture
def copies(reader: FrameReader) -> Window:
    """The copies of steps 3 to 7."""
    return reader._copy(None)


@pytest.mark.parametrize(
    "selection",
    [
        slice(None),
        3,
        -1,
        slice(0, 5, 3),
        slice(None, None, -1),
        slice(4, 4),
        (slice(1, 3), slice(None), 5),
        (2, slice(3, 9)),
        (slice(None), 4, 4),
        (0, 0, 0),
        (np.array([1, 4]), slice(2)),
    ],
)
def test_selections_are_those_of_numpy(copies: Window, selection: Any) -> None:
    """Of any kind that Dask may ask for."""
    np.testing.assert_array_equal(copies[selection], STACK[selection])
    assert np.shape(copies[selection]) == np.shape(STACK[selection])


@pytest.mark.parametrize(("task", "request_", "chunks"), [(4, 3, (4, 1)), (0, 0, (1,) * 5)])
def test_a_task_reads_several_frames(
    copies: Window, monkeypatch: pytest.MonkeyPatch, task: int, request_: int, chunks: tuple[int, ...]
) -> None:
    """In requests of some size; a frame may be larger than either."""
    monkeypatch.setattr(module, "TASK_NBYTES", task * STACK[0].nbytes)
    monkeypatch.setattr(module, "REQUEST_NBYTES", request_ * STACK[0].nbytes)
    array = copies.lazy()
    assert (array.chunks[0], array.dtype, array.shape) == (chunks, STACK.dtype, STACK.shape)
    np.testing.assert_array_equal(np.asarray(array), STACK)


def test_an_answer_that_is_lost_is_asked_for_again(server: RedisServer, reader: FrameReader) -> None:
    """The connection breaks when the copies were made: they are made again, and none is taken for missing."""
    with serving(losing_the_first_answer_to(b"EXEC", server.port)) as port:
        lossy = FrameReader(RedisStore(f"redis://127.0.0.1:{port}", prefix=reader.keys.prefix))
        np.testing.assert_array_equal(lossy.window(), STACK)
        lossy.keys.close()


def test_a_copy_has_a_lease(store: RedisStore, copies: Window) -> None:
    """However its process ends, the server deletes it; and the source may go before it."""
    assert 1700 < store.keys.client.ttl(copies.copies.name("frames/c/0/0/0")) <= 1800
    store.keys.remove("frames/c")
    np.testing.assert_array_equal(copies[:], STACK)


def test_copies_are_deleted_on_a_full_server(store: RedisStore, reader: FrameReader) -> None:
    """Whoever fills it can make room."""
    before = store.keys.client.dbsize()
    window = reader.window()
    store.keys.client.config_set("maxmemory", 1)
    try:
        np.testing.assert_array_equal(window, STACK)
        del window
        gc.collect()
        assert store.keys.client.dbsize() == before
    finally:
        store.keys.client.config_set("maxmemory", 0)


def test_a_server_that_is_gone_is_no_trouble_for_garbage() -> None:
    """The copies went with it."""
    with real_redis() as server:
        writer = FrameWriter(RedisStore(server.url), SHAPE, slots=SLOTS)
        publish(writer, 2)
        window = FrameReader(RedisStore(server.url)).window()
    began = time.monotonic()
    del window
    gc.collect()
    assert time.monotonic() - began < 5
    writer.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_leaves_the_copies(copies: Window) -> None:
    """They are its parent's."""

    def forget() -> None:
        copies.copies._forget()

    child = multiprocessing.get_context("fork").Process(target=forget)
    child.start()
    child.join(20)
    assert child.exitcode == 0
    np.testing.assert_array_equal(copies[:], STACK)


def test_the_stand_in_streams() -> None:
    """It has no INFO and no limit: frames, windows, takeover and recovery are the same."""
    with fake_redis_server() as port, RedisStore(f"redis://127.0.0.1:{port}?socket_timeout=60") as store:
        with FrameWriter(store, SHAPE, slots=SLOTS) as writer, FrameReader(store) as reader:
            publish(writer, 8)
            window = reader.window()
            store.keys.client.flushdb()
            publish(writer, 3)
            assert not +faults(reader.latest())
            assert reader.window().time.values[-2:].tolist() == [9, 10]
            with pytest.raises(RuntimeError, match="gone"):
                window.load()
            window = reader.window(2)
            with FrameWriter(store, SHAPE, slots=SLOTS) as second:
                publish(second, 7)
                with pytest.raises(RuntimeError, match="another writer has taken over"):
                    publish(writer, 1)
            np.testing.assert_array_equal(window, [frame_of(9), frame_of(10)])
        assert [int(frame.time) for frame in FrameReader(store).follow()] == [17]


def test_processes_compute_the_same(reader: FrameReader, other_processes: ProcessPoolExecutor) -> None:
    """They get the address of Redis and read there; what is computed from a window keeps it meanwhile."""
    window = reader.window().chunk(time=2)
    population = window.sum(("y", "x"))
    with dask.config.set(pool=other_processes, scheduler="processes"):
        np.testing.assert_array_equal(window.data.compute(), STACK)
        del window
        assert population.values.tolist() == STACK.sum(axis=(1, 2)).tolist()


# --- notifications ---


@pytest.fixture
def keys(store: RedisStore) -> RedisKeys:
    """The keys of that store."""
    return store.keys


@pytest.fixture
def listening(keys: RedisKeys) -> Iterator[Notifications]:
    """What listens to them, and has begun."""
    made = Notifications(keys)
    assert made.wait(5) == Notification(None)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([b"7"], Notification(7)),
        ([b"7", b"8", b"9"], Notification(9)),
        ([b"7", b"end"], Notification(7, ended=True)),
        ([b"end"], Notification(None, ended=True)),
        ([b"end", b"8"], Notification(8)),
        ([b"7", b"hello"], Notification(None)),
        ([b"-1", b""], Notification(None)),
    ],
)
def test_many_messages_are_one_piece_of_news(
    keys: RedisKeys, listening: Notifications, said: list[bytes], expected: Notification
) -> None:
    """The last one counts; published at one instant, lest one be on its way while the first is read."""
    with keys.client.pipeline(transaction=True) as batch:
        for each in said:
            batch.publish(channel(keys), each)
        batch.execute()
    assert listening.wait(5) == expected
    assert listening.wait(0) is None


def test_a_broken_subscription_begins_anew_which_is_news(keys: RedisKeys, listening: Notifications) -> None:
    """Frames may have passed by."""
    keys.client.client_kill_filter(_type="pubsub")
    assert listening.wait(5) == Notification(None)
    keys.client.publish(channel(keys), b"7")
    assert listening.wait(5) == Notification(7)


# --- following ---


class FakeRing:
    """A ring of which a test says what it holds and what is news."""

    def __init__(self, *coming: Notification | None, newest: int = -1, slots: int = 4) -> None:
        self.coming = list(coming)
        self.newest, self.ended, self.slots = newest, False, slots
        self.failing = 0
        self.keys, self.closed = None, False

    def wait(self, within_s: float) -> Notification | None:
        """Return what the test has said."""
        if not self.coming:
            time.sleep(min(within_s, 0.01))
            return None
        return self.coming.pop(0)

    def close(self) -> None:
        """Do nothing."""

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


def follower(ring: FakeRing, *, timeout_s: float = 5) -> Follower:
    """Return what follows it."""
    made = Follower(cast("FrameReader", ring), timeout_s=timeout_s)
    made._notifications = cast("Notifications", ring)
    return made


@pytest.mark.parametrize(
    ("turns", "shown"),
    [
        ([(12, Notification(12))], [Shown(12, b"", 4)]),  # what goes by is counted
        ([(7, Notification(7)), (7, Notification(None))], [None, None]),  # the same frame is shown once
        ([(3, Notification(3))], [Shown(3, b"", 3)]),  # a stream that began anew has lower numbers
        ([(8, Notification(8, ended=True)), (8, None)], [Shown(8, b""), None]),  # the last one comes before the end
    ],
)
def test_each_frame_is_shown_once_with_what_went_by(
    turns: list[tuple[int, Notification | None]], shown: list[Shown | None]
) -> None:
    """After the newest one at the beginning, which has skipped nothing."""
    ring = FakeRing(Notification(None), newest=7)
    following = follower(ring)
    assert following.poll(1) == Shown(7, b"", 0)
    for (newest, coming), expected in zip(turns, shown, strict=True):
        ring.newest, ring.coming = newest, [coming]
        assert not following.ended
        assert following.poll(0.01) == expected
    assert following.ended == (turns[-1][1] is None)


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 5, 100])
def test_news_that_is_old_shows_no_older_frame(slots: int) -> None:
    """The writer was faster than its messages: steps only rise."""
    ring = FakeRing(Notification(None), newest=0, slots=slots)
    following = follower(ring)
    following.poll(1)
    shown = []
    for step in range(1, 30):
        ring.newest, ring.coming = 30, [Notification(step)]
        if (each := following.poll(1)) is not None:
            shown.append(each)
    assert [each.step for each in shown] == sorted({each.step for each in shown})
    assert sum(1 + each.skipped for each in shown) == shown[-1].step


def test_time_counts_while_a_frame_is_asked_for() -> None:
    """Whoever takes long over a frame has as long to wait for the next."""
    ring = FakeRing(Notification(None), newest=7)
    following = follower(ring, timeout_s=0.2)
    following.poll(1)
    time.sleep(0.3)
    assert following.poll(0.05) is None


def test_a_frame_that_could_not_be_read_is_read_later() -> None:
    """Its news is not lost with the connection."""
    ring = FakeRing(Notification(None), Notification(8), newest=7)
    following = follower(ring)
    following.poll(1)
    ring.newest, ring.failing = 8, 1
    assert following.poll(0.01) is None
    assert following.poll(0.01) == Shown(8, b"")


@pytest.mark.parametrize("timeout_s", [0, -1, math.nan])
def test_a_wait_takes_time(store: RedisStore, timeout_s: float) -> None:
    """Anything else is refused, before the first frame."""
    FrameWriter(store, SHAPE, slots=4).close()
    with pytest.raises(ValueError, match=r"timeout_s=.* is not allowed"):
        FrameReader(store).follow(timeout_s=timeout_s)


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


@pytest.mark.parametrize("before", [0, 3])
def test_all_frames_are_yielded_or_counted(store: RedisStore, before: int) -> None:
    """From the newest at the beginning, or the first where there is none, to the end; then again the newest."""
    with FrameWriter(store, SHAPE, slots=4) as writer, FrameReader(store) as reader:
        publish(writer, before)
        with publishing(writer, 40):
            frames = list(reader.follow())
        assert int(frames[-1].time) == before + 39
        assert account(frames) == before + 40 - int(frames[0].time)
        assert [int(frame.time) for frame in reader.follow()] == [before + 39]


def test_silence_is_an_error(store: RedisStore) -> None:
    """With the time, and the step since which nothing came."""
    with FrameWriter(store, SHAPE, slots=4) as writer, FrameReader(store) as reader:
        with pytest.raises(TimeoutError, match="in a ring that has none yet"):
            next(reader.follow(timeout_s=0.1))
        publish(writer, 3)
        frames = reader.follow(timeout_s=0.1)
        assert int(next(frames).time) == 2
        with pytest.raises(TimeoutError, match=r"no frame for 100 ms since step 2: the writer has stopped"):
            next(frames)


async def test_a_loop_gets_them_too(store: RedisStore) -> None:
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


def test_closing_the_reader_ends_those_who_follow(store: RedisStore) -> None:
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


async def test_a_task_that_is_cancelled_ends_at_once(store: RedisStore) -> None:
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
    with real_redis() as server, RedisStore(server.url) as store:
        FrameWriter(store, SHAPE, slots=4).close()
        reader = FrameReader(store)
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
