"""Tests of helpers.stream: a ring in Redis that restarts, forgets, evicts, and has other writers."""

from __future__ import annotations

import itertools
import os
import select
import signal
import socket
from typing import TYPE_CHECKING

import numpy as np
import pytest
import redis

from helpers.redis import RedisStore
from helpers.servers import redis_stand_in
from helpers.stream import DOCUMENTS, GROUP, NEWEST, TIME, FrameReader, FrameWriter, Ring
from tests.ports import free_port
from tests.redis_servers import clients, losing_the_first_answer_to, real_redis, serving
from tests.stream_frames import SHAPE, faults, frame_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from helpers.servers import RedisServer

SLOTS = 5


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One real server for the tests of this module."""
    with real_redis() as running:
        yield running


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    """A store on that server, which is empty."""
    with RedisStore(server.url, prefix="life") as made:
        made.keys.client.flushall()
        yield made


def fill(writer: FrameWriter, count: int) -> None:
    """Publish so many frames."""
    for _ in range(count):
        writer.append(frame_of(writer.newest + 1))


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


def counting_turns(port: int, turns: list[str]) -> Callable[[socket.socket], None]:
    """Return what passes all on to a Redis and back, and notes whose turn it was, for `serving`."""

    def serve(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as inside:
            while True:
                for source in select.select([client, inside], [], [])[0]:
                    data = source.recv(1 << 20)
                    if not data:
                        return
                    who = "client" if source is client else "server"
                    if turns[-1:] != [who]:
                        turns.append(who)
                    (inside if source is client else client).sendall(data)

    return serve


@pytest.mark.usefixtures("store")
def test_a_frame_takes_one_round_trip(server: RedisServer) -> None:
    """Whatever its size, and the number of slots."""
    turns: list[str] = []
    with (
        serving(counting_turns(server.port, turns)) as port,
        RedisStore(f"redis://127.0.0.1:{port}", prefix="life") as slow,
        FrameWriter(slow, (256, 256), slots=300) as writer,
    ):
        writer.append(frame_of(0, (256, 256)))
        turns.clear()
        for step in range(1, 21):
            writer.append(frame_of(step, (256, 256)))
        # The server may answer the first part of a packet before the last has come. A second trip would make 40.
        assert 20 <= turns.count("client") < 40


def test_numbering_goes_on_with_the_next_writer(store: RedisStore) -> None:
    """What the first one wrote stays."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        fill(writer, 7)
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        assert writer.newest == 6
        fill(writer, 2)
    assert steps(store) == [4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("shape", "dtype", "slots"), [((4, 3), "uint8", SLOTS), (SHAPE, "int8", SLOTS), (SHAPE, "uint8", SLOTS + 1)]
)
def test_another_ring_is_refused(store: RedisStore, shape: tuple[int, int], dtype: str, slots: int) -> None:
    """With what is there; the ring stays, and its writer goes on."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        fill(writer, 3)
        with pytest.raises(
            ValueError, match=r"already holds a ring of 5 slots for frames of 64 x 96 uint8, and was to"
        ):
            FrameWriter(store, shape, dtype=dtype, slots=slots)
        fill(writer, 1)
    assert steps(store) == [0, 1, 2, 3]


def test_what_others_store_is_refused(store: RedisStore) -> None:
    """Nothing of it is overwritten."""
    store.keys.write({"notes.txt": b"mine"})
    with pytest.raises(ValueError, match=r"already holds other things than a ring of frames, 'notes.txt' among them"):
        FrameWriter(store, SHAPE)
    assert [key for page in store.keys.pages() for key in page] == ["notes.txt"]


def test_another_type_of_redis_is_refused(store: RedisStore) -> None:
    """SET would replace it."""
    store.keys.client.hset(store.keys.name(NEWEST), "a", "b")
    with pytest.raises(TypeError, match="another type than a string"):
        FrameWriter(store, SHAPE)
    assert store.keys.client.type(store.keys.name(NEWEST)) == b"hash"


def test_the_next_writer_takes_over(store: RedisStore) -> None:
    """The one before is told, publishes nothing more, and does not end the stream when it is closed."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as first, FrameWriter(store, SHAPE, slots=SLOTS) as second:
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"another writer has taken over .* nothing was published"):
                fill(first, 1)
        fill(second, 2)
        first.close()
        fill(second, 1)
        assert b'"ended": false' in (store.read_many([GROUP])[0] or b"")
    assert steps(store) == [0, 1, 2]


