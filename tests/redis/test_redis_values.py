"""Tests of helpers.redis: whole values and parts of them, cut by the server, at one instant."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer.cpu import Buffer

from helpers.redis import RedisKeys, as_buffer, as_bytes, cut, listed, read_values, value_range
from tests.redis_servers import real_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zarr.abc.store import ByteRequest

    from helpers.servers import RedisServer


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One real server for the tests of this module."""
    with real_redis() as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RedisServer) -> Iterator[redis.Redis]:
    """A client of that server."""
    with redis.Redis.from_url(server.url, protocol=2) as running:
        yield running


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
@settings(deadline=None, max_examples=60)
@given(
    values=st.dictionaries(st.sampled_from("abc"), st.binary(max_size=10)),
    requests=st.lists(st.tuples(st.sampled_from("abcd"), ranges()), min_size=1, max_size=6),
)
def test_parts_are_those_that_python_cuts(
    client: redis.Redis, full: bool, values: dict[str, bytes], requests: list[tuple[str, ByteRequest | None]]
) -> None:
    """From the server, though it be full, and from memory, alone and together; what is missing is no empty value."""
    client.delete(*"abcd")
    if values:
        client.mset(values)
    answers = [expected(values.get(name), asked) for name, asked in requests]
    with full_server(client) if full else contextlib.nullcontext():
        assert read_values(client, requests) == answers
        assert [read_values(client, [request])[0] for request in requests] == answers
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


def test_no_request_is_no_answer(client: redis.Redis) -> None:
    """Nothing is asked."""
    assert read_values(client, []) == []


@pytest.mark.parametrize("asked", [(0, 2), "all", RangeByteRequest])
def test_another_kind_of_range_is_refused(asked: Any) -> None:
    """As zarr's own stores do."""
    with pytest.raises(TypeError, match="Unexpected byte_range, got"):
        value_range(asked)


def statistics(client: redis.Redis, name: str) -> int:
    """Return one of the server's counters."""
    counted: int = client.info("stats")[name]
    return counted


def test_a_range_of_a_large_value_moves_little(client: redis.Redis) -> None:
    """The server cuts: of 10 MB, the parts that are wanted are sent, and nothing of a part that is not there."""
    client.set("large", bytes(10_000_000))
    requests: list[list[tuple[str, ByteRequest | None]]] = [
        [("large", RangeByteRequest(5_000_000, 5_001_000))],
        [("large", SuffixByteRequest(1000)), ("large", OffsetByteRequest(9_999_000)), ("none", OffsetByteRequest(7))],
        [("large", RangeByteRequest(7, 7)), ("large", OffsetByteRequest(20_000_000)), ("large", SuffixByteRequest(0))],
    ]
    before = statistics(client, "total_net_output_bytes")
    for asked in requests:
        read_values(client, asked)
    moved = statistics(client, "total_net_output_bytes") - before
    assert 3_000 < moved < 30_000  # the answer to INFO is part of it


def test_many_values_are_read_in_one_round_trip(client: redis.Redis) -> None:
    """Whole ones by one MGET, with ranges in one MULTI/EXEC; either way with what tells the missing ones."""
    client.mset({f"k{i}": bytes(10) for i in range(20)})
    requests: list[tuple[str, ByteRequest | None]] = [(f"k{i}", None) for i in range(30)]
    client.config_resetstat()
    read_values(client, requests)
    assert statistics(client, "total_reads_processed") <= 2  # the second is this question
    assert calls(client) == {"mget": 1, "exists": 1}
    client.config_resetstat()
    read_values(client, [*requests, *((name, SuffixByteRequest(3)) for name, _ in requests)])
    assert statistics(client, "total_reads_processed") <= 2
    assert calls(client) == {"multi": 1, "exec": 1, "exists": 60, "get": 30, "getrange": 30}


def calls(client: redis.Redis) -> dict[str, int]:
    """Return how often each command was asked since the last `config_resetstat`."""
    counted = {name.removeprefix("cmdstat_"): kept["calls"] for name, kept in client.info("commandstats").items()}
    return {name: count for name, count in counted.items() if name != "info" and not name.startswith("config")}


