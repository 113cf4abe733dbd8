"""Tests of helpers.redis: any key and prefix, listing that blocks nobody, and what may not be written."""

from __future__ import annotations

import pickle
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.abc.store import OffsetByteRequest, SuffixByteRequest

from helpers.redis import RedisKeys
from tests.processes import wait_for
from tests.redis_servers import SECRET, error_of, fill, real_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import RedisServer

ODD = st.text("*?[]\\^-%:/ \n\r\0\"'{}a1é\N{SNOWMAN}\N{GRINNING FACE}", max_size=6) | st.text(max_size=6)
PREFIXES = [
    "",
    ":",
    "::",
    "a",
    "a:",
    ":a",
    "a/b",
    "a/",
    "/a",
    "a:b",
    "%",
    "%3A",
    "a%",
    "a*",
    "?",
    "[a]",
    "\\",
    "\n",
    "é",
]


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


def everything(keys: RedisKeys, prefix: str = "") -> list[str]:
    """Return all keys in order; none may come twice."""
    return sorted(key for page in keys.pages(prefix) for key in page)


# --- any text ---


@settings(deadline=None, max_examples=80)
@given(prefix=ODD, values=st.dictionaries(ODD, st.binary(max_size=5), max_size=6), start=ODD)
def test_any_text_is_a_key_and_a_prefix(server: RedisServer, prefix: str, values: dict[str, bytes], start: str) -> None:
    """What patterns and URLs give a meaning, has none: written, read, listed, deleted by prefix."""
    keys = RedisKeys(server.url, prefix)
    keys.remove()
    keys.write(dict(values))
    assert keys.read([(key, None) for key in values]) == list(values.values())
    assert [keys.size(key) for key in values] == [len(value) for value in values.values()]
    assert everything(keys) == sorted(values)
    assert everything(keys, start) == sorted(key for key in values if key.startswith(start))
    keys.remove(start)
    assert everything(keys) == sorted(key for key in values if not key.startswith(start))
    assert [keys.exists(key) for key in values] == [not key.startswith(start) for key in values]


@settings(deadline=None, max_examples=40)
@given(prefixes=st.lists(ODD | st.sampled_from(PREFIXES), min_size=2, max_size=6, unique=True), key=ODD)
def test_no_prefix_sees_another(server: RedisServer, prefixes: list[str], key: str) -> None:
    """Each reads, lists and deletes its own."""
    stores = [RedisKeys(server.url, prefix) for prefix in prefixes]
    for number, keys in enumerate(stores):
        keys.remove()
        keys.write({key: b"%d" % number})
    for number, keys in enumerate(stores):
        assert [everything(other) for other in stores] == [[]] * number + [[key]] * (len(stores) - number)
        assert keys.read([(key, None)]) == [b"%d" % number]
        keys.remove()


def test_neighbours_and_other_programs_keep_what_is_theirs(server: RedisServer, client: redis.Redis) -> None:
    """All prefixes at once on a database that others use: deleting one after the other touches nothing else."""
    others = [b"zarr", b"zarr:", b"zarr:a", b"zarr:a/b", b"a", b"\xff\xfe", b"zarr:ab:k", b"zarr:b:k"]
    client.mset(dict.fromkeys(others, b"theirs"))
    client.rpush("zarr::theirs", 1)
    stores = [RedisKeys(server.url, prefix) for prefix in PREFIXES]
    for keys in stores:
        keys.write({"k": keys.prefix.encode(), "k/l": b"", ":k": b""})
    for number, keys in enumerate(stores):
        assert everything(keys) == [":k", "k", "k/l"]
        assert keys.read([("k", None)]) == [keys.prefix.encode()]
        keys.remove()
        assert client.dbsize() == len(others) + 1 + 3 * (len(stores) - number - 1)
    assert client.mget(others) == [b"theirs"] * len(others)
    assert client.type("zarr::theirs") == b"list"


