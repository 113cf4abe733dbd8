"""Tests of helpers.stream.writer: in a Redis that restarts, forgets, evicts, and has other writers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import redis

from helpers.redis import RedisKeys, RedisStore
from helpers.stream import FencedWrites, FrameReader, FrameWriter, Ring
from helpers.stream.ring import DOCUMENTS, GROUP, NEWEST, TIME
from helpers.stream.writer import channel
from tests.ports import free_port
from tests.redis_servers import clients, losing_the_first_answer_to, real_redis, serving
from tests.stream_frames import SHAPE, faults, frame_of, publish

if TYPE_CHECKING:
    from helpers.servers import RedisServer

SLOTS = 5


def steps(store: RedisStore) -> list[int]:
    """Return the steps that a ring holds, after a look at each frame."""
    with FrameReader(store) as reader:
        window = reader.window()
        assert not any(+faults(frame) for frame in window.load())
        latest = reader.latest()
        assert not +faults(latest)
        assert int(latest.time) == int(window.time[-1])
        return [int(step) for step in window.time]


def labels(store: RedisStore) -> list[int]:
    """Return the labels as they are stored."""
    found: list[int] = np.frombuffer(store.read_many([TIME])[0] or b"", "<i8").tolist()
    return found


def test_another_ring_is_refused(store: RedisStore) -> None:
    """With what is there; the ring stays, and its writer goes on."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, 3)
        with pytest.raises(ValueError, match=r"already holds a ring of 5 slots for frames of 64 x 96 uint8, and was"):
            FrameWriter(store, SHAPE, dtype="int8", slots=SLOTS)
        publish(writer, 1)
    assert steps(store) == [0, 1, 2, 3]


def test_what_others_store_is_refused(store: RedisStore) -> None:
    """Nothing of it is overwritten."""
    store.keys.write({"notes.txt": b"mine"})
    with pytest.raises(ValueError, match=r"already holds other things than a ring of frames, 'notes.txt' among them"):
        FrameWriter(store, SHAPE)
    assert [key for page in store.keys.pages() for key in page] == ["notes.txt"]


def test_the_next_writer_takes_over(store: RedisStore) -> None:
    """The one before is told, publishes nothing more, and does not end the stream when it is closed."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as first, FrameWriter(store, SHAPE, slots=SLOTS) as second:
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"another writer has taken over .* nothing was published"):
                publish(first, 1)
        publish(second, 2)
        first.close()
        publish(second, 1)
        assert b'"ended": false' in (store.read_many([GROUP])[0] or b"")
    assert steps(store) == [0, 1, 2]


def test_a_ring_of_another_shape_takes_over(store: RedisStore) -> None:
    """Somebody cleared the store and began anew: the first writer must not touch that."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as first:
        publish(first, 3)
        store.keys.remove()
        with FrameWriter(store, (8, 8), slots=3) as second:
            second.append(np.ones((8, 8), "uint8"))
            with pytest.raises(RuntimeError, match="another writer has taken over"):
                publish(first, 1)
            second.append(np.ones((8, 8), "uint8"))
        with FrameReader(store) as reader:
            assert int(reader.latest().sum()) == 64
            assert [int(step) for step in reader.window().time] == [0, 1]


@pytest.mark.parametrize("clear", ["flushall", "remove"])
def test_an_emptied_store_is_filled_again(store: RedisStore, clear: str) -> None:
    """Numbering goes on, and no label names a frame that is gone."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, 8)
        if clear == "flushall":
            store.keys.client.flushall()
        else:
            store.keys.remove()
        publish(writer, 1)
        assert labels(store) == [-1, -1, -1, 8, -1]
        publish(writer, 1)
        assert steps(store) == [8, 9]


@pytest.mark.parametrize("key", [*DOCUMENTS, TIME, NEWEST])
def test_an_evicted_key_comes_back(store: RedisStore, key: str) -> None:
    """With the second frame at the latest; labels name what is there."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, 8)
        store.keys.write({key: None})
        publish(writer, 2)
        assert None not in store.read_many([*DOCUMENTS, TIME, NEWEST])
        assert steps(store)[-2:] == [8, 9]
        publish(writer, 5)
        assert steps(store) == [10, 11, 12, 13, 14]


