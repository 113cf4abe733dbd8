"""Tests of helpers.redis: any key and prefix, listing that blocks nobody, and what may not be written."""

from __future__ import annotations

import contextlib
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest

from helpers.redis import RedisKeys
from helpers.redis.keys import cut, value_range
from helpers.redis.store import PendingKeys
from tests.processes import wait_for
from tests.redis_servers import error_of, real_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zarr.abc.store import ByteRequest

    from helpers.servers import RedisServer

ODD = st.text("*?[]\\^-%:/ \n\r\0\"'{}a1é\N{SNOWMAN}\N{GRINNING FACE}", max_size=6) | st.text(max_size=6)


@pytest.fixture(scope="module")
def admin(server: RedisServer) -> Iterator[redis.Redis]:
    """A client of that server."""
    with redis.Redis.from_url(server.url, protocol=2) as running:
        yield running


@pytest.fixture
def client(admin: redis.Redis) -> redis.Redis:
    """A client of that server, which is empty."""
    admin.flushall()
    return admin


def everything(keys: RedisKeys, prefix: str = "") -> list[str]:
    """Return all keys in order; none may come twice."""
    return sorted(key for page in keys.pages(prefix) for key in page)


# --- any text ---


@settings(max_examples=80)
@given(prefix=ODD, values=st.dictionaries(ODD, st.binary(max_size=5), max_size=6), start=ODD)
def test_any_text_is_a_key_and_a_prefix(server: RedisServer, prefix: str, values: dict[str, bytes], start: str) -> None:
    """What patterns and URLs give a meaning, has none: written, read, listed, deleted by prefix."""
    keys = RedisKeys(server.url, prefix)
    keys.remove()
    keys.write(dict(values))
    assert keys.read([(key, None) for key in values]) == list(values.values())
    assert everything(keys) == sorted(values)
    assert everything(keys, start) == sorted(key for key in values if key.startswith(start))
    keys.remove(start)
    assert everything(keys) == sorted(key for key in values if not key.startswith(start))
    assert [keys.exists(key) for key in values] == [not key.startswith(start) for key in values]


def test_databases_are_apart(server: RedisServer) -> None:
    """The same prefix in another database is another store."""
    one, three = RedisKeys(server.url, "apart"), RedisKeys(f"{server.url}/3", "apart")
    one.write({"k": b"1"})
    three.write({"k": b"3"})
    assert (one.read([("k", None)]), three.read([("k", None)])) == ([b"1"], [b"3"])
    one.remove()
    assert everything(three) == ["k"]


PREFIXES = ["", ":", "::", "a", "a:", ":a", "a/b", "a/", "/a", "%", "%3A", "a%", "a*", "?", "[a]", "\\", "\n", "é"]
OTHERS = [b"zarr", b"zarr:", b"zarr:a", b"zarr:a/b", b"a", b"\xff\xfe", b"zarr:ab:k", b"zarr:b:k"]


@settings(max_examples=40)
@given(prefixes=st.lists(ODD | st.sampled_from(PREFIXES), min_size=2, max_size=6, unique=True), key=ODD)
def test_no_prefix_sees_another_or_what_is_theirs(
    server: RedisServer, admin: redis.Redis, prefixes: list[str], key: str
) -> None:
    """Each reads, lists and deletes its own, on a database that other programs use."""
    admin.flushall()
    admin.mset(dict.fromkeys(OTHERS, b"theirs"))
    admin.rpush("zarr::theirs", 1)
    stores = [RedisKeys(server.url, prefix) for prefix in prefixes]
    for number, keys in enumerate(stores):
        keys.write({key: b"%d" % number})
    for number, keys in enumerate(stores):
        assert [everything(other) for other in stores] == [[]] * number + [[key]] * (len(stores) - number)
        assert keys.read([(key, None)]) == [b"%d" % number]
        keys.remove()
    assert admin.mget(OTHERS) == [b"theirs"] * len(OTHERS)
    assert admin.dbsize() == len(OTHERS) + 1


