"""Tests of helpers.stream: frames in stores that write one key at a time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from itertools import count, takewhile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from zarr.storage import LocalStore, MemoryStore

from helpers.stream import (
    DOCUMENTS,
    FRAMES,
    GROUP,
    NEWEST,
    TIME,
    FrameReader,
    FrameWriter,
    Ring,
    SharedRingReader,
    SharedRingWriter,
    Shown,
    list_keys,
    read_bytes,
    write_bytes,
)
from tests.stream_frames import SHAPE, faults, frame_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from zarr.abc.store import ByteRequest, Store
    from zarr.core.buffer import Buffer, BufferPrototype

SLOTS = 5


def quiet(_: str, __: str) -> None:
    """Do nothing."""


class Watched(MemoryStore):
    """A store that calls somebody before and after each request, when a test says so."""

    before: Callable[[str, str], object]
    after: Callable[[str, str], object]

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read."""
        getattr(self, "before", quiet)("read", key)
        value = super().get_sync(key, prototype=prototype, byte_range=byte_range)
        getattr(self, "after", quiet)("read", key)
        return value

    def set_sync(self, key: str, value: Buffer) -> None:
        """Write."""
        super().set_sync(key, value)
        getattr(self, "after", quiet)("write", key)


@pytest.fixture
def store() -> Watched:
    """An empty store."""
    made = Watched()
    made.before = made.after = quiet
    return made


def publish(writer: FrameWriter, count: int) -> None:
    """Publish so many frames."""
    for _ in range(count):
        writer.append(frame_of(writer.newest + 1))


def steps(store: Store) -> list[int]:
    """Return the steps that a ring holds, after a look at each frame."""
    with FrameReader(store) as reader:
        window = reader.window()
        assert not any(+faults(frame) for frame in window.load())
        return [int(step) for step in window.time]


def test_at_no_instant_is_a_frame_wrong(store: Watched) -> None:
    """Whatever a reader sees between any two writes, in any slot, is right or missing."""
    seen: Counter[str] = Counter()
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        reader = SharedRingReader(store)

        def look(kind: str, _: str) -> None:
            if kind == "write":
                for step in range(max(0, writer.newest - SLOTS), writer.newest + 2):
                    shown = reader.at(step)
                    seen["shown" if shown else "missing"] += 1
                    if shown:
                        assert np.array_equal(reader.ring.decode(shown.value), frame_of(shown.step))
                        assert shown.step >= step

        store.after = look
        publish(writer, 3 * SLOTS)
        store.after = quiet
    assert seen["shown"] > seen["missing"] > 0


def test_at_no_instant_is_the_newest_frame_missing(store: Watched) -> None:
    """A reader finds the step that it was told."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, 1)
        reader = SharedRingReader(store)
        store.after = lambda kind, _: kind == "read" or reader.at(reader.newest()) or pytest.fail("missing")
        publish(writer, 2 * SLOTS)
        store.after = quiet


@pytest.mark.parametrize("when", range(6))
def test_a_frame_that_is_replaced_while_it_is_read_is_not_shown(store: Watched, when: int) -> None:
    """Wherever the writer comes between."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, SLOTS)
        reader = SharedRingReader(store)
        reads = iter(range(100))

        def publish_between(kind: str, _: str) -> None:
            if kind == "read" and next(reads) == when:
                store.before = quiet
                publish(writer, 1)

        store.before = publish_between
        shown = reader.at(0)
        store.before = quiet
        assert shown in (None, Shown(0, bytes(frame_of(0).data)), Shown(5, bytes(frame_of(5).data)))


@pytest.mark.parametrize("kind", ["memory", "local"])
@pytest.mark.parametrize("slots", [1, 2, 7])
def test_no_frame_is_torn_while_a_thread_writes(kind: str, slots: int, tmp_path: Path) -> None:
    """As fast as it can."""
    store: Store = MemoryStore() if kind == "memory" else LocalStore(tmp_path)
    found: Counter[str] = Counter()
    stop = threading.Event()
    with FrameWriter(store, SHAPE, slots=slots) as writer:
        publish(writer, slots)

        def write() -> None:
            while not stop.is_set():
                publish(writer, 1)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            reader = FrameReader(store)
            for _ in takewhile(lambda n: n < 60 or writer.newest < 3 * slots + 10, count()):
                found += faults(reader.latest())
                window = reader.window(2)
                try:
                    for frame in window.load():
                        found += faults(frame)
                except RuntimeError as error:
                    assert "has left the ring" in str(error)  # noqa: PT017 -- it may come or not
        finally:
            stop.set()
            thread.join(20)
    assert not +found