def test_of_two_writers_that_race_one_is_stopped(store: RedisStore) -> None:
    """Whichever publishes first after both began."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as first:
        fill(first, 3)
        second = FrameWriter(store, SHAPE, slots=SLOTS)
        with pytest.raises(RuntimeError, match="another writer has taken over"):
            fill(first, 1)
        with FrameWriter(store, SHAPE, slots=SLOTS) as third:
            fill(third, 1)
            with pytest.raises(RuntimeError, match="its newest step is 3"):
                fill(second, 1)
        second.close()
    assert steps(store) == [0, 1, 2, 3]


def test_a_ring_of_another_shape_takes_over(store: RedisStore) -> None:
    """Somebody cleared the store and began anew: the first writer must not touch that."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as first:
        fill(first, 3)
        store.keys.remove()
        with FrameWriter(store, (8, 8), slots=3) as second:
            second.append(np.ones((8, 8), "uint8"))
            with pytest.raises(RuntimeError, match="another writer has taken over"):
                fill(first, 1)
            second.append(np.ones((8, 8), "uint8"))
        with FrameReader(store) as reader:
            assert int(reader.latest().sum()) == 64
            assert [int(step) for step in reader.window().time] == [0, 1]


@pytest.mark.parametrize("clear", ["flushall", "remove"])
def test_an_emptied_store_is_filled_again(store: RedisStore, clear: str) -> None:
    """Numbering goes on, and no label names a frame that is gone."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        fill(writer, 8)
        if clear == "flushall":
            store.keys.client.flushall()
        else:
            store.keys.remove()
        fill(writer, 1)
        assert labels(store) == [-1, -1, -1, 8, -1]
        fill(writer, 1)
        assert steps(store) == [8, 9]


@pytest.mark.parametrize("key", [*DOCUMENTS, TIME, NEWEST])
def test_an_evicted_key_comes_back(store: RedisStore, key: str) -> None:
    """With the second frame at the latest; labels name what is there."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        fill(writer, 8)
        store.keys.write({key: None})
        fill(writer, 2)
        assert None not in store.read_many([*DOCUMENTS, TIME, NEWEST])
        assert steps(store)[-2:] == [8, 9]
        fill(writer, 5)
        assert steps(store) == [10, 11, 12, 13, 14]


def test_an_evicted_frame_is_left_out(store: RedisStore) -> None:
    """The newest one, too; it is never filled in."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        fill(writer, 8)
        ring = Ring.of(SHAPE, dtype="uint8", slots=SLOTS)
        store.keys.write({ring.frame_key(5): None, ring.frame_key(7): None})
        assert steps(store) == [3, 4, 6]
        fill(writer, 1)
        assert steps(store) == [4, 6, 8]
    with FrameWriter(store, SHAPE, slots=SLOTS):
        assert sorted(labels(store)) == [-1, -1, 4, 6, 8]


def test_a_connection_that_breaks_goes_unnoticed(store: RedisStore) -> None:
    """The frame is published on a new one."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        for _ in range(4):
            fill(writer, 2)
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
        fill(writer, 8)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(ConnectionError, match=r"No Redis at .* answers"):
                fill(writer, 1)
    with real_redis(port=port), store, writer:
        fill(writer, 1)
        assert labels(store) == [-1, -1, -1, 8, -1]
        fill(writer, 1)
        assert steps(store) == [8, 9]