def test_one_value_is_one_get(client: redis.Redis) -> None:
    """No more than redis-py alone would ask; a part of one is a GETRANGE, and an EXISTS in the same round trip."""
    client.set("k", "value")
    client.config_resetstat()
    read_values(client, [("k", None)])
    assert calls(client) == {"get": 1}
    client.config_resetstat()
    read_values(client, [("k", SuffixByteRequest(2))])
    read_values(client, [("none", SuffixByteRequest(2))])
    assert statistics(client, "total_reads_processed") <= 3
    assert calls(client) == {"getrange": 2, "exists": 2}


@pytest.mark.parametrize("full", [False, True], ids=["room", "full"])
def test_many_values_are_those_of_one_instant(server: RedisServer, client: redis.Redis, full: bool) -> None:
    """While a writer changes two keys together, whole and in part they always fit; on a server full at times, too."""
    keys = RedisKeys(server.url, "instant")
    keys.write({"a": b"0000", "b": b"0000"})
    over = threading.Event()

    def write() -> None:
        step = 0
        while not over.is_set():
            step += 1
            keys.write({"a": b"%04d" % (step % 9999), "b": b"%04d" % (step % 9999)})
            if full and step % 5 == 0:
                with full_server(client):
                    keys.read([("a", None)])

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    try:
        for _ in range(250):
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


def test_a_key_that_comes_and_goes_is_whole_or_missing(server: RedisServer) -> None:
    """Never empty, in no way to ask, though it is asked for in two commands: neither is an instant between them."""
    keys = RedisKeys(server.url, "comes")
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            keys.write({"k": b"12345678"})
            keys.write({"k": None})

    writer = threading.Thread(target=write)
    writer.start()
    seen: set[object] = set()
    try:
        for _ in range(250):
            seen |= {keys.read([("k", asked)])[0] for asked in (None, OffsetByteRequest(0), SuffixByteRequest(9))}
            seen |= set(keys.read([("k", None), ("k", OffsetByteRequest(0))]))
            assert keys.size("k") in {8, None}
    finally:
        over.set()
        writer.join()
    assert seen == {b"12345678", None}


@pytest.mark.parametrize("kind", ["list", "hash", "set"])
def test_another_type_is_neither_missing_nor_empty(client: redis.Redis, kind: str) -> None:
    """MGET alone would say that a list is not there."""
    client.delete("other", "s")
    {"list": client.rpush, "hash": lambda name, one: client.hset(name, one, one), "set": client.sadd}[kind](
        "other", "1"
    )
    client.set("s", "1")
    for requests in (
        [("other", None)],
        [("s", None), ("other", None)],
        [("other", None), ("other", None), ("none", None)],
        [("other", RangeByteRequest(0, 0))],
        [("s", None), ("other", SuffixByteRequest(1))],
    ):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            read_values(client, requests)


def test_bytes_of_a_buffer_are_not_copied() -> None:
    """Unless they lie apart; an empty buffer has none."""
    array = np.arange(6, dtype="uint8")
    view = as_bytes(Buffer.from_array_like(array))
    array[0] = 9
    assert view[0] == 9
    assert bytes(as_bytes(Buffer.from_array_like(array[::2]))) == b"\t\x02\x04"
    assert bytes(as_bytes(Buffer.from_array_like(array[:0:-1]))) == b"\5\4\3\2\1"
    assert bytes(as_bytes(Buffer.from_bytes(b""))) == b""
    with pytest.raises(TypeError, match=r"must be a Buffer instance\. Got an instance of <class 'bytes'>"):
        as_bytes(b"1")  # type: ignore[arg-type]


def test_buffers_hold_the_bytes() -> None:
    """None stays None."""
    buffer = as_buffer(b"12")
    assert buffer is not None
    assert buffer.to_bytes() == b"12"
    assert as_buffer(None) is None


def test_one_text_is_no_list_of_keys() -> None:
    """Its letters would pass for keys."""
    with pytest.raises(TypeError, match=r"keys is the text 'zarr.json': it must be a list of keys, \['zarr.json'\]"):
        listed("zarr.json")
