"""What lesson 10 builds by hand, taken from its own cells: that it works, and that each fault that it names occurs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array
import numpy as np
import pytest
import xarray as xr
import zarr

from helpers.redis import RedisStore
from helpers.stream import FrameReader, FrameWriter
from tests.redis_servers import real_redis
from tests.stream_frames import frame_of
from tools.lessons import read_lessons

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import RedisServer

(LESSON,) = (lesson for lesson in read_lessons() if lesson.number == "10")
SHAPE = (20, 30)
FRAMES = [frame_of(n, SHAPE) for n in range(20)]


def by_hand() -> dict[str, Any]:
    """Return the functions that the lesson defines, each from the cell in which it is built."""
    names: dict[str, Any] = {"dask": dask, "np": np, "xr": xr, "zarr": zarr}
    for name in ("begin", "publish", "latest", "window", "keys_of"):
        (source,) = (cell.source for cell in LESSON.cells("code") if f"def {name}(" in cell.source)
        exec(source.split("\n\n\n")[0], names)  # what the cell does after the definition is the lesson's
    return names


HAND = by_hand()
begin, publish, latest, window, keys_of = (HAND[name] for name in ("begin", "publish", "latest", "window", "keys_of"))


def publish_all(store: RedisStore, frames: list[Any]) -> None:
    """Publish frames by hand, from step 0 on."""
    for n, frame in enumerate(frames):
        publish(store, n, frame)


@pytest.fixture
def ring(server: RedisServer) -> Iterator[RedisStore]:
    """A ring of six slots, begun by hand, through which ten frames went."""
    with RedisStore(server.url, prefix="hand") as store:
        store.keys.client.flushall()
        begin(store, SHAPE, slots=6)
        publish_all(store, FRAMES[:10])
        yield store


def wrong_in(lazy: xr.DataArray) -> list[int]:
    """Return the steps whose frame is another one."""
    return [int(frame.time) for frame in lazy.compute() if (frame != FRAMES[int(frame.time)]).any()]


def test_the_newest_frame_comes_with_its_label(ring: RedisStore) -> None:
    """Ten frames through six slots: the last one."""
    newest = latest(ring)
    assert int(newest.time) == 9
    assert np.array_equal(newest, FRAMES[9])


def test_the_window_is_lazy_labelled_and_in_order(ring: RedisStore) -> None:
    """Six frames, steps 4 to 9, not one of them fetched."""
    last = window(ring)
    assert isinstance(last.data, dask.array.Array)
    assert last.dims == ("time", "y", "x")
    assert last.time.values.tolist() == [4, 5, 6, 7, 8, 9]
    assert wrong_in(last) == []


def test_a_frame_its_label_and_newest_become_visible_at_one_instant(ring: RedisStore) -> None:
    """The writer sends one transaction: commands and nothing in between."""
    ring.keys.client.config_resetstat()
    publish(ring, 10, FRAMES[10])
    calls = ring.keys.client.info("commandstats")
    assert calls["cmdstat_exec"]["calls"] == 1
    assert calls["cmdstat_set"]["calls"] == 3


def test_a_frame_without_life_is_stored_all_the_same(ring: RedisStore) -> None:
    """Zarr leaves out chunks of zeros unless it is told to keep them."""
    publish(ring, 10, np.zeros(SHAPE, "uint8"))
    assert int(latest(ring).sum()) == 0


def test_latest_is_right_when_it_is_overtaken(ring: RedisStore) -> None:
    """Between `newest` and the frame the writer goes once around: frame and label agree all the same."""
    read_many = ring.read_many

    def overtaken(keys: list[str]) -> list[bytes | None]:
        for n in range(10, 17):
            publish(ring, n, FRAMES[n])
        return read_many(keys)

    ring.read_many = overtaken  # type: ignore[method-assign, assignment]
    newest = latest(ring)
    assert int(newest.time) == 15
    assert np.array_equal(newest, FRAMES[15])


def test_fault_a_window_is_overtaken_while_it_is_computed(ring: RedisStore) -> None:
    """Labels stay, frames change; a frozen copy keeps both, and the same function reads it."""
    last, still = window(ring), window(ring.freeze(keys_of(ring)))
    for n in (10, 11):
        publish(ring, n, FRAMES[n])
    assert wrong_in(last) == [4, 5]
    assert wrong_in(still) == []
    assert still.time.values.tolist() == [4, 5, 6, 7, 8, 9]


def test_fault_a_second_writer_mixes_two_streams(ring: RedisStore, server: RedisServer) -> None:
    """By hand neither writer notices; `FrameWriter` tells the one that was overtaken."""
    publish_all(ring, FRAMES[:3])
    assert zarr.open_array(ring, path="time", mode="r")[:].tolist() == [0, 1, 2, 9, 4, 5]  # type: ignore[union-attr]
    assert int(latest(ring).time) == 2
    with (
        RedisStore(server.url, prefix="fenced") as fenced,
        FrameWriter(fenced, SHAPE, slots=6) as first,
        FrameWriter(fenced, SHAPE, slots=6) as second,
    ):
        second.append(FRAMES[0])
        with pytest.raises(RuntimeError, match="another writer has taken over"):
            first.append(FRAMES[1])
        assert np.array_equal(FrameReader(fenced).latest(), FRAMES[0])


def test_fault_a_full_server_stops_the_run() -> None:
    """By hand in the middle of the first round, what is there whole; `FrameWriter` before anything is written."""
    frame, slots = np.ones((100, 100), "uint8"), 200
    with real_redis(maxmemory="2mb") as small, RedisStore(small.url, prefix="hand") as full:
        begin(full, frame.shape, slots=slots)
        with pytest.raises(OSError, match="out of memory"):
            publish_all(full, [frame] * slots)
        newest = latest(full)
        assert 0 < int(newest.time) < slots - 1
        assert newest.all()
        full.keys.remove()
        with pytest.raises(OSError, match=r"nothing was written\. \d+ slots would fit"):
            FrameWriter(full, frame.shape, slots=slots)
        assert keys_of(full) == []


def test_what_is_built_by_hand_reads_what_the_helper_writes(server: RedisServer) -> None:
    """The layout is the same."""
    with RedisStore(server.url, prefix="helper") as store, FrameWriter(store, SHAPE, slots=6) as writer:
        for frame in FRAMES[:10]:
            writer.append(frame)
        assert np.array_equal(latest(store), FRAMES[9])
        assert window(store).time.values.tolist() == FrameReader(store).window().time.values.tolist()
        assert wrong_in(window(store)) == []