def test_names_that_are_no_text_are_listed_and_deleted(server: RedisServer, client: redis.Redis) -> None:
    """Another program's name within the prefix does not end a listing."""
    client.set(b"zarr:a:\xff\xfe", b"1")
    client.set(b"zarr:a:x", b"2")
    keys = RedisKeys(server.url, "a")
    listed = everything(keys)
    assert len(listed) == 2
    assert sorted(keys.read([(key, None) for key in listed]), key=str) == [b"1", b"2"]
    keys.remove()
    assert client.dbsize() == 0


def test_databases_are_apart(server: RedisServer) -> None:
    """The same prefix in another database is another store, its news included."""
    one, three = RedisKeys(server.url, "apart"), RedisKeys(f"{server.url}/3", "apart")
    one.write({"k": b"1"})
    three.write({"k": b"3"})
    assert (one.read([("k", None)]), three.read([("k", None)])) == ([b"1"], [b"3"])
    assert one.channel != three.channel
    one.remove()
    assert everything(three) == ["k"]


# --- writing ---


def test_news_come_with_the_values(server: RedisServer, client: redis.Redis) -> None:
    """Whoever hears the message reads what it is about; a message alone is possible."""
    keys = RedisKeys(server.url, "news")
    with client.pubsub(ignore_subscribe_messages=True) as listener:  # type: ignore[no-untyped-call]
        listener.subscribe(keys.channel)
        wait_for(lambda: dict(client.pubsub_numsub(keys.channel))[keys.channel.encode()] == 1)
        keys.write({"a": b"1", "b": None}, news=b"first")
        keys.write({}, news=b"second")
        heard: list[bytes] = []

        def listen() -> bool:
            message = listener.get_message(timeout=1)
            heard.extend([message["data"]] if message else [])
            return len(heard) == 2

        wait_for(listen)
    assert heard == [b"first", b"second"]
    assert keys.read([("a", None), ("b", None)]) == [b"1", None]


def test_add_writes_only_what_is_not_there(server: RedisServer) -> None:
    """Of two that add, one does."""
    keys = RedisKeys(server.url, "add")
    assert keys.add("k", b"1")
    assert not keys.add("k", b"2")
    assert keys.read([("k", None)]) == [b"1"]


@pytest.mark.parametrize("kind", ["list", "hash"])
def test_another_programs_type_is_an_error_and_stays(server: RedisServer, client: redis.Redis, kind: str) -> None:
    """Alone or among others, read or written: nothing is replaced, and nothing beside it is written."""
    keys = RedisKeys(server.url, f"{kind} {SECRET}"[:5])
    name = keys.name("theirs")
    _ = client.rpush(name, 1) if kind == "list" else client.hset(name, "field", "1")
    for ask in (
        lambda: keys.read([("theirs", None)]),
        lambda: keys.read([("mine", None), ("theirs", None)]),
        lambda: keys.size("theirs"),
        lambda: keys.write({"theirs": b"1"}),
        lambda: keys.write({"mine": b"1", "theirs": b"1"}),
        lambda: keys.write({"mine": b"1", "theirs": b"1"}, news=b"!"),
    ):
        error = error_of(ask)
        assert type(error) is TypeError
        assert "holds another type than a string under this key: another program wrote it" in str(error)
    assert not keys.exists("mine")
    assert everything(keys) == []
    keys.remove()
    assert client.type(name) == kind.encode()


def test_more_than_512_mib_is_refused_before_it_is_copied(server: RedisServer, client: redis.Redis) -> None:
    """Redis would close the connection half-way."""
    keys = RedisKeys(server.url, "large")
    large = memoryview(np.zeros(512 * 2**20 + 1, "uint8"))
    tracemalloc.start()
    try:
        for write in (
            lambda: keys.write({"small": b"1", "large": large}),
            lambda: keys.write({"large": large}),
            lambda: keys.add("large", large),
        ):
            with pytest.raises(ValueError, match=r"'large' has 536,870,913 bytes, and .* 536,870,912 at most"):
                write()
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert client.dbsize() == 0


