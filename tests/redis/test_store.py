"""Tests of helpers.redis: zarr's own suites on a real Redis, and loops, threads and processes that share it."""
# ruff: noqa: D102 -- the suite documents its methods

from __future__ import annotations

import asyncio
import gc
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
from dask.tokenize import tokenize
from zarr.core.buffer import Buffer, cpu, default_buffer_prototype
from zarr.testing.store import StoreTests

from helpers.redis import RedisStore, RedisTransaction
from helpers.servers import fake_redis_server
from tests.processes import wait_for
from tests.redis_servers import SECRET, error_of, fill, losing_the_first_answer_to, real_redis, serving
from tests.stateful import MACHINES, run_machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import ProcessPoolExecutor

    from helpers.servers import RedisServer

PROTOTYPE = default_buffer_prototype()
ONE, TWO = cpu.Buffer.from_bytes(b"one"), cpu.Buffer.from_bytes(b"two")


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    """The URL of the stand-in, which serves where no Redis can be installed."""
    with fake_redis_server() as port:
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture
def store(server: RedisServer, request: pytest.FixtureRequest) -> Iterator[RedisStore]:
    """A store with a prefix of its own on that server."""
    with RedisStore(server.url, prefix=request.node.name) as made:
        yield made


# --- zarr's suites ---


class Conformance(StoreTests[Any, cpu.Buffer]):
    """zarr.testing's suite, its tests of the synchronous protocol included."""

    __test__ = False
    store_cls: type[RedisStore] = RedisStore
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
        assert repr(store) == f"{type(store).__name__}('{store}')"

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


@pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")  # bytes and the like
@pytest.mark.parametrize("machine", MACHINES)
def test_any_sequence_of_requests_does_what_memory_does(store: RedisStore, machine: Any) -> None:
    """Zarr's state machines of a store, and of groups and arrays."""
    run_machine(machine, store)


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


def test_what_is_frozen_stays(store: RedisStore) -> None:
    """Whatever becomes of its source; read-only, missing where it was missing, and gone with its last array."""
    z = zarr.create_array(store, data=np.arange(9), chunks=3)
    frozen = store.freeze([*keys_of(store), "none"])
    store.keys.write({"none": b"there now"})
    z[:] = 7
    array = zarr.open_array(frozen, mode="r")
    assert frozen.read_many(["none"]) == [None]
    assert np.array_equal(array[:], np.arange(9))
    with pytest.raises(ValueError, match="read-only"):
        frozen.delete_sync("zarr.json")
    count = store.keys.client.dbsize()
    assert tokenize(array)
    del frozen
    gc.collect()
    assert np.array_equal(array[:], np.arange(9))
    pickled = pickle.dumps(array)
    del array
    gc.collect()
    assert store.keys.client.dbsize() == count  # they may be needed elsewhere, and go with their lease
    again = pickle.loads(pickled)
    assert np.array_equal(again[:], np.arange(9))
    store.keys.client.unlink(*store.keys.client.scan_iter(f"*{again.store.keys.prefix[-32:]}*"))
    with pytest.raises(RuntimeError, match=r"values frozen in .* are gone: their lease of 1800 s is over"):
        again[:]


# --- loops, threads, processes ---


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


def test_other_processes_use_a_pickled_store_as_it_was(
    server: RedisServer, other_processes: ProcessPoolExecutor
) -> None:
    """With its prefix, its options and whether it writes; Dask writes every block there into one array, and reads."""
    store = RedisStore(f"{server.url}/2?socket_timeout=30", prefix="pickled *", read_only=True)
    assert store.read_many(["k"]) == [None]
    copy = pickle.loads(pickle.dumps(store))
    assert copy == store
    assert (copy.read_only, copy.keys.prefix, copy.keys.url) == (True, store.keys.prefix, store.keys.url)
    assert copy != store.with_read_only(False)
    z: Any = zarr.create_array(store.with_read_only(False), shape=(64, 8), chunks=(8, 8), dtype="i8")
    with dask.config.set(pool=other_processes):
        da.store(da.arange(512, chunks=64).reshape(64, 8), z, lock=False, scheduler="processes")
        assert np.array_equal(z[:], np.arange(512).reshape(64, 8))
        read = da.from_zarr(zarr.open_array(store, mode="r"))  # type: ignore[no-untyped-call]
        assert int(read.sum().compute(scheduler="processes")) == 511 * 256


# --- transactions: visible at once or not at all ---


def keys_of(store: RedisStore) -> list[str]:
    """Return all keys of a store in order; none may come twice."""
    return sorted(key for page in store.keys.pages() for key in page)


def write_and_raise(tx: RedisTransaction, kind: type[BaseException]) -> None:
    """Write, delete, and fail."""
    tx.set_sync("new", ONE)
    tx.delete_sync("old")
    raise kind


# --- a store like any other ---


class OpenTransaction(RedisTransaction):
    """A transaction that the suite can make from simple values."""

    def __init__(self, url: str, *, prefix: str, read_only: bool = False) -> None:
        super().__init__(RedisStore(url, prefix=prefix, read_only=read_only))


