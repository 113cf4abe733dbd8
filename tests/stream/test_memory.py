"""Tests of helpers.stream: what it lets through must run, on a real server with a limit."""

from __future__ import annotations

import contextlib
import re
import sys
from itertools import batched, chain
from typing import TYPE_CHECKING

import numpy as np
import pytest
import redis

from helpers.redis import RedisKeys, RedisStore
from helpers.stream import FrameReader, FrameWriter, Ring
from helpers.stream.memory import ServerMemory, require_room_for_ring, server_memory
from tests.redis_servers import real_redis
from tests.stream_frames import faults, frame_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import RedisServer


@pytest.fixture(scope="module")
def small_server() -> Iterator[RedisServer]:
    """One server of 5 MiB for the tests of this module."""
    with real_redis(maxmemory="5mb") as server:
        yield server


@pytest.fixture
def small(small_server: RedisServer) -> Iterator[RedisStore]:
    """A store on that server, which is empty and refuses when it is full."""
    with RedisStore(small_server.url, prefix="life") as store:
        store.keys.client.config_set("lazyfree-lazy-user-flush", "no")  # else memory is freed a little later
        store.keys.client.flushall()
        store.keys.client.config_set("maxmemory-policy", "noeviction")
        yield store


def largest(store: RedisStore, shape: tuple[int, int]) -> int:
    """Return the largest number of slots that an error says would fit."""
    with pytest.raises(OSError, match=r"slots? would fit") as raised:
        FrameWriter(store, shape, slots=100_000)
    found = re.search(r"([\d,]+) slots? would fit", str(raised.value))
    assert found
    return int(found[1].replace(",", ""))


def begin_largest(store: RedisStore, shape: tuple[int, int]) -> tuple[FrameWriter, int]:
    """Begin the largest ring that fits, and return its slots too.

    What the server uses for itself moves by some kB from one request to the next, so the first answer may be too large.
    """
    for _ in range(10):
        slots = largest(store, shape)
        with contextlib.suppress(OSError):
            return FrameWriter(store, shape, slots=slots), slots
    pytest.fail("ten times in a row, the ring that would fit was refused")


def test_the_server_takes_what_is_reckoned() -> None:
    """Its own MEMORY USAGE, which counts the name too, is no more, and not much less."""
    with real_redis(maxmemory="100mb") as server, redis.Redis.from_url(server.url, protocol=2) as client:
        memory = server_memory(RedisKeys(server.url))
        assert memory.limit == 100 * 2**20
        for nbytes in (1, 8, 1000, 1600, 10_000, 40_000, 65_536, 131_072, 262_144, 300_000, 2**20):
            client.set("zarr:life:frames/c/0/0/0", bytes(nbytes))
            used = client.memory_usage("zarr:life:frames/c/0/0/0")
            assert used <= memory.allocated(nbytes) + 256 <= 1.25 * used + 256