def test_an_evicted_frame_is_left_out(store: RedisStore) -> None:
    """The newest one, too; it is never filled in."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, 8)
        ring = Ring.of(SHAPE, dtype="uint8", slots=SLOTS)
        store.keys.write({ring.frame_key(5): None, ring.frame_key(7): None})
        assert steps(store) == [3, 4, 6]
        publish(writer, 1)
        assert steps(store) == [4, 6, 8]
    with FrameWriter(store, SHAPE, slots=SLOTS):
        assert sorted(labels(store)) == [-1, -1, 4, 6, 8]


def test_a_connection_that_breaks_goes_unnoticed(store: RedisStore) -> None:
    """The frame is published on a new one."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        for _ in range(4):
            publish(writer, 2)
            store.keys.client.client_kill_filter(_type="normal", skipme=True)
    assert steps(store) == [3, 4, 5, 6, 7]


def test_a_lost_answer_publishes_no_frame_twice(server: RedisServer, store: RedisStore) -> None:
    """The writer finds its frame there, and counts it."""
    with (
        serving(losing_the_first_answer_to(b"PUBLISH", server.port)) as port,
        RedisStore(f"redis://127.0.0.1:{port}", prefix="life") as losing,
        FrameWriter(losing, SHAPE, slots=SLOTS) as writer,
    ):
        assert [writer.append(frame_of(step)) for step in range(4)] == [0, 1, 2, 3]
    assert steps(store) == [0, 1, 2, 3]


def test_a_server_that_restarts_empty_is_filled_again() -> None:
    """While it is down each frame raises; then the next goes on with the number of the one that failed."""
    port = free_port()
    with real_redis(port=port) as server:
        store = RedisStore(server.url)
        writer = FrameWriter(store, SHAPE, slots=SLOTS)
        publish(writer, 8)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(ConnectionError, match=r"No Redis at .* answers"):
                publish(writer, 1)
    with real_redis(port=port), store, writer:
        publish(writer, 1)
        assert labels(store) == [-1, -1, -1, 8, -1]
        publish(writer, 1)
        assert steps(store) == [8, 9]


