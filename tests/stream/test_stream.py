"""Tests of helpers.stream that take many processes: no frame is torn, mislabelled or miscounted.

STREAM_READS (default 200) and REDIS_KILLS (2) make them longer: `make test-long` asks for 10,000 and 20.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from helpers.redis import RedisStore
from helpers.stream import FrameReader
from tests.ports import free_port
from tests.processes import wait_for
from tests.redis_servers import real_redis
from tests.stream_frames import KINDS, faults, frame_of, read_frames, read_through_restarts, write_frames

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

READS = int(os.environ.get("STREAM_READS", "200"))
RESTARTS = int(os.environ.get("REDIS_KILLS", "2"))
READERS = 4
SHAPE = (128, 128)
SLOTS = 16
FAULTS = ("torn", "mislabelled", "miscounted", "unordered", "backwards")


def newest(url: str) -> int:
    """Return the newest step of a stream, -1 where there is none."""
    try:
        with RedisStore(url) as store, FrameReader(store) as reader:
            return int(reader.latest().time)
    except (FileNotFoundError, LookupError, ConnectionError):
        return -1


@pytest.mark.timeout(3600)
def test_four_readers_find_no_fault_while_a_writer_runs(other_processes: ProcessPoolExecutor) -> None:
    """Newest frames, followed ones, windows, and windows computed two rounds of the ring later."""
    with real_redis() as server, multiprocessing.Manager() as manager:
        stop = manager.Event()
        writing = other_processes.submit(write_frames, server.url, stop, SHAPE, SLOTS)
        wait_for(lambda: newest(server.url) > SLOTS or writing.done())
        reading = [other_processes.submit(read_frames, server.url, READS // READERS) for _ in range(READERS)]
        try:
            found = sum((each.result() for each in reading), start=type(reading[0].result())())
        finally:
            stop.set()
        written = writing.result()
    assert not {kind: found[kind] for kind in FAULTS if found[kind]}
    assert sum(found[kind] for kind in set(KINDS)) >= READS // READERS * READERS
    assert min(found["late"], found["window"]) > 0
    assert written["frames"] > 3 * SLOTS
    assert not written["refused"]


@pytest.mark.timeout(3600)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_server_that_is_killed_again_and_again_is_survived(other_processes: ProcessPoolExecutor) -> None:
    """The writer goes on each time, so do those who follow, and no frame is wrong."""
    port = free_port()
    url = f"redis://127.0.0.1:{port}"
    with multiprocessing.Manager() as manager:
        stop = manager.Event()
        with real_redis(port=port) as server:
            writing = other_processes.submit(write_frames, url, stop, SHAPE, SLOTS)
            wait_for(lambda: newest(url) > SLOTS or writing.done())
            begun = manager.Queue()
            reading = [other_processes.submit(read_through_restarts, url, stop, begun) for _ in range(2)]
            assert [begun.get(timeout=60) for _ in reading]
            before = _killed_when_well(server.pid, url, -1)
        for _ in range(RESTARTS - 1):
            with real_redis(port=port) as server:
                before = _killed_when_well(server.pid, url, before)
        with real_redis(port=port):
            wait_for(lambda: newest(url) > before + 3 * SLOTS)
            stop.set()
            written = writing.result(timeout=60)
            found = [each.result(timeout=60) for each in reading]
    for each in found:
        assert not {kind: each[kind] for kind in FAULTS if each[kind]}
        assert each["frames"] > RESTARTS
    assert written["frames"] > before


def _killed_when_well(pid: int | None, url: str, before: int) -> int:
    """Wait until the stream is well on its way again, then kill its server; return the newest step seen."""
    wait_for(lambda: newest(url) > before + 3 * SLOTS)
    seen = newest(url)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    return max(seen, before)


def test_the_checks_find_faults() -> None:
    """A torn frame, a wrong label, a wrong population: else no test here would mean anything."""
    right = xr.DataArray(frame_of(7), dims=("y", "x"), coords={"time": 7})
    torn = xr.DataArray(np.concatenate([frame_of(7)[:30], frame_of(6)[30:]]), dims=("y", "x"), coords={"time": 7})
    assert not +faults(right)
    assert set(+faults(torn)) == {"torn", "miscounted"}
    assert set(+faults(right.assign_coords(time=8))) == {"mislabelled", "miscounted"}
