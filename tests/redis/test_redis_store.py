"""Tests of helpers.redis: zarr's own suites on a real Redis, and loops, threads and processes that share it."""
# ruff: noqa: D102 -- the suite documents its methods

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import pytest
import redis
import xarray as xr
import zarr
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer, cpu, default_buffer_prototype
from zarr.testing.stateful import ZarrHierarchyStateMachine, ZarrStoreStateMachine
from zarr.testing.store import StoreTests

from helpers.redis import RedisStore
from helpers.servers import redis_stand_in
from tests.redis_servers import error_of, real_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import RedisServer

PROTOTYPE = default_buffer_prototype()
EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "6"))
STATEFUL = settings(
    max_examples=EXAMPLES, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One real server for the tests of this module."""
    with real_redis() as running:
        yield running


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    """The URL of the stand-in, which serves where no Redis can be installed."""
    with redis_stand_in() as port:
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture
def store(server: RedisServer, request: pytest.FixtureRequest) -> Iterator[RedisStore]:
    """A store with a prefix of its own on that server."""
    with RedisStore(server.url, prefix=request.node.name) as made:
        yield made


# --- zarr's suites ---


class Conformance(StoreTests[RedisStore, cpu.Buffer]):
    """zarr.testing's suite, its tests of the synchronous protocol included."""

    __test__ = False
    store_cls = RedisStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self, url: str) -> dict[str, Any]:
        """A prefix of odd characters, empty before."""
        with redis.Redis.from_url(url, protocol=2) as client:
            client.flushdb()
        return {"url": url, "prefix": "suite*[1]"}

    async def set(self, store: RedisStore, key: str, value: Buffer) -> None:
        """Write past the store, through a client of its own."""
        with redis.Redis.from_url(store.keys.url, protocol=2) as client:
            client.set(store.keys.name(key), value.to_bytes())

    async def get(self, store: RedisStore, key: str) -> Buffer:
        """Read past the store."""
        with redis.Redis.from_url(store.keys.url, protocol=2) as client:
            return self.buffer_cls.from_bytes(client.get(store.keys.name(key)))

    def test_store_repr(self, store: RedisStore) -> None:
        """The store shows where it is."""
        assert str(store) == f"{store.keys.address}/suite*[1]"
        assert repr(store) == f"RedisStore('{store}')"

    def test_store_supports_writes(self, store: RedisStore) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: RedisStore) -> None:
        assert store.supports_listing


class TestRedisStore(Conformance):
    """A RedisStore on a real server conforms."""

    __test__ = True

    @pytest.fixture
    def url(self, server: RedisServer) -> str:
        return f"{server.url}/1"


class TestRedisStoreOnStandIn(Conformance):
    """A RedisStore on the stand-in conforms: it serves on Windows."""

    __test__ = True

    @pytest.fixture
    def url(self, stand_in: str) -> str:
        return stand_in


def test_any_sequence_of_requests_does_what_a_dict_does(store: RedisStore) -> None:
    """Zarr's state machine of a store."""
    machine: Any = lambda: ZarrStoreStateMachine(store)  # noqa: E731
    run_state_machine_as_test(machine, settings=STATEFUL)


@pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")  # bytes and the like
def test_any_sequence_of_changes_to_a_hierarchy_does_what_memory_does(store: RedisStore) -> None:
    """Zarr's state machine of groups and arrays."""
    machine: Any = lambda: ZarrHierarchyStateMachine(store)  # noqa: E731
    run_state_machine_as_test(machine, settings=STATEFUL)


# --- what zarr does with it ---


@pytest.mark.parametrize("pipeline", ["BatchedCodecPipeline", "FusedCodecPipeline"])
@pytest.mark.parametrize("shards", [None, (4, 4)])
def test_arrays_come_back(store: RedisStore, pipeline: str, shards: tuple[int, int] | None) -> None:
    """Chunks and shards, written whole and in part, through either of zarr's pipelines; asked for in pieces."""
    data = np.random.default_rng(7).random((9, 7))
    with zarr.config.set({"codec_pipeline.path": f"zarr.core.codec_pipeline.{pipeline}"}):
        z = zarr.create_array(store, shape=data.shape, chunks=(2, 2), shards=shards, dtype=data.dtype)
        z[:] = data
        z[3:5, 2:6] = data[3:5, 2:6] = 7
        again = zarr.open_array(store, mode="r")
        assert np.array_equal(again[:], data)
        assert np.array_equal(again[4, 1:6], data[4, 1:6])
    with pytest.raises(ValueError, match="read-only"):
        again[0, 0] = 1