def test_a_server_that_comes_back_with_older_frames_keeps_them(store: RedisStore) -> None:
    """As one that loads a snapshot does: its labels tell what it holds, and numbering goes on."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, 6)
        keys = [*DOCUMENTS, TIME, NEWEST, *(f"frames/c/{slot}/0/0" for slot in range(SLOTS))]
        snapshot = dict(zip(keys, store.read_many(keys), strict=True))
        publish(writer, 3)
        writer._fenced.close()
        store.keys.write(snapshot)
        publish(writer, 1)
    assert steps(store) == [1, 2, 3, 5, 9]


def test_closing_tells_that_the_stream_has_ended(store: RedisStore) -> None:
    """By an attribute, which the next writer takes back."""
    for _ in range(2):
        with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
            assert b'"ended": false' in (store.read_many([GROUP])[0] or b"")
        writer.close()
        assert b'"ended": true' in (store.read_many([GROUP])[0] or b"")


def test_closing_without_a_server_is_quiet_and_quick() -> None:
    """There is nobody to tell."""
    with real_redis() as server:
        writer = FrameWriter(RedisStore(server.url), SHAPE, slots=SLOTS)
        publish(writer, 1)
    writer.close()


def test_a_writer_holds_one_connection(server: RedisServer, store: RedisStore) -> None:
    """And gives it back, however it goes."""
    store.keys.close()
    before = len(clients(server))
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, 3)
        store.keys.close()
        assert len(clients(server)) == before + 1
    forgotten = FrameWriter(store, SHAPE, slots=SLOTS)
    with pytest.raises(ValueError, match="already holds"):
        FrameWriter(store, (1, 1), slots=SLOTS)
    del forgotten
    store.keys.close()
    assert len(clients(server)) == before


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_the_smallest_rings_work(store: RedisStore, slots: int) -> None:
    """They hold what they can."""
    with FrameWriter(store, SHAPE, slots=slots) as writer:
        for newest in range(4):
            publish(writer, 1)
            assert steps(store)[-1] == newest
    assert steps(store) == [*range(4 - slots, 4)]


def test_steps_count_from_zero(store: RedisStore) -> None:
    """Each frame has the next; the next writer goes on, and what the first one wrote stays."""
    with FrameWriter(store, SHAPE, slots=3) as writer:
        assert writer.newest == -1
        assert [writer.append(frame_of(step)) for step in range(5)] == [0, 1, 2, 3, 4]
        assert writer.newest == 4
        assert repr(writer) == "<FrameWriter: 3 slots for frames of 64 x 96 uint8, newest step 4>"
    with FrameWriter(store, SHAPE, slots=3) as writer:
        assert writer.newest == 4
        publish(writer, 2)
    assert steps(store) == [4, 5, 6]


def test_a_frame_may_change_after_it_was_published(store: RedisStore) -> None:
    """What is stored is a copy."""
    frame = np.zeros(SHAPE, "uint8")
    with FrameWriter(store, SHAPE, slots=3) as writer:
        writer.append(frame)
        frame[:] = 1
        assert int(FrameReader(store).latest().sum()) == 0


def test_a_store_that_cannot_take_frames_is_refused(store: RedisStore) -> None:
    """It only reads, or publishes nothing before its end."""
    with pytest.raises(ValueError, match="cannot take frames as they come: it is read-only"):
        FrameWriter(store.with_read_only(read_only=True), SHAPE)
    with store.transaction() as transaction, pytest.raises(ValueError, match="or a transaction"):
        FrameWriter(transaction, SHAPE)


def test_a_closed_writer_is_closed(store: RedisStore) -> None:
    """Twice is no error; a frame is."""
    writer = FrameWriter(store, SHAPE, slots=3)
    writer.append(frame_of(0))
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="this writer is closed: make a new one"):
        writer.append(frame_of(1))
    assert not +faults(FrameReader(store).latest())


def test_threads_may_share_a_writer(store: RedisStore) -> None:
    """Each frame gets a step of its own."""
    given: list[int] = []
    with FrameWriter(store, (2, 2), slots=100) as writer:

        def write(value: int) -> None:
            given.extend(writer.append(np.full((2, 2), value, "uint8")) for _ in range(10))

        threads = [threading.Thread(target=write, args=(value,)) for value in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(given) == list(range(40))
        window = FrameReader(store).window()
        assert window.time.values.tolist() == list(range(40))
        assert np.bincount(window[:, 0, 0].values).tolist() == [10, 10, 10, 10]


# --- fenced writes ---


@pytest.fixture
def keys(store: RedisStore) -> RedisKeys:
    """The keys of one prefix on the server, which is empty."""
    return RedisKeys(store.keys.url, "p*")


def values(keys: RedisKeys) -> dict[str, bytes | None]:
    """Return what is stored."""
    names = [key for page in keys.pages() for key in page]
    return dict(zip(names, keys.read([(name, None) for name in names]), strict=True))


def test_writes_are_stored_and_published(keys: RedisKeys) -> None:
    """All at one instant, in one round trip."""
    with FencedWrites(keys, "turn") as fenced, keys.client.pubsub() as news:  # type: ignore[no-untyped-call]
        assert fenced.begin() is None
        news.subscribe(channel(keys))
        assert news.get_message(timeout=5)["type"] == "subscribe"
        assert fenced.write({"a": b"1", "turn": b"0"}, message=b"0") == "written"
        assert fenced.write({"a": memoryview(b"2"), "turn": b"1"}, message=b"1") == "written"
        assert [news.get_message(timeout=5)["data"] for _ in range(2)] == [b"0", b"1"]
    assert values(keys) == {"a": b"2", "turn": b"1"}


def test_a_write_and_a_frame_take_one_round_trip(keys: RedisKeys, server: RedisServer) -> None:
    """The server reads and answers once; a frame is one such write, and asks for nothing else."""
    with FencedWrites(keys, "turn") as fenced, redis.Redis.from_url(server.url, protocol=2) as client:
        fenced.begin()
        before = client.info("stats")["total_reads_processed"]
        assert [fenced.write({"turn": b"%d" % n}) for n in range(10)] == ["written"] * 10
        assert client.info("stats")["total_reads_processed"] - before == 10 + 1
        with FrameWriter(RedisStore(server.url), SHAPE, slots=300) as writer:
            publish(writer, 1)
            client.config_resetstat()
            publish(writer, 10)
            asked = client.info("commandstats")
    each = {name: asked[f"cmdstat_{name}"]["calls"] / 10 for name in ("multi", "set", "publish", "exec", "watch")}
    assert each == {"multi": 1, "set": 3, "publish": 1, "exec": 1, "watch": 1}
    assert asked.keys() == {"cmdstat_config|resetstat", "cmdstat_get", "cmdstat_exists"} | {
        f"cmdstat_{name}" for name in each
    }


@pytest.mark.parametrize("touch", ["set the same", "set another", "delete", "flush"])
def test_who_touches_the_guard_stops_the_writer(keys: RedisKeys, touch: str) -> None:
    """Nothing is written then, until it begins anew."""
    with FencedWrites(keys, "turn") as fenced:
        fenced.begin()
        fenced.write({"a": b"1", "turn": b"1"})
        if touch == "flush":
            keys.client.flushdb()
        else:
            keys.write({"turn": {"set the same": b"1", "set another": b"2", "delete": None}[touch]})
        assert fenced.write({"a": b"3", "turn": b"3"}) == "changed"
        assert fenced.write({"a": b"3", "turn": b"3"}) == "changed"
        assert values(keys).get("a") in (b"1", None)
        fenced.begin()
        assert fenced.write({"a": b"3", "turn": b"3"}) == "written"


def test_a_touch_between_two_commands_is_noticed(keys: RedisKeys) -> None:
    """Between EXEC and WATCH, which no other test can hit: a write whose own fence is not what it says."""
    with FencedWrites(keys, "turn") as fenced:
        fenced.begin()
        fenced._outcome([b"OK", b"QUEUED", [b"OK"], b"OK", b"another's"], b"1")
        assert fenced.write({"turn": b"2"}) == "changed"


def test_a_write_without_the_guard_keeps_it(keys: RedisKeys) -> None:
    """The fence stays as it was left."""
    with FencedWrites(keys, "turn") as fenced:
        fenced.begin()
        assert [fenced.write(each) for each in ({"turn": b"1"}, {"a": b"1"}, {"turn": b"2"})] == ["written"] * 3


def test_a_refusal_is_raised(keys: RedisKeys) -> None:
    """As the error that names the server; nothing is written, and the fence holds."""
    with FencedWrites(keys, "turn") as fenced:
        fenced.begin()
        keys.client.config_set("min-replicas-to-write", 1)
        try:
            with pytest.raises(OSError, match=r"Redis at .* answers with an error: .*NOREPLICAS"):
                fenced.write({"turn": b"1"})
        finally:
            keys.client.config_set("min-replicas-to-write", 0)
        assert fenced.write({"turn": b"1"}) == "written"


def _write_in_child(fenced: FencedWrites, results: multiprocessing.SimpleQueue[str]) -> None:
    results.put(fenced.write({"turn": b"child"}))
    fenced.begin()
    results.put(fenced.write({"turn": b"child"}))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_has_a_guard_of_its_own(keys: RedisKeys) -> None:
    """The child never uses the parent's connection, and takes over as any other writer does."""
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    with FencedWrites(keys, "turn") as fenced:
        fenced.begin()
        fenced.write({"turn": b"parent"})
        child = context.Process(target=_write_in_child, args=(fenced, results))
        child.start()
        child.join(20)
        assert child.exitcode == 0
        assert [results.get(), results.get()] == ["lost", "written"]
        assert fenced.write({"turn": b"parent"}) == "changed"
        assert fenced.begin() == b"child"
        assert fenced._owner == os.getpid()
