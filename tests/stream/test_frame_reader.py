"""Tests of helpers.stream: what holds in every store. tests/test_frame_following.py has `follow`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.storage import LocalStore, MemoryStore

from helpers.redis import RedisStore
from helpers.servers import redis_server
from helpers.stream import FrameReader, FrameWriter
from tests.stream_frames import SHAPE, faults, frame_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from zarr.abc.store import Store

SLOTS = 5


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


@pytest.fixture
def reader(store: Store) -> Iterator[FrameReader]:
    """A reader of a ring in it, of which steps 3 to 7 are left."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        for step in range(8):
            writer.append(frame_of(step))
        with FrameReader(store) as made:
            yield made


def test_it_says_what_the_ring_is(reader: FrameReader) -> None:
    """Shape, dtype and slots."""
    assert (reader.shape, reader.dtype, reader.slots) == (SHAPE, np.dtype("uint8"), SLOTS)
    assert repr(reader) == "<FrameReader: 5 slots for frames of 64 x 96 uint8>"


def test_the_newest_frame_is_labelled(reader: FrameReader) -> None:
    """Its coordinate is its step; it can be written to."""
    frame = reader.latest()
    assert (frame.dims, frame.shape, frame.dtype, frame.name) == (("y", "x"), SHAPE, np.dtype("uint8"), "frames")
    assert (int(frame.time), frame.time.dtype, frame.time.dims) == (7, np.dtype("int64"), ())
    np.testing.assert_array_equal(frame, frame_of(7))
    frame[:] = 0
    np.testing.assert_array_equal(reader.latest(), frame_of(7))


@pytest.mark.parametrize(("n", "steps"), [(None, [3, 4, 5, 6, 7]), (2, [6, 7]), (1, [7]), (5, [3, 4, 5, 6, 7])])
def test_a_window_holds_the_newest_frames(reader: FrameReader, n: int | None, steps: list[int]) -> None:
    """In the order of their steps, on Dask."""
    window = reader.window(n)
    assert isinstance(window.data, da.Array)
    assert (window.dims, window.dtype, window.name) == (("time", "y", "x"), np.dtype("uint8"), "frames")
    assert (window.time.values.tolist(), window.time.dtype) == (steps, np.dtype("int64"))
    np.testing.assert_array_equal(window, [frame_of(step) for step in steps])


def test_a_window_may_ask_for_more_than_there_is(store: Store) -> None:
    """It has what is there."""
    with FrameWriter(store, SHAPE, slots=SLOTS) as writer, FrameReader(store) as reader:
        assert reader.window().shape == (0, *SHAPE)
        assert reader.window(3).load().shape == (0, *SHAPE)
        for step in range(2):
            writer.append(frame_of(step))
        assert reader.window(100).time.values.tolist() == [0, 1]


@pytest.mark.parametrize("n", [0, -1, 2.0, "3", True])
def test_a_window_has_a_whole_number_of_frames(reader: FrameReader, n: Any) -> None:
    """Anything else is refused with its value."""
    with pytest.raises(ValueError, match=f"n={n!r} is not allowed"):
        reader.window(n)


def test_a_window_is_analysed_as_any_array(reader: FrameReader) -> None:
    """By xarray, on Dask, without a warning."""
    window = reader.window()
    frames = np.stack([frame_of(step) for step in range(3, 8)]).astype("int64")
    assert window.sum(("y", "x")).values.tolist() == frames.sum((1, 2)).tolist()
    assert int(window.sel(time=5).sum()) == frames[2].sum()
    np.testing.assert_allclose(window.mean("time"), frames.mean(0))
    changes = window.astype("int64").diff("time").sum(("y", "x"))
    assert changes.values.tolist() == np.diff(frames, axis=0).sum((1, 2)).tolist()
    assert window.rolling(time=2).mean().isel(time=-1).shape == SHAPE


def test_without_a_ring_there_is_no_reader(store: Store) -> None:
    """The error says how to start one."""
    with pytest.raises(FileNotFoundError, match=r"holds no ring of frames. FrameWriter\(store, shape\) starts one"):
        FrameReader(store)
    zarr.create_group(store, attributes={"title": "something else"})
    with pytest.raises(FileNotFoundError, match="holds something else than a ring of frames"):
        FrameReader(store)


def test_without_a_frame_there_is_no_newest(store: Store) -> None:
    """The error says how to wait for one."""
    FrameWriter(store, SHAPE, slots=SLOTS).close()
    with pytest.raises(LookupError, match=r"there is no frame in .* yet: follow\(\) waits for the first"):
        FrameReader(store).latest()


def test_a_reader_needs_no_right_to_write(reader: FrameReader, store: Store) -> None:
    """All that it does works on a store that only reads."""
    with FrameReader(store.with_read_only(read_only=True)) as other:
        assert not +faults(other.latest())
        assert int(next(other.follow()).time) == 7
        if not isinstance(store, MemoryStore):
            assert other.window().equals(reader.window())


def test_windows_outlive_their_reader(store: Store, reader: FrameReader) -> None:
    """Closing it ends what it waits for, no more; and the store stays open."""
    with FrameReader(store) as other:
        window = other.window(2)
    assert not any(+faults(frame) for frame in window.load())
    assert not +faults(reader.latest())


def test_zarr_reads_what_is_published(store: Store, reader: FrameReader) -> None:
    """Without any of this: frames, their steps, and the newest one."""
    assert reader.slots == SLOTS
    group = zarr.open_group(store, mode="r")
    assert sorted(name for name, _ in group.members()) == ["frames", "newest", "time"]
    assert group.attrs["title"] == "Ring of frames"
    steps = np.asarray(group["time"][:])  # type: ignore[index]
    assert (steps.tolist(), int(np.asarray(group["newest"][()]))) == ([5, 6, 7, 3, 4], 7)  # type: ignore[index]
    for slot, step in enumerate(steps):
        np.testing.assert_array_equal(np.asarray(group["frames"][slot]), frame_of(int(step)))  # type: ignore[index]


def test_xarray_reads_what_is_published(store: Store, reader: FrameReader) -> None:
    """With the steps as a coordinate of the frames."""
    ds = xr.open_zarr(store, consolidated=False)
    assert set(ds.coords) == {"time"}
    assert set(ds.data_vars) == {"frames", "newest"}
    assert ds.frames.dims == ("slot", "y", "x")
    assert (ds.time.values.tolist(), ds.time.dtype, int(ds.newest)) == ([5, 6, 7, 3, 4], np.dtype("int64"), 7)
    window = reader.window().load()
    xr.testing.assert_equal(ds.frames.swap_dims(slot="time").sortby("time").load(), window)
