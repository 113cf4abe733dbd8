"""Tests of helpers.stream: what holds in every store. tests/test_redis_ring_writer.py has Redis."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from zarr.storage import MemoryStore, WrapperStore

from helpers.redis import RedisStore
from helpers.servers import redis_stand_in
from helpers.stream import FrameReader, FrameWriter
from tests.stream_frames import SHAPE, faults, frame_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zarr.abc.store import Store


class WithoutSync(WrapperStore[MemoryStore]):
    """A store that needs an event loop, as those of object stores do."""

    _supports_sync_io = False


@pytest.fixture(params=["redis", "memory", "asynchronous"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "asynchronous":
        yield WithoutSync(MemoryStore())
    else:
        with redis_stand_in() as port, RedisStore(f"redis://127.0.0.1:{port}", prefix="life") as made:
            yield made


def test_steps_count_from_zero(store: Store) -> None:
    """Each frame has the next."""
    with FrameWriter(store, SHAPE, slots=3) as writer:
        assert writer.newest == -1
        assert [writer.append(frame_of(step)) for step in range(5)] == [0, 1, 2, 3, 4]
        assert writer.newest == 4
        assert repr(writer) == "<FrameWriter: 3 slots for frames of 64 x 96 uint8, newest step 4>"


@pytest.mark.parametrize("kind", [list, xr.DataArray, np.asfortranarray, lambda frame: frame.astype(">u1")])
def test_frames_come_in_many_forms(store: Store, kind: type) -> None:
    """Whatever numpy takes for an array of the right dtype."""
    frame = np.arange(6, dtype="uint8").reshape(2, 3)
    with FrameWriter(store, (2, 3), dtype="int64", slots=3) as writer:
        writer.append(kind(frame))
        np.testing.assert_array_equal(FrameReader(store).latest(), frame)


def test_a_frame_may_change_after_it_was_published(store: Store) -> None:
    """What is stored is a copy."""
    frame = np.zeros(SHAPE, "uint8")
    with FrameWriter(store, SHAPE, slots=3) as writer:
        writer.append(frame)
        frame[:] = 1
        assert int(FrameReader(store).latest().sum()) == 0


def test_wrong_rings_are_refused_before_anything_is_written(store: Store) -> None:
    """Shape, slots and dtype are checked."""
    for shape, slots, dtype in (((3,), 3, "u1"), ((3, 4), 0, "u1"), ((3, 4), 3, "U1")):
        with pytest.raises((ValueError, TypeError), match="is not allowed"):
            FrameWriter(store, shape, dtype=dtype, slots=slots)
    with pytest.raises(FileNotFoundError, match="holds no ring of frames"):
        FrameReader(store)


def test_a_store_that_cannot_take_frames_is_refused(store: Store) -> None:
    """It only reads."""
    with pytest.raises(ValueError, match="cannot take frames as they come: it is read-only"):
        FrameWriter(store.with_read_only(read_only=True), SHAPE)


def test_a_transaction_is_refused() -> None:
    """It publishes nothing before its end."""
    with (
        redis_stand_in() as port,
        RedisStore(f"redis://127.0.0.1:{port}") as store,
        store.transaction() as transaction,
        pytest.raises(ValueError, match="or a transaction"),
    ):
        FrameWriter(transaction, SHAPE)


def test_threads_may_share_a_writer(store: Store) -> None:
    """Each frame gets a step of its own."""
    given: list[int] = []
    with FrameWriter(store, (2, 2), slots=100) as writer:

        def publish(value: int) -> None:
            given.extend(writer.append(np.full((2, 2), value, "uint8")) for _ in range(10))

        threads = [threading.Thread(target=publish, args=(value,)) for value in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(given) == list(range(40))
        window = FrameReader(store).window()
        assert window.time.values.tolist() == list(range(40))
        assert np.bincount(window[:, 0, 0].values).tolist() == [10, 10, 10, 10]


def test_a_closed_writer_is_closed(store: Store) -> None:
    """Twice is no error; a frame is."""
    writer = FrameWriter(store, SHAPE, slots=3)
    writer.append(frame_of(0))
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="this writer is closed: make a new one"):
        writer.append(frame_of(1))
    assert not +faults(FrameReader(store).latest())