def test_names_that_are_no_text_are_listed_and_deleted(server: RedisServer, client: redis.Redis) -> None:
    """Another program's name within the prefix does not end a listing."""
    client.mset({b"zarr:a:\xff\xfe": b"1", b"zarr:a:x": b"2"})
    keys = RedisKeys(server.url, "a")
    assert sorted(keys.read([(key, None) for key in everything(keys)]), key=str) == [b"1", b"2"]
    keys.remove()
    assert client.dbsize() == 0


# --- reading ---


def ranges(largest: int = 12) -> st.SearchStrategy[ByteRequest | None]:
    """Byte requests of all kinds: empty ones, such as end before their start, and such as begin after the end."""
    end = st.integers(0, largest)
    return st.one_of(
        st.none(),
        st.builds(RangeByteRequest, end, end),
        st.builds(OffsetByteRequest, end),
        st.builds(SuffixByteRequest, end),
    )


def expected(value: bytes | None, asked: ByteRequest | None) -> bytes | None:
    """Return what Python cuts out."""
    match asked:
        case _ if value is None:
            return None
        case RangeByteRequest(start, end):
            return value[start:end]
        case OffsetByteRequest(offset):
            return value[offset:]
        case SuffixByteRequest(suffix):
            return value[max(0, len(value) - suffix) :]
    return value


@pytest.mark.parametrize("full", [False, True], ids=["room", "full"])
@settings(max_examples=60)
@given(
    values=st.dictionaries(st.sampled_from("abc"), st.binary(max_size=10)),
    requests=st.lists(st.tuples(st.sampled_from("abcd"), ranges()), min_size=1, max_size=6),
)
def test_parts_are_those_that_python_cuts(
    server: RedisServer,
    admin: redis.Redis,
    full: bool,
    values: dict[str, bytes],
    requests: list[tuple[str, ByteRequest | None]],
) -> None:
    """From the server, though it be full, and from memory, alone and together; what is missing is no empty value."""
    keys = RedisKeys(server.url, "parts")
    keys.write({**dict.fromkeys("abc"), **values})
    answers = [expected(values.get(name), asked) for name, asked in requests]
    with full_server(admin) if full else contextlib.nullcontext():
        assert keys.read(requests) == answers
        assert [keys.read([request])[0] for request in requests] == answers
    assert [cut(values[name], asked) for name, asked in requests if name in values] == [
        answer for (name, _), answer in zip(requests, answers, strict=True) if name in values
    ]


@contextlib.contextmanager
def full_server(client: redis.Redis) -> Iterator[None]:
    """Let a server have no room: Redis 7.0 takes nothing into a MULTI then, not even what reads; 8.0 does."""
    client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)


@pytest.mark.parametrize("asked", [(0, 2), "all", RangeByteRequest])
def test_another_kind_of_range_is_refused(asked: Any) -> None:
    """As zarr's own stores do."""
    with pytest.raises(TypeError, match="Unexpected byte_range, got"):
        value_range(asked)


def statistics(client: redis.Redis, name: str) -> int:
    """Return one of the server's counters."""
    counted: int = client.info("stats")[name]
    return counted


def test_each_way_to_read_is_one_round_trip(server: RedisServer, client: redis.Redis) -> None:
    """One GET, one MGET, or one MULTI/EXEC with what tells missing parts from empty ones. The server cuts the parts."""
    keys = RedisKeys(server.url, "trips")
    keys.write({f"k{i}": bytes(10) for i in range(20)} | {"large": bytes(10_000_000)})
    whole: list[tuple[str, ByteRequest | None]] = [(f"k{i}", None) for i in range(30)]
    parts: list[tuple[str, ByteRequest | None]] = [(key, SuffixByteRequest(3)) for key, _ in whole[:26]]
    parts += [
        ("large", asked) for asked in (RangeByteRequest(7, 7), SuffixByteRequest(0), OffsetByteRequest(2 * 10**7))
    ]
    parts += [("large", RangeByteRequest(5_000_000, 5_001_000))]
    for requests, expected_calls in (
        (whole[:1], {"get": 1}),
        (whole, {"mget": 1}),
        (whole + parts, {"multi": 1, "exec": 1, "exists": 30, "get": 30, "getrange": 30}),
    ):
        client.config_resetstat()
        keys.read(requests)
        assert statistics(client, "total_reads_processed") <= 2  # the second is this question
        assert statistics(client, "total_net_output_bytes") < 30_000  # the answer to INFO is part of it
        counted = calls(client)
        assert {name: counted[name] for name in counted if name not in ("info", "config|resetstat")} == expected_calls