class TestRedisTransaction(Conformance):
    """A transaction conforms, but for what it refuses: to be pickled, and to equal another."""

    __test__ = True
    store_cls = OpenTransaction

    @pytest.fixture
    def url(self, server: RedisServer) -> str:
        return f"{server.url}/1"

    async def get(self, store: Any, key: str) -> Buffer:
        """Read what waits to be published."""
        return self.buffer_cls.from_bytes(store.keys._values[key])

    def test_store_eq(self, store: OpenTransaction, store_kwargs: dict[str, Any]) -> None:
        assert store == store
        assert store != self.store_cls(**store_kwargs)

    async def test_serializable_store(self, store: OpenTransaction) -> None:
        with pytest.raises(TypeError, match="belongs to one process and cannot be pickled: send the store"):
            pickle.dumps(store)


@pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")  # bytes and the like
@pytest.mark.parametrize("machine", MACHINES)
def test_any_sequence_of_requests_is_published_as_it_looked(store: RedisStore, machine: Any) -> None:
    """Zarr's state machines on a transaction over keys that were there: at its end the store holds what it showed."""
    store.keys.write({"0/zarr.json": b"old", "1": b"old"})
    with store.transaction() as tx:
        run_machine(machine, tx)
        keys = keys_of(tx)
        values = tx.read_many(keys)
        assert store.read_many(["0/zarr.json", "1"]) == [b"old", b"old"]
    assert keys_of(store) == keys
    assert store.read_many(keys) == values


def test_arrays_and_groups_are_made_and_opened_in_it(store: RedisStore) -> None:
    """Nested, sharded, opened for reading, overwritten, deleted; from several of Dask's threads."""
    data = np.random.default_rng(7).random((8, 8))
    zarr.create_array(store, name="a/old", data=data)
    with store.transaction() as tx:
        group = zarr.create_group(tx, path="a/b")
        group.create_array("c", data=data, chunks=(2, 2), shards=(4, 4))
        group.attrs["unit"] = "m"
        assert np.array_equal(zarr.open_array(tx, path="a/b/c", mode="r")[2:5], data[2:5])
        assert np.array_equal(zarr.open_array(tx, path="a/old")[:], data)
        made: Any = zarr.create_array(tx, name="a/d", shape=(8, 8), chunks=(1, 8), dtype="f8")
        blocks = da.from_array(data, chunks=(1, 8))  # type: ignore[no-untyped-call]
        da.store(blocks, made, lock=False, scheduler="threads")
        del zarr.open_group(tx)["a/old"]
        assert sorted(zarr.open_group(tx, path="a").keys()) == ["b", "d"]
        assert sorted(zarr.open_group(store, path="a").keys()) == ["old"]
    assert sorted(zarr.open_group(store, path="a").keys()) == ["b", "d"]
    assert np.array_equal(zarr.open_array(store, path="a/b/c")[:], data)
    assert np.array_equal(zarr.open_array(store, path="a/d")[:], data)
    assert zarr.open_group(store, path="a/b").attrs["unit"] == "m"


def test_a_transaction_within_a_transaction_waits_for_it(store: RedisStore) -> None:
    """What the inner one publishes, the outer one holds back, or drops."""
    with store.transaction() as outer:
        with outer.transaction() as inner:
            inner.set_sync("a", ONE)
        with pytest.raises(ZeroDivisionError), outer.transaction() as inner:
            write_and_raise(inner, ZeroDivisionError)
        assert keys_of(outer) == ["a"]
        assert keys_of(store) == []
    assert keys_of(store) == ["a"]


# --- at once or not at all ---


def watch(store: RedisStore) -> int:
    """Read two keys that change together until told to stop, and return how many pairs were seen."""
    seen = set()
    store.keys.write({"watching": b"1"})
    while True:
        a, b, end = store.read_many(["c/0", "c/1", "end"])
        assert a == b
        seen.add(a)
        if end:
            return len(seen)


def test_others_see_all_of_it_at_one_instant(store: RedisStore, other_processes: ProcessPoolExecutor) -> None:
    """Another process and a thread that read without pause never see one of two keys changed without the other."""
    store.keys.write({"c/0": b"0", "c/1": b"0"})
    watching = other_processes.submit(watch, store)
    wait_for(lambda: store.keys.exists("watching"))
    with ThreadPoolExecutor(1) as pool:
        here = pool.submit(watch, store)
        for step in range(1, 400):
            with store.transaction() as tx:
                tx.set_sync("c/0", cpu.Buffer.from_bytes(b"%d" % step))
                tx.set_sync("c/1", cpu.Buffer.from_bytes(b"%d" % step))
        store.keys.write({"end": b"1"})
        assert min(watching.result(30), here.result(30)) > 10


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
def test_what_raises_stores_nothing(store: RedisStore, kind: type[BaseException]) -> None:
    """An error, the stop button, a cancelled task: deletions included. Nor does what is never ended."""
    store.keys.write({"old": b"old"})
    with pytest.raises(kind), store.transaction() as tx:
        write_and_raise(tx, kind)
    tx = store.transaction()
    tx.set_sync("new", ONE)
    del tx
    gc.collect()
    assert keys_of(store) == ["old"]


