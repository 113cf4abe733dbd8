"""Tests of helpers.redis: copies of one instant that stay as they are, or say that they are gone."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import multiprocessing
import pickle
import threading
import time
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import redis
import xarray as xr
import zarr
from dask.tokenize import tokenize
from zarr.abc.store import SuffixByteRequest
from zarr.core.buffer import cpu

from helpers.redis import FrozenRedisStore, RedisStore, freeze
from helpers.servers import redis_stand_in
from tests.processes import wait_for
from tests.redis_servers import error_of, losing_the_first_answer_to, real_redis, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from helpers.servers import RedisServer


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One real server for the tests of this module."""
    with real_redis() as running:
        yield running


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    """A client of that server, which is empty."""
    with redis.Redis.from_url(server.url, protocol=2) as running:
        running.flushall()
        yield running


@pytest.fixture
def store(server: RedisServer, client: redis.Redis) -> Iterator[RedisStore]:
    """A store with two values on that server."""
    assert client.dbsize() == 0
    with RedisStore(server.url, prefix="p*") as made:
        made.keys.write({"a": b"123", "b": b""})
        yield made


def keys_of(store: RedisStore) -> list[str]:
    """Return all keys of a store in order; none may come twice."""
    return sorted(key for page in store.keys.pages() for key in page)


# --- what is frozen stays ---


def test_copies_stay_as_they_were(store: RedisStore) -> None:
    """Values, ranges, sizes and listings, whatever becomes of the source; what was missing is missing."""
    frozen = store.freeze(["a", "b", "none", "a"])
    store.keys.write({"a": b"new", "b": None, "none": b"there now"})
    asyncio.run(store.clear())
    assert keys_of(store) == []
    assert frozen.read_many(["a", "b", "none", ("a", SuffixByteRequest(1))]) == [b"123", b"", None, b"3"]
    assert keys_of(frozen) == ["a", "b"]
    assert [frozen.keys.size(key) for key in ("a", "b", "none")] == [3, 0, None]
    assert [frozen.keys.exists(key) for key in ("a", "b", "none")] == [True, True, False]
    assert asyncio.run(frozen.is_empty("x"))
    assert not asyncio.run(frozen.is_empty(""))


def test_zarr_and_xarray_read_what_is_frozen(store: RedisStore) -> None:
    """A whole array, opened after its source has changed."""
    xr.Dataset({"t": ("x", np.arange(9))}).to_zarr(store, mode="w", zarr_format=2, consolidated=True)
    frozen = store.freeze(keys_of(store))
    zarr.open_array(store, path="t")[:] = 0
    ds = xr.open_zarr(frozen, consolidated=True)
    assert int(ds["t"].sum()) == 36
    array = zarr.open_array(frozen, path="t", mode="r")
    assert int(da.from_zarr(array).sum().compute(scheduler="threads")) == 36  # type: ignore[no-untyped-call]


def test_copies_are_of_one_instant(store: RedisStore) -> None:
    """While a writer changes two keys together, frozen ones always fit, and go on to."""
    over = threading.Event()

    def write() -> None:
        step = 0
        while not over.is_set():
            step += 1
            store.keys.write({"a": b"%d" % step, "b": b"%d" % step})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_for(lambda: store.read_many(["a"]) != [b"123"])
        taken = [store.freeze(["a", "b"]) for _ in range(100)]
    finally:
        over.set()
        writer.join()
    values = [frozen.read_many(["a", "b"]) for frozen in taken]
    assert all(a == b for a, b in values)
    assert len({a for a, _ in values}) > 10


def test_nothing_is_no_trouble(store: RedisStore, client: redis.Redis) -> None:
    """Neither an empty list, nor keys that are all missing."""
    assert keys_of(store.freeze([])) == []
    assert store.freeze(iter(["none"])).read_many(["none"]) == [None]
    assert client.dbsize() == 2


