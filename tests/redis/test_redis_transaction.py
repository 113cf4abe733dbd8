"""Tests of helpers.redis: visible at once or not at all, and a store like any other meanwhile."""
# ruff: noqa: D102 -- the suite documents its methods

from __future__ import annotations

import asyncio
import gc
import pickle
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import redis
import zarr
from hypothesis.stateful import run_state_machine_as_test
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer, cpu, default_buffer_prototype
from zarr.testing.stateful import ZarrHierarchyStateMachine, ZarrStoreStateMachine
from zarr.testing.store import StoreTests

from helpers.redis import RedisStore, RedisTransaction
from tests.processes import wait_for
from tests.redis.test_redis_store import STATEFUL
from tests.redis_servers import SECRET, error_of, losing_the_first_answer_to, real_redis, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zarr.abc.store import ByteRequest

    from helpers.servers import RedisServer

PROTOTYPE = default_buffer_prototype()
ONE, TWO = cpu.Buffer.from_bytes(b"one"), cpu.Buffer.from_bytes(b"two")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One real server for the tests of this module."""
    with real_redis() as running:
        yield running


@pytest.fixture
def store(server: RedisServer, request: pytest.FixtureRequest) -> Iterator[RedisStore]:
    """A store with a prefix of its own on that server."""
    with RedisStore(server.url, prefix=request.node.name) as made:
        yield made


def keys_of(store: RedisStore) -> list[str]:
    """Return all keys of a store in order; none may come twice."""
    return sorted(key for page in store.keys.pages() for key in page)


def write_and_raise(tx: RedisTransaction, kind: type[BaseException]) -> None:
    """Write, delete and send news, and fail."""
    tx.set_sync("new", ONE)
    tx.delete_sync("old")
    tx.notify(b"never")
    raise kind


# --- a store like any other ---


class OpenTransaction(RedisTransaction):
    """A transaction that the suite can make from simple values."""

    def __init__(self, url: str, *, prefix: str, read_only: bool = False) -> None:
        super().__init__(RedisStore(url, prefix=prefix, read_only=read_only))


class TestRedisTransaction(StoreTests[OpenTransaction, cpu.Buffer]):
    """A transaction conforms, but for what it refuses: to be pickled, and to equal another."""

    store_cls = OpenTransaction
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self, server: RedisServer) -> dict[str, Any]:
        """A prefix, empty before."""
        with redis.Redis.from_url(f"{server.url}/1", protocol=2) as client:
            client.flushdb()
        return {"url": f"{server.url}/1", "prefix": "suite*[1]"}

    async def set(self, store: OpenTransaction, key: str, value: Buffer) -> None:
        """Write past the transaction: it shows what others publish meanwhile."""
        with redis.Redis.from_url(store.keys.url, protocol=2) as client:
            client.set(store.keys.name(key), value.to_bytes())

    async def get(self, store: OpenTransaction, key: str) -> Buffer:
        """Read what waits to be published."""
        value = store.keys._values[key]
        assert value is not None
        return self.buffer_cls.from_bytes(value)

    def test_store_eq(self, store: OpenTransaction, store_kwargs: dict[str, Any]) -> None:
        assert store == store
        assert store != self.store_cls(**store_kwargs)

    async def test_serializable_store(self, store: OpenTransaction) -> None:
        with pytest.raises(TypeError, match="belongs to one process and cannot be pickled: send the store"):
            pickle.dumps(store)

    def test_store_repr(self, store: OpenTransaction) -> None:
        assert repr(store) == f"OpenTransaction('{store.keys.address}/suite*[1]')"

    def test_store_supports_writes(self, store: OpenTransaction) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: OpenTransaction) -> None:
        assert store.supports_listing


@pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")  # bytes and the like
@pytest.mark.parametrize("machine", [ZarrStoreStateMachine, ZarrHierarchyStateMachine])
def test_any_sequence_of_requests_is_published_as_it_looked(store: RedisStore, machine: Any) -> None:
    """Zarr's state machines on a transaction over keys that were there: at its end the store holds what it showed."""
    store.keys.write({"0/zarr.json": b"old", "1": b"old"})
    with store.transaction() as tx:
        make: Any = lambda: machine(tx)  # noqa: E731
        run_state_machine_as_test(make, settings=STATEFUL)
        keys = keys_of(tx)
        values = tx.read_many(keys)
        assert store.read_many(["0/zarr.json", "1"]) == [b"old", b"old"]
    assert keys_of(store) == keys
    assert store.read_many(keys) == values


