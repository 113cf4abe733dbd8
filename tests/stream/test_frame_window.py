"""Tests of helpers.stream: selections, and what other processes compute."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster

from helpers.redis import RedisStore
from helpers.servers import redis_server
from helpers.stream import FrameReader, FrameWriter, LazyFrames, Ring, lazy_frames
from helpers.stream import reader as module
from tests.stream_frames import SHAPE, frame_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import xarray as xr

    from helpers.stream import Frame


@dataclass
class Source:
    """Frames that are made when they are read."""

    steps: tuple[int, ...]
    ring: Ring = field(default_factory=lambda: Ring.of(SHAPE, dtype="uint8", slots=50))
    asked: list[tuple[int, ...]] = field(default_factory=list)

    def read(self, steps: Sequence[int], frames: Frame) -> None:
        """Make frames, and note which."""
        self.asked.append(tuple(steps))
        for step, frame in zip(steps, frames, strict=True):
            frame[:] = frame_of(step)


STEPS = tuple(range(7, 17))
FRAMES = np.stack([frame_of(step) for step in STEPS])


@pytest.mark.parametrize(
    "selection",
    [
        slice(None),
        3,
        -1,
        slice(2, 9, 3),
        slice(None, None, -1),
        slice(4, 4),
        (slice(1, 3), slice(None), 5),
        (2, slice(3, 9)),
        (slice(None), 4, 4),
        (0, 0, 0),
        (np.array([1, 5]), slice(2)),
    ],
)
def test_selections_are_those_of_numpy(selection: Any) -> None:
    """Only the frames in them are read."""
    source = Source(STEPS)
    found = LazyFrames(source)[selection]
    expected = FRAMES[selection]
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_array_equal(found, expected)
    first = selection[0] if isinstance(selection, tuple) else selection
    assert [step for steps in source.asked for step in steps] == np.atleast_1d(np.array(STEPS)[first]).tolist()


def test_no_frames_are_an_array_too() -> None:
    """Of the right shape."""
    array = lazy_frames(Source(()))
    assert array.shape == (0, *SHAPE)
    assert np.asarray(array).shape == (0, *SHAPE)


def test_nothing_is_read_before_it_is_computed() -> None:
    """Nor to find out about its type."""
    source = Source(STEPS)
    array = lazy_frames(source)
    assert (array.shape, array.dtype, source.asked) == (FRAMES.shape, FRAMES.dtype, [])
    np.testing.assert_array_equal(np.asarray(array[3:5]), FRAMES[3:5])
    assert source.asked


def test_a_task_reads_several_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """In requests of some size."""
    monkeypatch.setattr(module, "TASK_NBYTES", 6 * FRAMES[0].nbytes)
    monkeypatch.setattr(module, "REQUEST_NBYTES", 4 * FRAMES[0].nbytes)
    source = Source(STEPS)
    array = lazy_frames(source)
    assert array.chunks[0] == (6, 4)
    np.testing.assert_array_equal(np.asarray(array), FRAMES)
    assert sorted(source.asked) == [STEPS[:4], STEPS[4:6], STEPS[6:]]


def test_a_frame_may_be_larger_than_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is one."""
    monkeypatch.setattr(module, "TASK_NBYTES", 1)
    monkeypatch.setattr(module, "REQUEST_NBYTES", 1)
    array = lazy_frames(Source(STEPS))
    assert array.chunks[0] == (1,) * len(STEPS)
    np.testing.assert_array_equal(np.asarray(array), FRAMES)


def test_cells_have_the_byte_order_of_this_machine() -> None:
    """Whatever they have in the ring."""
    source = Source(STEPS, Ring.of(SHAPE, dtype=">f4", slots=50))
    assert lazy_frames(source).dtype == np.dtype("f4")
    np.testing.assert_array_equal(np.asarray(lazy_frames(source)), FRAMES.astype("f4"))


@pytest.fixture
def window() -> Iterator[xr.DataArray]:
    """A window of a stream in Redis."""
    with (
        redis_server() as server,
        RedisStore(server.url, prefix="life") as store,
        FrameWriter(store, SHAPE, slots=10) as writer,
        FrameReader(store) as reader,
    ):
        for step in range(17):
            writer.append(frame_of(step))
        made = reader.window()
        for step in range(17, 40):
            writer.append(frame_of(step))
        yield made.chunk(time=4)


def test_processes_compute_the_same(window: xr.DataArray) -> None:
    """With Dask's own scheduler for processes."""
    with dask.config.set({"multiprocessing.context": "spawn"}):
        found = window.data.compute(scheduler="processes", num_workers=1)
    np.testing.assert_array_equal(found, FRAMES)


def test_a_cluster_computes_the_same(window: xr.DataArray, tmp_path: Path) -> None:
    """In worker processes, which get the address of Redis and read there."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        dask.config.set({"temporary-directory": str(tmp_path)}),
        LocalCluster(processes=True, **options) as cluster,  # type: ignore[no-untyped-call]
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        population = client.compute(window.sum(("y", "x")))
        np.testing.assert_array_equal(window.data.compute(), FRAMES)
        del window
        assert population.result().values.tolist() == FRAMES.sum(axis=(1, 2)).tolist()


def test_frames_meet_other_arrays() -> None:
    """A window is a Dask array as any other."""
    array = lazy_frames(Source(STEPS))
    found = da.diff(array.astype("i8"), axis=0).sum(axis=(1, 2))  # type: ignore[no-untyped-call]
    np.testing.assert_array_equal(found.compute(), np.diff(FRAMES.sum(axis=(1, 2)).astype("i8")))