def test_what_is_frozen_is_read_only(store: RedisStore) -> None:
    """And cannot be made writable."""
    frozen = store.freeze(["a"])
    value = cpu.Buffer.from_bytes(b"1")
    for write in (
        lambda: frozen.set_sync("a", value),
        lambda: frozen.delete_sync("a"),
        lambda: asyncio.run(frozen.clear()),
        lambda: asyncio.run(frozen.set_if_not_exists("z", value)),
        frozen.transaction,
    ):
        with pytest.raises(ValueError, match="read-only mode"):
            write()
    with pytest.raises(ValueError, match="frozen values cannot be written: write to the store"):
        frozen.with_read_only(False)
    assert frozen.with_read_only(True) is frozen
    with pytest.raises(ValueError, match="cannot be frozen: it is a transaction, or frozen already"):
        frozen.freeze(["a"])
    assert frozen.read_many(["a"]) == [b"123"]


@pytest.mark.parametrize("lease_s", [0, -1, 1.5, True, "60", 10**18])
def test_a_lease_is_whole_seconds(store: RedisStore, client: redis.Redis, lease_s: Any) -> None:
    """Checked before anything is copied, since a copy with a wrong lease would stay for ever."""
    with pytest.raises(ValueError, match=r"lease_s is .*: it must be whole seconds, from 1 to 1,000,000,000"):
        freeze(store, ["a"], lease_s=lease_s)
    assert client.dbsize() == 2


def test_one_text_is_no_list(store: RedisStore) -> None:
    """Its letters would pass for keys."""
    with pytest.raises(TypeError, match="it must be a list of keys"):
        store.freeze("ab")


def test_another_programs_type_is_not_copied(store: RedisStore, client: redis.Redis) -> None:
    """Nor anything beside it."""
    client.rpush(store.keys.name("theirs"), 1)
    assert type(error_of(lambda: store.freeze(["a", "theirs"]))) is TypeError
    assert client.dbsize() == 3


# --- how long ---


def asks(frozen: FrozenRedisStore) -> list[Callable[[], object]]:
    """Return one of each kind of request for what was frozen."""
    return [
        lambda: frozen.get_sync("a"),
        lambda: frozen.get_sync("a", byte_range=SuffixByteRequest(1)),
        lambda: frozen.read_many(["none", "a"]),
        lambda: frozen.keys.size("a"),
        lambda: frozen.keys.exists("a"),
        lambda: keys_of(frozen),
        lambda: asyncio.run(frozen.is_empty("")),
        lambda: asyncio.run(frozen.getsize("a")),
    ]


def test_after_the_lease_nothing_is_invented(store: RedisStore, client: redis.Redis) -> None:
    """The server deletes the copies, and each request for one says so; zarr does not take the array for missing."""
    zarr.create_array(store, name="z", data=np.arange(4), chunks=2)
    frozen = store.freeze(["a", *(key for key in keys_of(store) if key.startswith("z"))], lease_s=1)
    opened = zarr.open_array(frozen, path="z", mode="r")
    assert opened[3] == 3
    count = client.dbsize()
    wait_for(lambda: client.dbsize() < count - 3)
    for ask in [*asks(frozen), lambda: zarr.open_array(frozen, path="z"), lambda: opened[:]]:
        error = error_of(ask)
        assert type(error) is RuntimeError
        assert "their lease of 1 s is over, the server restarted, or their store is closed: freeze anew." in str(error)
    assert frozen.read_many(["none"]) == [None]
    assert store.read_many(["a"]) == [b"123"]


def test_a_lease_is_longer_than_the_source_lives(store: RedisStore, client: redis.Redis) -> None:
    """A source that expires does not take its copy with it."""
    client.pexpire(store.keys.name("a"), 100)
    frozen = store.freeze(["a"])
    wait_for(lambda: not store.keys.exists("a"))
    assert frozen.read_many(["a"]) == [b"123"]


def test_close_deletes_the_copies(store: RedisStore, client: redis.Redis) -> None:
    """At once; what is asked for after that is an error."""
    with store.freeze(["a", "b"]) as frozen:
        assert client.dbsize() == 4
    assert client.dbsize() == 2
    for ask in asks(frozen):
        assert type(error_of(ask)) is RuntimeError
    assert store.read_many(["a"]) == [b"123"]