def test_it_reads_its_own_writes(store: RedisStore) -> None:
    """In every way to ask, over what is published; nobody else sees them."""
    store.keys.write({"a/old": b"old", "a/both": b"before", "gone": b"gone"})
    with store.transaction() as tx:
        tx.set_sync("a/new", cpu.Buffer.from_bytes(b"0123456789"))
        tx.set_sync("a/both", TWO)
        tx.set_sync("empty", cpu.Buffer.from_bytes(b""))
        tx.delete_sync("gone")
        asyncio.run(tx.set_if_not_exists("a/old", TWO))
        asyncio.run(tx.set_if_not_exists("gone", ONE))
        tx.delete_sync("gone")
        ranges: list[ByteRequest] = [
            RangeByteRequest(2, 4),
            OffsetByteRequest(8),
            SuffixByteRequest(1),
            RangeByteRequest(3, 3),
        ]
        assert tx.read_many([("a/new", asked) for asked in ranges]) == [b"23", b"89", b"9", b""]
        assert tx.read_many(["a/old", "a/both", "gone", "empty", "none"]) == [b"old", b"two", None, b"", None]
        assert keys_of(tx) == ["a/both", "a/new", "a/old", "empty"]
        assert sorted(listed(tx, "a")) == ["both", "new", "old"]
        assert [tx.keys.exists(key) for key in ("a/new", "a/old", "gone")] == [True, True, False]
        assert [tx.keys.size(key) for key in ("a/new", "a/old", "gone", "none")] == [10, 3, None, None]
        assert asyncio.run(tx.getsize_prefix("a")) == 3 + 3 + 10
        assert asyncio.run(tx.get_partial_values(PROTOTYPE, iter([("gone", None)]))) == [None]
        assert keys_of(store) == ["a/both", "a/old", "gone"]
        asyncio.run(tx.delete_dir("a"))
        assert keys_of(tx) == ["empty"]
        asyncio.run(tx.clear())
        assert asyncio.run(tx.is_empty(""))
        tx.set_sync("last", ONE)
        assert keys_of(store) == ["a/both", "a/old", "gone"]
    assert keys_of(store) == ["last"]


def listed(store: RedisStore, prefix: str) -> list[str]:
    """Return what `list_dir` yields."""

    async def collect() -> list[str]:
        return [name async for name in store.list_dir(prefix)]

    return asyncio.run(collect())


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

WATCH = """
import sys
from helpers.redis import RedisStore
store = RedisStore(sys.argv[1], prefix=sys.argv[2])
print("watching", flush=True)
seen = set()
while "end" not in seen:
    values = store.read_many(["c/0", "c/1", "zarr.json", "end"])
    assert len(set(values[:2])) == 1, values
    seen.add("end" if values[3] else values[0])
print(len(seen))
"""


def test_others_see_all_of_it_at_one_instant(store: RedisStore) -> None:
    """Another process and a thread that read without pause never see one of two keys changed without the other."""
    store.keys.write({"c/0": b"0", "c/1": b"0"})
    torn: list[object] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            a, b = store.read_many(["c/0", "c/1"])
            torn.extend([(a, b)] if a != b else [])

    thread = threading.Thread(target=watch)
    watching = subprocess.Popen(
        [sys.executable, "-c", WATCH, store.keys.url, store.keys.prefix], stdout=subprocess.PIPE, text=True
    )
    with watching:
        thread.start()
        assert watching.stdout is not None
        assert watching.stdout.readline() == "watching\n"
        for step in range(1, 400):
            with store.transaction() as tx:
                tx.set_sync("c/0", cpu.Buffer.from_bytes(b"%d" % step))
                tx.set_sync("c/1", cpu.Buffer.from_bytes(b"%d" % step))
        store.keys.write({"end": b"1"})
        over.set()
        thread.join()
        assert int(watching.stdout.read()) > 10
    assert watching.returncode == 0
    assert torn == []


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
def test_what_raises_stores_nothing(store: RedisStore, kind: type[BaseException]) -> None:
    """An error, the stop button, a cancelled task: deletions included."""
    store.keys.write({"old": b"old"})
    with pytest.raises(kind), store.transaction() as tx:
        write_and_raise(tx, kind)
    assert keys_of(store) == ["old"]


def test_one_that_is_never_ended_stores_nothing(store: RedisStore) -> None:
    """Garbage is no end of a block."""
    tx = store.transaction()
    tx.set_sync("new", ONE)
    del tx
    gc.collect()
    assert keys_of(store) == []