def test_a_full_server_stores_nothing() -> None:
    """Neither the part for which there was room, nor more of an array; when there is room again, all is as before."""
    with real_redis(maxmemory="14mb") as small:
        store, large = RedisStore(small.url), bytes(1_000_000)
        old = zarr.create_array(store, name="old", data=np.arange(1000), chunks=100)
        store.keys.write({"k": large})
        with pytest.raises(OSError, match="out of memory"):
            fill(store.keys)
        before = keys_of(store)

        def transact(count: int) -> None:
            with store.transaction() as tx:
                tx.delete_sync("k")
                for number in range(count):
                    tx.set_sync(f"new/{number}", cpu.Buffer.from_bytes(large))

        random = np.random.default_rng(7).random(10**6)
        for write in (
            lambda: store.keys.write({"more": large}),
            lambda: store.keys.add("more", large),
            lambda: store.keys.write({"a": b"1", "k": 2 * large, "z": b"1"}),
            lambda: transact(20),
            lambda: zarr.create_array(store, name="large", data=random, chunks=10**4, compressors=None),
        ):
            error = error_of(write)
            assert type(error) is OSError
            assert "is out of memory (OOM command not allowed): nothing was written. Delete what is not" in str(error)
        assert [key for key in keys_of(store) if not key.startswith("large/")] == before
        assert store.read_many(["k"]) == [large]
        assert np.array_equal(old[:], np.arange(1000))
        store.keys.remove("fill")
        transact(5)
        old[:] = 7
        assert np.array_equal(old[:], np.full(1000, 7))


def test_a_full_server_takes_one_that_only_deletes(server: RedisServer, store: RedisStore) -> None:
    """Deleting an array in a transaction makes room; reading in one works meanwhile."""
    zarr.create_array(store, name="a/b", data=np.arange(9), chunks=1)
    with redis.Redis.from_url(server.url, protocol=2) as client:
        client.config_set("maxmemory", 1)
        try:
            with store.transaction() as tx:
                assert np.array_equal(zarr.open_array(tx, path="a/b", mode="r")[:], np.arange(9))
                del zarr.open_group(tx, path="a")["b"]
                assert zarr.open_array(store, path="a/b", mode="r").shape == (9,)
        finally:
            client.config_set("maxmemory", 0)
    assert keys_of(store) == ["a/zarr.json", "zarr.json"]


def test_a_server_that_is_gone_at_the_end_is_an_error_and_the_store_works_on() -> None:
    """Nothing was stored; the next transaction on the server's successor is."""
    with real_redis() as server:
        store = RedisStore(f"redis://{server.url.removeprefix('redis://')}")
        tx = store.transaction()
        tx.set_sync("a", ONE)
        tx.set_sync("b", ONE)
    error = error_of(lambda: tx.__exit__(None, None, None))
    assert type(error) is ConnectionError
    with pytest.raises(ValueError, match="this transaction is over"):
        tx.get_sync("a")
    with real_redis(port=server.port):
        assert keys_of(store) == []
        with store.transaction() as tx:
            tx.set_sync("a", ONE)
        assert keys_of(store) == ["a"]


def test_an_answer_that_is_lost_is_asked_for_again(server: RedisServer, store: RedisStore) -> None:
    """The connection breaks after the server has stored all: the same is stored once more, and no error raised."""
    with serving(losing_the_first_answer_to(b"EXEC", server.port)) as port:
        lossy = RedisStore(f"redis://127.0.0.1:{port}", prefix=store.keys.prefix)
        with lossy.transaction() as tx:
            tx.set_sync("a", ONE)
            tx.set_sync("b", TWO)
        assert store.read_many(["a", "b"]) == [b"one", b"two"]
        lossy.close()


def test_nothing_written_asks_nothing() -> None:
    """An empty block needs no server."""
    gone = RedisStore(f"redis://ada:{SECRET}@127.0.0.1:1")
    with gone.transaction():
        pass


# --- after the block, and elsewhere ---


def test_after_its_block_it_is_over(store: RedisStore) -> None:
    """Each use is an error that says what to open instead, those of arrays made in it included; readers have none."""
    with pytest.raises(ValueError, match="read-only mode"):
        store.with_read_only(True).transaction()
    with store.transaction() as tx:
        z = zarr.create_array(tx, data=np.arange(4), chunks=2)
        reader = tx.with_read_only(True)
    for use in (
        lambda: tx.get_sync("k"),
        lambda: tx.set_sync("k", ONE),
        lambda: tx.delete_sync("k"),
        lambda: tx.read_many(["k"]),
        lambda: keys_of(tx),
        lambda: tx.keys.exists("k"),
        lambda: asyncio.run(tx.set_if_not_exists("k", ONE)),
        lambda: asyncio.run(tx.clear()),
        lambda: reader.get_sync("k"),
        lambda: z[0],
        lambda: z.__setitem__(0, 1),
        lambda: zarr.open_array(tx),
        lambda: tx.__exit__(None, None, None),
    ):
        with pytest.raises(ValueError, match="this transaction is over: open the array or group again from the store"):
            use()
    assert np.array_equal(zarr.open_array(store)[:], np.arange(4))
