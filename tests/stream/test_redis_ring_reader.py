"""Tests of helpers.stream: what each reading costs, and what it does when the ring moves on."""

from __future__ import annotations

import gc
import pickle
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from dask.tokenize import tokenize

from helpers.redis import RedisStore, copy_values
from helpers.stream import FRAMES, TIME, FrameReader, FrameWriter, RedisRingReader, Ring, documents_of
from tests.redis_servers import real_redis
from tests.stream_frames import SHAPE, faults, frame_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from helpers.redis import FrozenRedisStore, RedisKeys

SLOTS = 5


@pytest.fixture(scope="module")
def served() -> Iterator[RedisStore]:
    """A store on a real server for the tests of this module."""
    with real_redis() as server, RedisStore(server.url, prefix="life") as store:
        yield store


@pytest.fixture
def store(served: RedisStore) -> RedisStore:
    """The same, empty."""
    served.keys.client.flushall()
    return served


@pytest.fixture
def writer(store: RedisStore) -> Iterator[FrameWriter]:
    """A writer of a ring in it, full."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as made:
        publish(made, 8)
        yield made


def publish(writer: FrameWriter, count: int) -> None:
    """Publish so many frames."""
    for _ in range(count):
        writer.append(frame_of(writer.newest + 1))


def cost(store: RedisStore, call: Callable[[], object]) -> tuple[dict[str, int], int]:
    """Return the commands that a call takes, and the bytes that the server sends for it."""
    client = store.keys.client
    client.config_resetstat()
    call()
    commands: dict[str, Any] = client.info("commandstats")
    sent = int(client.info("stats")["total_net_output_bytes"])
    overhead = {"cmdstat_config|resetstat", "cmdstat_info"}
    return {name: each["calls"] for name, each in commands.items() if name not in overhead}, sent


def read_newest(reader: FrameReader) -> None:
    """Read the newest frame twenty times."""
    for _ in range(20):
        reader.latest()


def test_the_newest_frame_costs_the_same_however_many_there_are(store: RedisStore) -> None:
    """The same commands and bytes, whether the ring holds ten frames or a thousand."""
    costs = []
    for slots in (10, 1000):
        store.keys.client.flushall()
        with FrameWriter(store, SHAPE, slots=slots) as writer, FrameReader(store) as reader:
            publish(writer, slots)
            reader.latest()
            costs.append(cost(store, partial(read_newest, reader)))
    (few, few_bytes), (many, many_bytes) = costs
    assert few == many
    assert few["cmdstat_exec"] == 20
    assert "cmdstat_scan" not in few
    assert abs(many_bytes - few_bytes) < 0.03 * few_bytes


def test_a_window_reads_nothing_until_it_is_computed(store: RedisStore, writer: FrameWriter) -> None:
    """Then each frame once."""
    assert writer.newest == 7
    with FrameReader(store) as reader:
        windows: list[Any] = []
        _, taking = cost(store, lambda: windows.append(reader.window()))
        _, computing = cost(store, windows[0].load)
    frames = SLOTS * SHAPE[0] * SHAPE[1]
    assert taking < frames // 3
    assert frames < computing < frames + 5000


def test_a_window_stays_as_it_was(store: RedisStore, writer: FrameWriter) -> None:
    """Whatever the writer does after."""
    with FrameReader(store) as reader:
        windows = [reader.window(), reader.window(2)]
        publish(writer, 3 * SLOTS)
        assert [window.time.values.tolist() for window in windows] == [[3, 4, 5, 6, 7], [6, 7]]
        for window in windows:
            assert not any(+faults(frame) for frame in window.load())


def test_a_window_knows_which_frames_it_copied(
    store: RedisStore, writer: FrameWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that goes on between the look at the labels and the copy does not matter: it has both at one instant."""

    def copy_later(source: RedisKeys, keys: Sequence[str]) -> FrozenRedisStore:
        publish(writer, 2)
        return copy_values(source, keys)

    monkeypatch.setattr("helpers.stream.copy_values", copy_later)
    reader = RedisRingReader(store)
    assert reader.window(None).steps == (5, 6, 7, 8, 9)
    assert reader.window(2).steps == (8, 9)
    source = reader.window(4)
    assert source.steps == (9, 10, 11, 13)  # 12 went into the slot that was not copied
    frames = np.empty((4, *SHAPE), "uint8")
    source.read(source.steps, frames)
    np.testing.assert_array_equal(frames, [frame_of(step) for step in source.steps])


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


def test_a_pickled_window_outlives_its_origin(store: RedisStore, writer: FrameWriter) -> None:
    """The process that gets it may need it later."""
    assert writer.newest == 7
    with FrameReader(store) as reader:
        same = pickle.loads(pickle.dumps(reader.window(3)))
        gc.collect()
        publish(writer, 2 * SLOTS)
        assert same.time.values.tolist() == [5, 6, 7]
        assert not any(+faults(frame) for frame in same.load())


def test_a_window_whose_copy_is_gone_raises(store: RedisStore, writer: FrameWriter) -> None:
    """It is never filled in."""
    with FrameReader(store) as reader:
        window = reader.window()
        store.keys.client.flushall()
        publish(writer, SLOTS)
        with pytest.raises(RuntimeError, match=r"values frozen in .* are gone"):
            window.load()


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
    reader = RedisRingReader(store)
    publish(writer, 1)
    found = [reader.at(step) for step in (8, 3, 13, 4)]
    assert [None if each is None else each.step for each in found] == [8, 8, None, 4]


def test_the_newest_frame_of_what_is_left(store: RedisStore, writer: FrameWriter) -> None:
    """Of a server that has evicted some."""
    reader = RedisRingReader(store)
    for left in (7, 6, 4):
        shown = reader.newest_there()
        assert shown is not None
        assert shown.step == left
        store.keys.write({reader.ring.frame_key(left): None, reader.ring.frame_key(5): None})
    store.keys.write({TIME: None})
    assert reader.newest_there() is None
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