@pytest.mark.parametrize("full", [False, True], ids=["room", "full"])
def test_many_values_are_those_of_one_instant(server: RedisServer, client: redis.Redis, full: bool) -> None:
    """While a writer changes two keys together, whole and in part they always fit; on a server full at times, too.

    A key that comes and goes is whole or missing, and never empty, though parts are asked for in two commands.
    """
    keys = RedisKeys(server.url, "instant")
    keys.write({"a": b"0000", "b": b"0000"})
    over = threading.Event()

    def write() -> None:
        step = 0
        while not over.is_set():
            step += 1
            keys.write({"a": b"%04d" % (step % 9999), "b": b"%04d" % (step % 9999), "k": b"12345678"})
            keys.write({"k": None})
            if full and step % 5 == 0:
                with full_server(client):
                    keys.read([("a", None)])

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    seen_k: set[bytes | None] = set()
    try:
        for _ in range(250):
            seen_k |= set(keys.read([("k", None), ("k", OffsetByteRequest(0))]))
            a, b, tail, head = keys.read(
                [("a", None), ("b", None), ("a", SuffixByteRequest(2)), ("b", RangeByteRequest(0, 2))]
            )
            assert a is not None
            assert a == b == (head or b"") + (tail or b"")
            assert len(set(keys.read([("a", None), ("b", None)]))) == 1
            seen.add(a)
    finally:
        over.set()
        writer.join()
    assert len(seen) > 10
    assert seen_k == {b"12345678", None}


# --- writing ---


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
            lambda: PendingKeys(keys).write({"large": large}),
        ):
            with pytest.raises(ValueError, match=r"'large' has 536,870,913 bytes, and .* 536,870,912 at most"):
                write()
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert client.dbsize() == 0


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


def calls(client: redis.Redis) -> dict[str, Any]:
    """Return how often each command was asked since the last `config_resetstat`."""
    found: dict[str, Any] = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): kept["calls"] for name, kept in found.items()}


def test_no_listing_blocks_the_server(server: RedisServer, client: redis.Redis) -> None:
    """100,000 keys are listed in short steps, by SCAN and never by KEYS, and deleted in steps; what is not ours stays.

    Whoever wants to know only whether there is any key does not wait for all of them.
    """
    for page in range(99):
        client.mset({f"zarr:crowd:c/{page}/{i}": b"" for i in range(1000)})
    client.mset({f"zarr:few:{i}": b"" for i in range(10)} | {f"theirs:{i}": b"" for i in range(990)})
    client.config_resetstat()
    assert next(RedisKeys(server.url, "crowd").pages())
    assert calls(client)["scan"] <= 3
    assert everything(RedisKeys(server.url, "few")) == [str(i) for i in range(10)]
    assert len(everything(RedisKeys(server.url, "crowd"))) == 99_000
    assert len(everything(RedisKeys(server.url, "crowd"), "c/7/")) == 1000
    asked = calls(client)
    assert asked["scan"] >= 3 * 90
    assert "keys" not in asked
    assert client.info("commandstats")["cmdstat_scan"]["usec_per_call"] < 10_000
    RedisKeys(server.url, "crowd").remove()
    assert 90 <= calls(client)["unlink"] <= 1000
    assert client.dbsize() == 1000


@pytest.mark.parametrize("page", [1, 3])
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