def test_a_full_server_is_an_error_and_keeps_what_it_has() -> None:
    """With `noeviction`; deleting makes room, and the same keys are written then."""
    with real_redis(maxmemory="14mb") as small:
        keys = RedisKeys(small.url)
        keys.write({"old": bytes(1_000_000)})
        with pytest.raises(OSError, match="out of memory"):
            fill(keys)
        for write in (
            lambda: keys.write({"more": bytes(1_000_000)}),
            lambda: keys.add("more", bytes(1_000_000)),
            lambda: keys.write({"a": b"1", "old": bytes(2_000_000), "z": b"1"}),
        ):
            error = error_of(write)
            assert type(error) is OSError
            assert "is out of memory (OOM command not allowed): nothing was written. Delete what is not" in str(error)
        assert keys.size("old") == 1_000_000
        assert keys.read([("a", None), ("z", None)]) == [None, None]
        keys.remove("fill")
        keys.write({"a": b"1", "old": bytes(2_000_000), "z": b"1"})
        assert keys.size("old") == 2_000_000


def test_a_full_server_can_be_read_and_cleared(server: RedisServer, client: redis.Redis) -> None:
    """Redis 7.0 refuses whatever comes in a MULTI then, so that neither reading nor deleting may need one."""
    keys = RedisKeys(server.url, "full")
    keys.write({"a": b"123", "b": b"", "c": b"1", "d": b"1"})
    client.config_set("maxmemory", 1)
    try:
        assert keys.read([("a", SuffixByteRequest(1)), ("b", None), ("none", OffsetByteRequest(1))]) == [
            b"3",
            b"",
            None,
        ]
        assert [keys.size(key) for key in ("a", "b", "none")] == [3, 0, None]
        assert everything(keys) == ["a", "b", "c", "d"]
        assert keys.exists("a")
        keys.write({"a": None, "b": None})
        keys.write({}, news=b"still here")
        assert everything(keys) == ["c", "d"]
        keys.remove()
        assert client.dbsize() == 0
    finally:
        client.config_set("maxmemory", 0)


def test_a_replica_can_be_read_and_not_written(server: RedisServer, client: redis.Redis) -> None:
    """Its errors say where to write; made a primary, it takes what is written."""
    client.config_set("repl-diskless-sync-delay", 0)
    RedisKeys(server.url, "r").write({"k": b"1"})
    with real_redis() as second, redis.Redis.from_url(second.url, protocol=2) as admin:
        admin.replicaof("127.0.0.1", server.port)
        copy = RedisKeys(second.url, "r")
        wait_for(lambda: admin.info("replication")["master_link_status"] == "up")
        wait_for(lambda: copy.read([("k", None)]) == [b"1"])
        for write in (
            lambda: copy.write({"k": b"2"}),
            lambda: copy.write({"k": b"2", "l": b"2"}),
            lambda: copy.write({"k": None}),
            lambda: copy.add("l", b"2"),
            copy.remove,
        ):
            error = error_of(write)
            assert type(error) is PermissionError
            assert "only reads: nothing was written. Use the URL of its primary server." in str(error)
        assert everything(copy) == ["k"]
        admin.replicaof("NO", "ONE")
        copy.write({"k": b"2"})
        assert copy.read([("k", None)]) == [b"2"]


# --- listing ---


@pytest.fixture(scope="module")
def crowded() -> Iterator[tuple[RedisServer, redis.Redis]]:
    """A server with 100,000 keys, 1,000 of them not ours, and its client."""
    with real_redis() as server, redis.Redis.from_url(server.url, protocol=2) as client:
        for page in range(99):
            client.mset({f"zarr:crowd:c/{page}/{i}": b"" for i in range(1000)})
        client.mset({f"zarr:few:{i}": b"" for i in range(10)} | {f"theirs:{i}": b"" for i in range(990)})
        yield server, client


