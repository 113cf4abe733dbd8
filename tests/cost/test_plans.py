"""Tests of helpers.cost: time and money of a plan."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from helpers.cost import S3_STANDARD, plan_read, plan_write
from helpers.counting import SlowStore


def test_objects_are_waited_for_in_rounds() -> None:
    """Twenty-five chunks, ten at once, are three latencies; then come their bytes."""
    plan = plan_read((25,), "f4", (1,), ...)
    assert math.isclose(plan.seconds(latency_s=0.1, bandwidth_Bps=None), 0.3)
    assert math.isclose(plan.seconds(latency_s=0.1, bandwidth_Bps=1000), 0.4)
    assert math.isclose(plan.seconds(latency_s=0.1, bandwidth_Bps=None, concurrency=5), 0.5)


def test_a_part_of_a_shard_waits_twice() -> None:
    """For the index, and then for the ranges that it points to."""
    plan = plan_read((100,), "f4", (1,), 5, shards=(100,))
    assert math.isclose(plan.seconds(latency_s=0.1, bandwidth_Bps=None), 0.2)


def test_a_part_of_a_chunk_is_written_in_two_waits() -> None:
    """It is read first; a whole chunk is not."""
    assert math.isclose(plan_write((10,), "f4", (5,), 0).seconds(bandwidth_Bps=None), 0.2)
    assert math.isclose(plan_write((10,), "f4", (5,), ...).seconds(bandwidth_Bps=None), 0.1)


def test_nothing_takes_no_time() -> None:
    """An empty selection asks for nothing."""
    plan = plan_read((10,), "f4", (5,), slice(0, 0))
    assert (plan.requests, plan.seconds(), plan.price(S3_STANDARD), plan.amplification) == (0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("shards", [None, (40,)])
def test_a_slow_store_takes_at_least_the_time_planned(shards: tuple[int] | None) -> None:
    """One element of each chunk, or of each shard."""
    fast = MemoryStore()
    zarr.create_array(fast, data=np.arange(1, 1001), chunks=(20,), shards=shards, compressors=None, fill_value=0)
    array = zarr.open_array(SlowStore(fast, latency_s=0.03), mode="r")
    plan = plan_read((1000,), "i8", (20,), np.s_[::40], shards=shards)
    begin = time.perf_counter()
    _ = array[::40]
    assert time.perf_counter() - begin >= plan.seconds(latency_s=0.03, bandwidth_Bps=None)


def test_a_read_is_priced_by_requests_and_bytes_that_leave() -> None:
    """A reader in the same region pays for requests only."""
    plan = plan_read((2**20, 1024), "f4", (2**18, 1), ...)
    requests = plan.requests * S3_STANDARD.get_usd
    assert plan.price(S3_STANDARD) == requests
    assert math.isclose(plan.price(S3_STANDARD, to_internet=True), requests + 4 * 0.09)


def test_a_write_is_priced_by_both_kinds_of_requests() -> None:
    """Bytes that go in are free."""
    plan = plan_write((1000,), "f4", (10,), np.s_[5:])
    assert (plan.reads, plan.writes) == (1, 100)
    assert math.isclose(plan.price(S3_STANDARD), S3_STANDARD.get_usd + 100 * S3_STANDARD.put_usd)
    assert plan.price(S3_STANDARD, to_internet=True) > plan.price(S3_STANDARD)


@pytest.mark.parametrize("pace", [{"latency_s": -1}, {"latency_s": math.inf}, {"bandwidth_Bps": 0}, {"concurrency": 0}])
def test_a_pace_that_makes_no_sense_is_refused(pace: Any) -> None:
    """The error names the value and what is allowed."""
    (name,) = pace
    for plan in (plan_read(10, "u1", 5, 0), plan_write(10, "u1", 5, 0), plan_read(10, "u1", 5, slice(0, 0))):
        with pytest.raises(ValueError, match=f"{name}=.* is not allowed. It must be"):
            plan.seconds(**pace)


def test_plans_read_well() -> None:
    """A lesson ends a cell with one."""
    assert repr(plan_read((200, 200), "f8", (1, 200), np.s_[:, 0])) == (
        "<ReadPlan: 200 requests for 200 chunks in 200 objects, 320.0 kB read for 1.6 kB needed (200x)>"
    )
    assert repr(plan_write((200, 200), "f8", (1, 200), np.s_[0, 0])) == (
        "<WritePlan: 1 read (1.6 kB), 1 write (1.6 kB) for 1 chunk in 1 object, 8 B given (400x)>"
    )