def test_a_window_that_is_computed_late_raises(store: Watched) -> None:
    """It names the step that has gone; one that has not is right."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer, FrameReader(store) as reader:
        publish(writer, 8)
        old, new = reader.window(), reader.window(2)
        publish(writer, 3)
        with pytest.raises(RuntimeError, match=r"step 3 has left the ring in memory:.* which keeps 5 frames"):
            old.load()
        assert [int(step) for step in new.time] == [6, 7]
        assert not any(+faults(frame) for frame in new.load())
        late = reader.window(1)
        write_bytes(store, TIME, b"")
        with pytest.raises(RuntimeError, match="step 10 has left the ring"):
            late.load()


def test_a_frame_that_was_deleted_raises(store: Watched) -> None:
    """It is not filled in."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer, FrameReader(store) as reader:
        publish(writer, 8)
        window = reader.window()
        store.delete_sync(Ring.of(SHAPE, dtype="uint8", slots=SLOTS).frame_key(6))
        with pytest.raises(RuntimeError, match="step 6 has left the ring"):
            window.load()
        assert int(reader.latest().time) == 7
        store.delete_sync(Ring.of(SHAPE, dtype="uint8", slots=SLOTS).frame_key(7))
        assert int(reader.latest().time) == 5


def test_numbering_goes_on_with_the_next_writer(store: Watched) -> None:
    """Also after one that died between label and number."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, 7)
        old = read_bytes(store, NEWEST)
        publish(writer, 1)
    assert old is not None
    write_bytes(store, NEWEST, old)
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        assert writer.newest == 7
        publish(writer, 1)
    assert steps(store) == [4, 5, 6, 7, 8]


def test_a_writer_that_died_over_a_frame_leaves_a_gap(store: Watched) -> None:
    """The next one fills it."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, 7)

        def die(kind: str, key: str) -> None:
            if kind == "write" and key.startswith("frames/c"):
                raise KeyboardInterrupt

        store.after = die
        with pytest.raises(KeyboardInterrupt):
            publish(writer, 1)
        store.after = quiet
    assert steps(store) == [3, 4, 5, 6]
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, 1)
    assert steps(store) == [3, 4, 5, 6, 7]


def test_another_writer_is_noticed(store: Watched) -> None:
    """By the first that finds a number which is not its own."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as first:
        publish(first, 3)
        with FrameWriter(store, SHAPE, slots=SLOTS) as second:
            publish(second, 1)
            with pytest.raises(RuntimeError, match=r"another writer publishes in memory:.* newest step is 3, and here"):
                publish(first, 1)
            first.close()
            assert b'"ended": false' in (read_bytes(store, GROUP) or b"")
            publish(second, 1)
    assert steps(store) == [0, 1, 2, 3, 4]


def test_a_store_that_was_cleared_is_filled_again(store: Watched) -> None:
    """Numbering goes on."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        publish(writer, 7)
        store._store_dict.clear()
        publish(writer, 2)
        assert steps(store) == [7, 8]
        assert set(DOCUMENTS) <= set(list_keys(store))


def test_another_ring_and_other_things_are_refused(store: Watched) -> None:
    """Nothing is overwritten."""
    FrameWriter(store, SHAPE, slots=SLOTS).close()
    before = dict(store._store_dict)
    with pytest.raises(ValueError, match="already holds a ring of 5 slots"):
        SharedRingWriter(store, Ring.of(SHAPE, dtype="uint8", slots=SLOTS + 1))
    assert store._store_dict == before
    other = Watched()
    other.before = other.after = quiet
    write_bytes(other, "notes.txt", b"mine")
    with pytest.raises(ValueError, match="already holds other things"):
        SharedRingWriter(other, Ring.of(SHAPE, dtype="uint8", slots=SLOTS))


def test_a_reader_of_another_ring_is_told(store: Watched) -> None:
    """Somebody cleared the store and began anew."""
    with FrameWriter(store, (6, 4), slots=SLOTS):
        reader = FrameReader(store)
        store._store_dict.clear()
        with FrameWriter(store, (4, 6), slots=SLOTS) as writer:
            writer.append(np.ones((4, 6), "uint8"))
            with pytest.raises(RuntimeError, match="another ring of frames lies in"):
                reader.latest()


def test_a_writer_that_is_too_fast_is_told(store: Watched) -> None:
    """A reader that never gets a frame says why, in a bounded time."""
    with FrameWriter(store, SHAPE, slots=1) as writer, FrameReader(store) as reader:
        publish(writer, 1)

        def replace(kind: str, key: str) -> None:
            if kind == "read" and key == FRAMES:
                publish(writer, 1)

        store.before = replace
        began = time.monotonic()
        with pytest.raises(RuntimeError, match=r"no frame in .* could be read for 2 s: the writer replaces each"):
            reader.latest()
        assert time.monotonic() - began < 10
        store.before = quiet