def test_allocators_round_differently() -> None:
    """Values as measured with MEMORY USAGE on Valkey 9.1 (libc) and Redis 7.0 (jemalloc)."""
    libc, jemalloc = (ServerMemory(0, 0, allocator).allocated for allocator in ("libc", "jemalloc-5.3.0"))
    assert [libc(n) // 1024 for n in (100_000, 262_144, 300_000)] == [97, 260, 296]
    assert [jemalloc(n) // 1024 for n in (100_000, 131_072, 262_144, 300_000)] == [112, 160, 320, 320]


def test_a_server_without_a_limit_takes_any_ring() -> None:
    """There is nothing to reckon."""
    with real_redis() as server:
        assert server_memory(RedisKeys(server.url)).limit == sys.maxsize
        require_room_for_ring(RedisKeys(server.url), Ring.of((10_000, 10_000), dtype="f8", slots=10**9), held=0)


@pytest.mark.parametrize("shape", [(70, 80), (100, 100), (200, 317), (362, 362), (512, 512)])
def test_the_largest_ring_that_fits_runs_for_rounds(small: RedisStore, shape: tuple[int, int]) -> None:
    """Without one error, while others read, and every population is right."""
    beginning, slots = begin_largest(small, shape)
    rounds = 2 * slots + slots // 2
    with beginning as writer, FrameReader(small) as reader:
        for step in range(rounds):
            assert writer.append(frame_of(step, shape)) == step
            if step % 50 == 0:
                assert not +faults(reader.latest())
        stored = dict(zip(*held(small, reader), strict=True))
    assert sorted(stored) == list(range(rounds - slots, rounds))
    assert all(population == frame_of(step, shape).sum() for step, population in stored.items())


def held(store: RedisStore, reader: FrameReader) -> tuple[list[int], list[int]]:
    """Return all steps that are held and their populations, read one by one."""
    ring = Ring.of(reader.shape, dtype=reader.dtype, slots=reader.slots)
    labels = np.frombuffer(store.read_many(["time/c/0"])[0] or b"", "<i8").tolist()
    values = (store.read_many([ring.frame_key(step) for step in some]) for some in batched(labels, 5))
    return labels, [int(ring.decode(value or b"").sum()) for value in chain.from_iterable(values)]


@pytest.mark.parametrize("policy", ["allkeys-lfu", "allkeys-lru", "volatile-lru"])
def test_a_ring_that_fits_is_not_evicted(small: RedisStore, policy: str) -> None:
    """A policy that evicts finds nothing to do."""
    small.keys.client.config_set("maxmemory-policy", policy)
    evicted = small.keys.client.info("stats")["evicted_keys"]
    beginning, slots = begin_largest(small, (100, 100))
    with beginning as writer, FrameReader(small) as reader:
        for step in range(2 * slots):
            writer.append(frame_of(step, (100, 100)))
        assert not +faults(reader.latest())
    assert small.keys.client.info("stats")["evicted_keys"] == evicted


def test_what_does_not_fit_is_refused_with_the_sum(small: RedisStore) -> None:
    """Nothing is written, and the numbers add up."""
    with pytest.raises(OSError, match="nothing was written") as raised:
        FrameWriter(small, (512, 512), slots=200)
    said = re.findall(r"[\d,]{2,}", str(raised.value))
    slots, _, slot, fixed, total = (int(number.replace(",", "")) for number in said[:5])
    assert slots == 200
    assert slots * slot + fixed == total
    assert "(maxmemory)" in str(raised.value)
    assert list(small.keys.pages()) == []
    begin_largest(small, (512, 512))[0].close()


def test_a_frame_that_never_fits_says_so(small: RedisStore) -> None:
    """There is no number of slots to choose."""
    with pytest.raises(OSError, match="No ring of such frames fits"):
        FrameWriter(small, (2000, 2000), slots=1)


def test_what_others_use_counts(small: RedisStore) -> None:
    """There is less room for the ring then."""
    slots = largest(small, (100, 100))
    small.keys.client.set("others", bytes(1_000_000))
    assert slots - 250 < largest(small, (100, 100)) < slots - 90  # what is left of the request counts, too


def test_a_full_ring_can_be_taken_over(small: RedisStore) -> None:
    """Its own frames are not counted against it."""
    beginning, slots = begin_largest(small, (100, 100))
    with beginning as writer:
        for step in range(slots):
            writer.append(frame_of(step, (100, 100)))
    with FrameWriter(small, (100, 100), slots=slots) as writer:
        assert writer.append(frame_of(slots, (100, 100))) == slots


def test_a_window_leaves_the_writer_its_room(small: RedisStore) -> None:
    """It says how many frames can be copied; that many can, and the ring can still be filled."""
    slots = largest(small, (100, 100)) * 2 // 3
    with FrameWriter(small, (100, 100), slots=slots) as writer, FrameReader(small) as reader:
        for step in range(slots - 20):
            writer.append(frame_of(step, (100, 100)))
        with pytest.raises(OSError, match=r"window\(n=\d+\) would fit") as raised:
            reader.window()
        found = re.search(r"n=(\d+)", str(raised.value))
        assert found
        window = reader.window(int(found[1]))
        for step in range(slots - 20, 2 * slots):
            writer.append(frame_of(step, (100, 100)))
        assert len(window) == int(found[1])
        for frame in window.load():
            assert not +faults(frame)


def test_a_full_server_is_waited_for(small: RedisStore) -> None:
    """A reader that fetches fills it for a moment; after a second it is an error, and the next frame goes on."""
    with FrameWriter(small, (100, 100), slots=10) as writer:
        writer.append(frame_of(0, (100, 100)))
        small.keys.client.config_set("maxmemory", 1)
        try:
            with pytest.raises(OSError, match="out of memory"):
                writer.append(frame_of(1, (100, 100)))
        finally:
            small.keys.client.config_set("maxmemory", "5mb")
        assert writer.append(frame_of(1, (100, 100))) == 1
    with contextlib.closing(FrameReader(small)) as reader:
        assert not +faults(reader.latest())