def test_groups_consolidate_and_open_in_xarray(store: RedisStore) -> None:
    """A dataset goes in and comes out, consolidated metadata included."""
    ds = xr.Dataset({"t": (("time", "x"), np.arange(12.0).reshape(4, 3))}, {"time": np.arange(4), "x": list("abc")})
    ds.to_zarr(store, group="a/b", zarr_format=2, consolidated=True)
    xr.testing.assert_identical(xr.open_zarr(store, group="a/b", consolidated=True).load(), ds)
    assert sorted(zarr.open_group(store, path="a/b", zarr_format=2).array_keys()) == ["t", "time", "x"]


def test_an_array_of_another_programs_type_is_no_missing_array(store: RedisStore) -> None:
    """Zarr hears of it, and does not write over it."""
    store.keys.client.rpush(store.keys.name("zarr.json"), 1)
    for ask in (
        lambda: zarr.open_array(store, mode="r"),
        lambda: zarr.create_array(store, shape=1, dtype="i1"),
        lambda: zarr.open_group(store, mode="a"),
    ):
        assert type(error_of(ask)) is TypeError
    assert store.keys.client.type(store.keys.name("zarr.json")) == b"list"


def test_a_full_server_is_an_error_of_zarr_too() -> None:
    """Writing an array that has no room raises; what was there is whole, and there is room again after a delete."""
    with real_redis(maxmemory="6mb") as small:
        store = RedisStore(small.url)
        old = zarr.create_array(store, name="old", data=np.arange(1000), chunks=100)
        error = error_of(
            lambda: zarr.create_array(
                store, name="large", data=np.random.default_rng(7).random(10**6), chunks=10**4, compressors=None
            )
        )
        assert type(error) is OSError
        assert "is out of memory (OOM command not allowed)" in str(error)
        assert np.array_equal(old[:], np.arange(1000))
        del zarr.open_group(store)["large"]
        old[:] = 7
        assert np.array_equal(old[:], np.full(1000, 7))


def test_missing_is_not_empty(store: RedisStore) -> None:
    """In every way to ask."""
    store.set_sync("empty", cpu.Buffer.from_bytes(b""))
    for asked in (None, RangeByteRequest(0, 3), OffsetByteRequest(1), SuffixByteRequest(2)):
        empty = asyncio.run(store.get("empty", PROTOTYPE, asked))
        assert empty is not None
        assert empty.to_bytes() == b""
        assert asyncio.run(store.get("missing", PROTOTYPE, asked)) is None
        assert store.read_many([("missing", asked), ("empty", asked)]) == [None, b""]
    assert asyncio.run(store.exists("empty"))
    assert asyncio.run(store.getsize("empty")) == 0
    with pytest.raises(FileNotFoundError):
        asyncio.run(store.getsize("missing"))


def test_read_many_takes_keys_alone_and_with_ranges(store: RedisStore) -> None:
    """From any iterable but a text."""
    store.keys.write({"a": b"123", "b": b"456"})
    assert store.read_many(asked for asked in ("a", ("b", SuffixByteRequest(1)), "c", "a")) == [
        b"123",
        b"6",
        None,
        b"123",
    ]
    assert store.read_many([]) == []
    with pytest.raises(TypeError, match="it must be a list of keys"):
        store.read_many("ab")


def test_is_empty_looks_no_further_than_it_must(store: RedisStore) -> None:
    """Zarr asks that of directories; a key that only begins alike is not in one."""
    store.keys.write({"ab/c": b""} | {f"x/{i}": b"" for i in range(5000)})
    assert not asyncio.run(store.is_empty("x"))
    assert not asyncio.run(store.is_empty("ab"))
    assert asyncio.run(store.is_empty("a"))
    asyncio.run(store.delete_dir("a"))
    asyncio.run(store.delete_dir("x/"))
    assert store.keys.exists("ab/c")
    assert asyncio.run(store.is_empty("x"))


def test_a_read_only_store_writes_in_no_way(server: RedisServer) -> None:
    """A transaction cannot begin either."""
    store = RedisStore(server.url, prefix="read only", read_only=True)
    value = cpu.Buffer.from_bytes(b"1")
    for write in (
        lambda: store.set_sync("k", value),
        lambda: store.delete_sync("k"),
        lambda: asyncio.run(store.set_if_not_exists("k", value)),
        lambda: asyncio.run(store.delete_dir("")),
        lambda: asyncio.run(store.clear()),
        store.transaction,
    ):
        with pytest.raises(ValueError, match="read-only mode"):
            write()


# --- loops, threads, processes ---


