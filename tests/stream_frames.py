"""What several tests of streams need: frames that tell their step, and programs that write and read them."""

from __future__ import annotations

import contextlib
import time
from collections import Counter, deque
from typing import TYPE_CHECKING

import numpy as np

from helpers.redis import RedisStore
from helpers.stream import FrameReader, FrameWriter

if TYPE_CHECKING:
    from queue import Queue
    from threading import Event

    import numpy.typing as npt
    import xarray as xr

SHAPE = (64, 96)
KINDS = (*("latest", "follow") * 6, "window", "late")


def frame_of(step: int, shape: tuple[int, int] = SHAPE) -> npt.NDArray[np.uint8]:
    """Return the one frame of this step; it is like no other in any row."""
    return np.random.default_rng(step).integers(256, size=shape, dtype="uint8")


def publish(writer: FrameWriter, count: int, *, pause_s: float = 0.0) -> None:
    """Publish so many frames, the steps of which follow the newest."""
    for _ in range(count):
        time.sleep(pause_s)
        writer.append(frame_of(writer.newest + 1))


def faults(frame: xr.DataArray) -> Counter[str]:
    """Count what is wrong with a frame, which its step tells."""
    cells = np.asarray(frame)
    expected = frame_of(int(frame.time), (cells.shape[0], cells.shape[1]))
    rows = (cells == expected).all(axis=1)
    return Counter(
        torn=int(0 < rows.sum() < len(rows)),
        mislabelled=int(not rows.any()),
        miscounted=int(cells.sum() != expected.sum()),
    )


def write_frames(url: str, stop: Event, shape: tuple[int, int], slots: int) -> Counter[str]:
    """Publish as fast as possible until told to stop; where no server is, try again."""
    done: Counter[str] = Counter()
    with RedisStore(url) as store, FrameWriter(store, shape, slots=slots) as writer:
        while not stop.is_set():
            try:
                writer.append(frame_of(writer.newest + 1, shape))
                done["frames"] += 1
            except ConnectionError:
                done["refused"] += 1
                time.sleep(0.01)
    return done


def read_frames(url: str, reads: int) -> Counter[str]:
    """Read newest frames, those that come, windows at once and windows late; count them, and what is wrong."""
    found: Counter[str] = Counter()
    late: deque[xr.DataArray] = deque()
    with (
        RedisStore(url) as store,
        FrameReader(store) as reader,
        contextlib.closing(reader.follow(timeout_s=30)) as come,
    ):
        newest = -1
        while sum(found[kind] for kind in set(KINDS)) < reads:
            kind = KINDS[found["turns"] % len(KINDS)]
            found["turns"] += 1
            if kind in ("latest", "follow"):
                frame = reader.latest() if kind == "latest" else next(come)
                found += faults(frame)
                found[kind] += 1
                found["backwards"] += int(kind == "latest" and int(frame.time) < newest)
                newest = int(frame.time)
                continue
            late.append(reader.window(4))
            while late and (kind == "window" or newest > int(late[0].time[-1]) + 2 * reader.slots):
                found += _faults_of_window(late.popleft() if kind == "late" else late.pop())
                found[kind] += 1
                if kind == "window":
                    break
    return found


def read_through_restarts(url: str, stop: Event, begun: Queue[int]) -> Counter[str]:
    """Follow until the stream ends, and read windows meanwhile; only clear errors are allowed."""
    found: Counter[str] = Counter()
    with RedisStore(url) as store:
        reader = FrameReader(store)
        for frame in reader.follow(timeout_s=60):
            found += faults(frame)
            found["frames"] += 1
            if found["frames"] == 1:
                begun.put(int(frame.time))
            if found["frames"] % 10 == 0 and not stop.is_set():
                try:
                    found += _faults_of_window(reader.window(4)) + faults(reader.latest())
                    found["windows"] += 1
                except (ConnectionError, LookupError, RuntimeError) as error:
                    found[type(error).__name__] += 1
    return found


def _faults_of_window(window: xr.DataArray) -> Counter[str]:
    found = Counter(unordered=int((np.diff(window.time) <= 0).any()))
    for frame in window.load():
        found += faults(frame)
    return found
