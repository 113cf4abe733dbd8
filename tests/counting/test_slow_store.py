"""Tests of helpers.counting: what is waited for. Its conformance is in test_counting_store."""

from __future__ import annotations

import pickle
import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.buffer.cpu import Buffer
from zarr.core.sync import sync
from zarr.storage import MemoryStore

from helpers.counting import SlowStore

if TYPE_CHECKING:
    from collections.abc import Callable

PROTOTYPE = default_buffer_prototype()


@pytest.fixture
def clock() -> Callable[[], float]:
    """Seconds since the test began."""
    begin = time.perf_counter()
    return lambda: time.perf_counter() - begin


def test_a_request_waits_its_latency(clock: Callable[[], float]) -> None:
    """One after the other, three requests wait three times, asynchronous or not."""
    store = SlowStore(MemoryStore(), latency_s=0.02)
    store.set_sync("a", Buffer.from_bytes(b"1"))
    sync(store.get("a", PROTOTYPE))
    store.delete_sync("a")
    assert clock() >= 0.06


def test_requests_wait_side_by_side(clock: Callable[[], float]) -> None:
    """Ten requests are kept under way: thirty chunks wait about three times, not thirty."""
    fast = MemoryStore()
    zarr.create_array(fast, data=np.arange(1, 31), chunks=(1,))
    z = zarr.open_array(SlowStore(fast, latency_s=0.1), mode="r")
    before = clock()
    _ = z[:]
    assert 0.3 <= clock() - before < 1.5


def test_bytes_share_one_link(clock: Callable[[], float]) -> None:
    """Four values of 1 kB at 20 kB/s take 0.2 s, although they are asked for at once."""
    store = SlowStore(MemoryStore(), latency_s=0, bandwidth_Bps=20_000)
    sync(store._set_many((key, Buffer.from_bytes(bytes(1000))) for key in "abcd"))
    assert clock() >= 0.2


def test_deleting_a_directory_waits_for_each_key(clock: Callable[[], float]) -> None:
    """A list and four deletes."""
    keys: dict[str, Any] = {f"a/{i}": Buffer.from_bytes(b"1") for i in range(4)}
    sync(SlowStore(MemoryStore(keys), latency_s=0.02).delete_dir("a"))
    assert clock() >= 0.1


def test_copies_of_a_slow_store_are_as_slow() -> None:
    """Read-only and pickled copies keep latency and bandwidth; the first shares the link."""
    store = SlowStore(MemoryStore(), latency_s=0.25, bandwidth_Bps=100.0)
    for copy in (store.with_read_only(True), pickle.loads(pickle.dumps(store))):
        assert (copy.latency_s, copy.bandwidth_Bps) == (0.25, 100.0)
    assert store.with_read_only(True)._link is store._link


@pytest.mark.parametrize(
    ("pace", "error", "message"),
    [
        ({"latency_s": -1}, ValueError, "latency_s=-1 is not allowed. It must be a finite number, 0 or more"),
        ({"latency_s": float("nan")}, ValueError, "latency_s=nan is not allowed"),
        ({"latency_s": float("inf")}, ValueError, "latency_s=inf is not allowed"),
        ({"latency_s": "100 ms"}, TypeError, "latency_s='100 ms' is a str. It must be a number"),
        (
            {"latency_s": 0, "bandwidth_Bps": 0},
            ValueError,
            "bandwidth_Bps=0 is not allowed. It must be above 0",
        ),
        ({"latency_s": 0, "bandwidth_Bps": "fast"}, TypeError, "bandwidth_Bps='fast' is a str"),
    ],
)
def test_a_pace_that_makes_no_sense_is_refused(pace: Any, error: type[Exception], message: str) -> None:
    """The error names the value and what is allowed."""
    with pytest.raises(error, match=re.escape(message)):
        SlowStore(MemoryStore(), **pace)