def test_a_full_server_stores_nothing() -> None:
    """Neither the part for which there was room; afterwards the store works on, and a smaller transaction passes."""
    with real_redis(maxmemory="6mb") as small:
        store = RedisStore(small.url)
        store.keys.write({"old": b"old"})

        def write(count: int) -> None:
            with store.transaction() as tx:
                tx.delete_sync("old")
                for number in range(count):
                    tx.set_sync(f"new/{number}", cpu.Buffer.from_bytes(bytes(100_000)))

        error = error_of(lambda: write(60))
        assert type(error) is OSError
        assert "is out of memory (OOM command not allowed): nothing was written." in str(error)
        assert keys_of(store) == ["old"]
        write(5)
        assert len(keys_of(store)) == 5


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


def test_a_key_of_another_program_stops_all_of_it(store: RedisStore) -> None:
    """A list stays a list, and nothing beside it is written."""
    store.keys.client.rpush(store.keys.name("theirs"), 1)

    def write() -> None:
        with store.transaction() as tx:
            tx.set_sync("mine", ONE)
            tx.set_sync("theirs", ONE)

    assert type(error_of(write)) is TypeError
    assert keys_of(store) == []
    assert store.keys.client.type(store.keys.name("theirs")) == b"list"


def test_a_value_that_is_too_large_is_refused_at_once(store: RedisStore) -> None:
    """Not at the end of the block, and without a copy."""
    large = cpu.Buffer.from_array_like(np.zeros(512 * 2**20 + 1, "uint8"))
    with store.transaction() as tx:
        with pytest.raises(ValueError, match="'large' has 536,870,913 bytes"):
            tx.set_sync("large", large)
        tx.set_sync("small", ONE)
    assert keys_of(store) == ["small"]


def test_news_are_published_with_the_writes(store: RedisStore) -> None:
    """The last message of the block, once, and none if it raises; or a message alone."""
    with store.keys.client.pubsub(ignore_subscribe_messages=True) as listener:  # type: ignore[no-untyped-call]
        listener.subscribe(store.keys.channel)
        listener.get_message(timeout=5)
        with pytest.raises(ZeroDivisionError), store.transaction() as tx:
            write_and_raise(tx, ZeroDivisionError)
        with store.transaction() as tx:
            tx.notify(b"first")
            tx.set_sync("a", ONE)
            tx.notify(b"second")
        with store.transaction() as tx:
            tx.notify(b"alone")
        heard: list[bytes] = []

        def listen() -> bool:
            message = listener.get_message(timeout=1)
            heard.extend([message["data"]] if message else [])
            return len(heard) == 2

        wait_for(listen)
    assert heard == [b"second", b"alone"]


def test_nothing_written_asks_nothing() -> None:
    """An empty block needs no server."""
    gone = RedisStore(f"redis://ada:{SECRET}@127.0.0.1:1")
    with gone.transaction():
        pass


# --- after the block, and elsewhere ---


def test_after_its_block_it_is_over(store: RedisStore) -> None:
    """Each use is an error that says what to open instead, those of arrays made in it included."""
    with store.transaction() as tx:
        z = zarr.create_array(tx, data=np.arange(4), chunks=2)
        reader = tx.with_read_only(True)
    for use in (
        lambda: tx.get_sync("k"),
        lambda: tx.set_sync("k", ONE),
        lambda: tx.delete_sync("k"),
        lambda: tx.read_many(["k"]),
        lambda: keys_of(tx),
        lambda: tx.keys.size("k"),
        lambda: tx.keys.exists("k"),
        lambda: asyncio.run(tx.set_if_not_exists("k", ONE)),
        lambda: asyncio.run(tx.clear()),
        lambda: tx.notify(b"!"),
        lambda: reader.get_sync("k"),
        lambda: z[0],
        lambda: z.__setitem__(0, 1),
        lambda: zarr.open_array(tx),
        lambda: tx.__exit__(None, None, None),
    ):
        with pytest.raises(ValueError, match="this transaction is over: open the array or group again from the store"):
            use()
    assert np.array_equal(zarr.open_array(store)[:], np.arange(4))


def test_a_transaction_is_not_frozen(store: RedisStore) -> None:
    """The copies are made by the server, which knows nothing of it."""
    with store.transaction() as tx, pytest.raises(ValueError, match="cannot be frozen: it is a transaction"):
        tx.freeze(["k"])


def test_a_reader_of_a_transaction_cannot_write(store: RedisStore) -> None:
    """Though it sees what is written."""
    with store.transaction() as tx:
        reader = tx.with_read_only(True)
        tx.set_sync("k", ONE)
        assert reader.read_many(["k"]) == [b"one"]
        with pytest.raises(ValueError, match="read-only mode"):
            reader.set_sync("k", TWO)
    assert store.read_many(["k"]) == [b"one"]