def calls(client: redis.Redis) -> dict[str, Any]:
    """Return how often each command was asked since the last `config_resetstat`."""
    found: dict[str, Any] = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): kept["calls"] for name, kept in found.items()}


def test_no_listing_blocks_the_server(crowded: tuple[RedisServer, redis.Redis]) -> None:
    """100,000 keys are listed in steps of about 1,000, by SCAN and never by KEYS; each step is short."""
    server, client = crowded
    client.config_resetstat()
    assert everything(RedisKeys(server.url, "few")) == [str(i) for i in range(10)]
    assert len(everything(RedisKeys(server.url, "crowd"))) == 99_000
    assert len(everything(RedisKeys(server.url, "crowd"), "c/7/")) == 1000
    asked = calls(client)
    assert asked["scan"] >= 3 * 90
    assert "keys" not in asked
    assert client.info("commandstats")["cmdstat_scan"]["usec_per_call"] < 10_000


def test_the_first_page_comes_first(crowded: tuple[RedisServer, redis.Redis]) -> None:
    """Whoever wants to know only whether there is any key does not wait for all of them."""
    server, client = crowded
    client.config_resetstat()
    assert next(RedisKeys(server.url, "crowd").pages())
    assert calls(client)["scan"] <= 3


@pytest.mark.parametrize("page", [1, 2, 3, 4])
def test_keys_that_go_do_not_disturb_a_listing(server: RedisServer, client: redis.Redis, page: int) -> None:
    """The server's table shrinks meanwhile, and SCAN repeats names: what stays is listed, and nothing twice."""
    keys = RedisKeys(server.url, "busy")
    client.mset({f"zarr:busy:goes/{i}": b"" for i in range(30_000)} | {f"zarr:busy:{i}": b"" for i in range(2000)})
    listed: list[str] = []
    for number, some in enumerate(keys.pages(), start=1):
        listed += some
        if number == page:
            client.unlink(*(f"zarr:busy:goes/{i}" for i in range(30_000)))
            time.sleep(0.25)  # the table shrinks in the server's own time
    assert len(listed) == len(set(listed))
    assert {str(i) for i in range(2000)} <= set(listed)


def test_keys_that_come_do_not_disturb_a_listing(server: RedisServer, client: redis.Redis) -> None:
    """The server's table grows meanwhile: what was there is listed, and nothing twice."""
    keys = RedisKeys(server.url, "busy")
    client.mset({f"zarr:busy:{i}": b"" for i in range(3000)})
    listed: list[str] = []
    for number, some in enumerate(keys.pages()):
        listed += some
        if number < 20:
            client.mset({f"zarr:busy:comes/{number}/{i}": b"" for i in range(2000)})
    assert len(listed) == len(set(listed))
    assert {str(i) for i in range(3000)} <= set(listed)


def test_removing_many_keys_is_done_in_steps(crowded: tuple[RedisServer, redis.Redis]) -> None:
    """No single command deletes everything, and what is not ours stays."""
    server, client = crowded
    client.config_resetstat()
    RedisKeys(server.url, "crowd").remove()
    assert 90 <= calls(client)["unlink"] <= 1000
    assert client.dbsize() == 1000


# --- the object ---


def test_copies_are_equal_and_show_no_secret() -> None:
    """Pickled keys name the same place; what is shown of them has no password."""
    keys = RedisKeys(f"redis://ada:{SECRET}@h:1/2", "p\nq")
    copy = pickle.loads(pickle.dumps(keys))
    assert copy == keys
    assert hash(copy) == hash(keys)
    assert keys != RedisKeys(keys.url, "p")
    assert (str(keys), repr(keys)) == ("redis://h:1/2/p\nq", r"RedisKeys('redis://h:1/2/p\nq')")