def test_several_event_loops_one_after_the_other(store: RedisStore) -> None:
    """Connections belong to no loop."""

    async def turn(number: int) -> bytes:
        await asyncio.gather(*(store.set(f"{number}/{i}", cpu.Buffer.from_bytes(b"%d" % i)) for i in range(20)))
        got = await asyncio.gather(*(store.get(f"{number}/{i}", PROTOTYPE) for i in range(20)))
        return b"".join(value.to_bytes() for value in got if value is not None)

    whole = b"".join(b"%d" % i for i in range(20))
    assert [asyncio.run(turn(number)) for number in range(4)] == [whole] * 4


def test_two_event_loops_and_zarrs_own_at_once(store: RedisStore) -> None:
    """Each in a thread of its own, each gets its own answers."""
    z = zarr.create_array(store, name="z", data=np.arange(40), chunks=2)
    start = threading.Barrier(3)

    async def ask(number: int) -> None:
        start.wait(20)
        for step in range(30):
            values = [cpu.Buffer.from_bytes(b"%d %d" % (i, step)) for i in range(8)]
            await asyncio.gather(*(store.set(f"{number}/{i}", value) for i, value in enumerate(values)))
            got = await asyncio.gather(*(store.get(f"{number}/{i}", PROTOTYPE) for i in range(8)))
            assert [value.to_bytes() for value in got if value] == [b"%d %d" % (i, step) for i in range(8)]

    def read() -> None:
        start.wait(20)
        for _ in range(20):
            assert np.array_equal(z[:], np.arange(40))

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(asyncio.run, ask(1)), pool.submit(asyncio.run, ask(2)), pool.submit(read)]:
            done.result(60)


def test_sixteen_threads_get_their_own_answers(store: RedisStore) -> None:
    """Through one store: reads, ranges, batches, writes and listings mixed."""
    start = threading.Barrier(16)

    def work(number: int) -> None:
        start.wait(20)
        mine = b"%d" % number * 500
        for step in range(25):
            store.set_sync(f"{number}/{step}", cpu.Buffer.from_bytes(mine))
            assert store.read_many([f"{number}/{step}", (f"{number}/0", SuffixByteRequest(2)), "none"]) == [
                mine,
                mine[-2:],
                None,
            ]
            assert store.keys.size(f"{number}/{step}") == len(mine)
        assert len([key for page in store.keys.pages(f"{number}/") for key in page]) == 25

    with ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(work, number) for number in range(16)]:
            done.result(60)


def test_an_interrupted_request_does_not_answer_the_next(store: RedisStore) -> None:
    """A cancelled task leaves its connection to nobody who would take the old answer for a new one."""
    store.keys.write({str(i): b"%d" % i * 20_000 for i in range(8)})

    async def ask() -> None:
        for step in range(60):
            task = asyncio.create_task(store.get(str(step % 8), PROTOTYPE))
            await asyncio.sleep(0.0005 * (step % 3))
            task.cancel()
            value = await store.get(str((step + 1) % 8), PROTOTYPE)
            assert value is not None
            assert value.to_bytes() == b"%d" % ((step + 1) % 8) * 20_000

    asyncio.run(ask())


def test_a_pickled_store_is_the_same_store(server: RedisServer) -> None:
    """After it was used, with its prefix, its options and whether it writes; used in a process that was spawned."""
    store = RedisStore(f"{server.url}/2?socket_timeout=30", prefix="pickled *", read_only=True)
    assert store.read_many(["k"]) == [None]
    copy = pickle.loads(pickle.dumps(store))
    assert copy == store
    assert (copy.read_only, copy.keys.prefix, copy.keys.url) == (True, store.keys.prefix, store.keys.url)
    assert copy != store.with_read_only(False)
    zarr.create_array(store.with_read_only(False), data=np.arange(10), chunks=1)
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert pool.submit(np.asarray, zarr.open_array(store, mode="r")).result(60).sum() == 45


def test_dask_processes_write_and_read(store: RedisStore) -> None:
    """Every block in a worker process, into one array, and back."""
    z: Any = zarr.create_array(store, shape=(64, 8), chunks=(8, 8), dtype="i8")
    blocks = da.arange(512, chunks=64).reshape(64, 8)
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=spawn) as pool, dask.config.set(pool=pool):
        da.store(blocks, z, lock=False, scheduler="processes")
        assert np.array_equal(z[:], np.arange(512).reshape(64, 8))
        read = da.from_zarr(zarr.open_array(store, mode="r"))  # type: ignore[no-untyped-call]
        assert int(read.sum().compute(scheduler="processes")) == 511 * 256