def test_a_server_that_restarts_between_two_frames_goes_unnoticed() -> None:
    """The second frame is published, in a ring that was made anew."""
    port = free_port()
    with real_redis(port=port) as server:
        store = RedisStore(server.url)
        writer = FrameWriter(store, SHAPE, slots=SLOTS)
        fill(writer, 8)
    with real_redis(port=port), store, writer:
        fill(writer, 1)
        assert steps(store) == [8]


def test_a_server_that_comes_back_with_older_frames_keeps_them(store: RedisStore) -> None:
    """As one that loads a snapshot does: its labels tell what it holds, and numbering goes on."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        fill(writer, 6)
        keys = [*DOCUMENTS, TIME, NEWEST, *(f"frames/c/{slot}/0/0" for slot in range(SLOTS))]
        snapshot = dict(zip(keys, store.read_many(keys), strict=True))
        fill(writer, 3)
        writer._writer._guarded.close()  # type: ignore[union-attr]
        store.keys.write(snapshot)
        fill(writer, 1)
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
        fill(writer, 1)
    writer.close()


def test_a_closed_writer_publishes_nothing(store: RedisStore) -> None:
    """It says so."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        fill(writer, 1)
    with pytest.raises(ValueError, match="this writer is closed"):
        fill(writer, 1)
    assert steps(store) == [0]


def test_a_writer_holds_one_connection(server: RedisServer, store: RedisStore) -> None:
    """And gives it back, however it goes."""
    store.keys.close()
    before = len(clients(server))
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        fill(writer, 3)
        store.keys.close()
        assert len(clients(server)) == before + 1
    forgotten = FrameWriter(store, SHAPE, slots=SLOTS)
    with pytest.raises(ValueError, match="already holds"):
        FrameWriter(store, (1, 1), slots=SLOTS)
    del forgotten
    store.keys.close()
    assert len(clients(server)) == before


def test_a_frame_that_does_not_fit_leaves_the_ring_as_it_is(store: RedisStore) -> None:
    """Nothing is published, and no number is lost."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        fill(writer, 2)
        for wrong, error in ((np.zeros((2, 2), "uint8"), ValueError), (np.zeros(SHAPE), TypeError)):
            with pytest.raises(error, match="nothing was published"):
                writer.append(wrong)
        fill(writer, 1)
    assert steps(store) == [0, 1, 2]


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_the_smallest_rings_work(store: RedisStore, slots: int) -> None:
    """They hold what they can."""
    with FrameWriter(store, SHAPE, slots=slots) as writer:
        for count in itertools.accumulate([1, 1, 2, 3]):
            fill(writer, 1)
            assert steps(store)[-1] == writer.newest
            assert count >= 1
    assert steps(store) == [*range(4 - slots, 4)]


def test_it_works_on_the_stand_in() -> None:
    """The same frames, takeover and recovery."""
    with (
        redis_stand_in() as port,
        RedisStore(f"redis://127.0.0.1:{port}") as store,
        FrameWriter(store, SHAPE, slots=SLOTS) as writer,
    ):
        fill(writer, 7)
        assert steps(store) == [2, 3, 4, 5, 6]
        store.keys.client.flushall()
        fill(writer, 3)
        assert steps(store)[-2:] == [8, 9]
        with FrameWriter(store, SHAPE, slots=SLOTS) as second:
            fill(second, 1)
            with pytest.raises(RuntimeError, match="another writer has taken over"):
                fill(writer, 1)


def test_a_password_is_in_no_error(store: RedisStore) -> None:
    """Not in that of a writer that was overtaken, nor in its repr."""
    with redis.Redis.from_url(store.keys.url, protocol=2) as client:
        client.acl_setuser("ada", enabled=True, passwords=["+s3cret"], keys=["*"], channels=["*"], commands=["+@all"])
    url = store.keys.url.replace("redis://", "redis://ada:s3cret@")
    with FrameWriter(RedisStore(url, prefix="life"), SHAPE, slots=SLOTS) as first:
        FrameWriter(store, SHAPE, slots=SLOTS).close()
        with pytest.raises(RuntimeError, match="taken over") as raised:
            fill(first, 1)
        assert "s3cret" not in f"{raised.value!r} {first!r}"