def test_copies_are_read_and_deleted_on_a_full_server(store: RedisStore, client: redis.Redis) -> None:
    """Whoever fills it can make room."""
    frozen = store.freeze(["a", "b"])
    client.config_set("maxmemory", 1)
    try:
        assert frozen.read_many(["a", ("b", SuffixByteRequest(1)), ("a", SuffixByteRequest(1))]) == [b"123", b"", b"3"]
        assert keys_of(frozen) == ["a", "b"]
        frozen.close()
        assert client.dbsize() == 2
    finally:
        client.config_set("maxmemory", 0)


def test_garbage_deletes_the_copies(store: RedisStore, client: redis.Redis) -> None:
    """With the last array that reads them, cycles included."""
    zarr.create_array(store, name="z", data=np.arange(4), chunks=2)
    count = client.dbsize()
    frozen = store.freeze(keys_of(store))
    array = zarr.open_array(frozen, path="z", mode="r")
    cycle: list[object] = [array]
    cycle.append(cycle)
    del frozen, array
    gc.collect()
    assert client.dbsize() == 2 * count
    del cycle
    gc.collect()
    assert client.dbsize() == count


def test_a_token_of_dask_does_not_keep_the_copies(store: RedisStore, client: redis.Redis) -> None:
    """Dask pickles what it does not know, which would leave the copies to their lease."""
    frozen, other = store.freeze(["a"]), store.freeze(["a"])
    assert tokenize(frozen) == tokenize(frozen) != tokenize(other)
    del frozen, other
    gc.collect()
    assert client.dbsize() == 2


def test_a_server_that_is_gone_is_no_trouble_for_garbage() -> None:
    """The copies went with it."""
    with real_redis() as server:
        store = RedisStore(server.url)
        store.keys.write({"a": b"1"})
        frozen, closed = store.freeze(["a"]), store.freeze(["a"])
    began = time.monotonic()
    closed.close()
    del frozen
    gc.collect()
    assert time.monotonic() - began < 5


def test_a_server_that_was_restarted_has_no_copies() -> None:
    """That is an error, though the source may be back."""
    with real_redis() as server:
        store = RedisStore(server.url)
        store.keys.write({"a": b"1"})
        frozen = store.freeze(["a"])
    with real_redis(port=server.port):
        store.keys.write({"a": b"1"})
        for ask in asks(frozen):
            assert type(error_of(ask)) is RuntimeError


# --- in other processes ---


def test_a_pickled_copy_outlives_its_original(store: RedisStore, client: redis.Redis) -> None:
    """Garbage or closed, here or in a process that was spawned; the lease ends it."""
    frozen = store.freeze(["a"])
    pickled = pickle.dumps(frozen)
    frozen.close()
    del frozen
    gc.collect()
    copy = pickle.loads(pickled)
    assert isinstance(copy, FrozenRedisStore)
    assert copy.read_only
    assert copy.read_many(["a"]) == [b"123"]
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert pool.submit(copy.read_many, ["a"]).result(60) == [b"123"]
    copy.close()
    del copy
    gc.collect()
    again = pickle.loads(pickled)
    assert again.read_many(["a"]) == [b"123"]
    name = again.keys.name("a")
    assert 1700 < client.ttl(name) <= 1800
    client.delete(name)
    with pytest.raises(RuntimeError, match=r"1 of the 1 values frozen in .* are gone, 'a' the first"):
        again.read_many(["a"])


def test_an_answer_that_is_lost_is_asked_for_again(server: RedisServer, store: RedisStore) -> None:
    """The connection breaks when the copies were made: they are made again, and none is taken for missing."""
    with serving(losing_the_first_answer_to(b"EXEC", server.port)) as port:
        lossy = RedisStore(f"redis://127.0.0.1:{port}", prefix=store.keys.prefix)
        frozen = lossy.freeze(["a", "b"])
        assert frozen.read_many(["a", "b"]) == [b"123", b""]
        assert keys_of(frozen) == ["a", "b"]
        frozen.close()
        lossy.close()


def test_the_stand_in_freezes() -> None:
    """It has no INFO and no limit."""
    with redis_stand_in() as port:
        store = RedisStore(f"redis://127.0.0.1:{port}")
        store.keys.write({"a": b"123"})
        frozen = store.freeze(["a", "none"])
        store.keys.write({"a": b"456"})
        assert frozen.read_many(["a", "none"]) == [b"123", None]
        frozen.close()
        assert keys_of(store) == ["a"]
        store.close()
