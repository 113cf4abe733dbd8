"""Tests of helpers.stream: values that arrive in memory, and answers that are not as expected."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from helpers.redis import connect
from helpers.servers import redis_stand_in
from helpers.stream import read_into
from tests.redis_servers import answering, clients, real_redis, serving, silence, tls_in_front_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis

    from helpers.servers import RedisServer

SIZES = (1, 5, 4096, 70_000, 3, 300_000, 65_536)
VALUES = {f"v{n}": os.urandom(size).replace(b"1", b"\r\n") for n, size in enumerate(SIZES)}


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One real server for the tests of this module."""
    with real_redis() as running:
        yield running


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    """A client of that server, which holds some values."""
    made = connect(server.url)
    made.flushall()
    made.mset(VALUES)
    yield made
    made.connection_pool.disconnect()


def memory() -> tuple[bytearray, list[memoryview]]:
    """Return memory for the values, and its parts."""
    whole = bytearray(sum(map(len, VALUES.values())))
    parts, begin = [], 0
    for value in VALUES.values():
        parts.append(memoryview(whole)[begin : begin + len(value)])
        begin += len(value)
    return whole, parts


def test_values_arrive_in_their_places(client: redis.Redis, server: RedisServer) -> None:
    """Large and small, whatever their bytes; the connection serves on."""
    for _ in range(3):
        whole, parts = memory()
        assert read_into(client, list(VALUES), parts)
        assert whole == b"".join(VALUES.values())
        assert client.get("v1") == VALUES["v1"]
    assert len(clients(server)) == 1


@pytest.mark.parametrize("wrong", ["missing", "shorter", "longer", "another type"])
def test_what_is_not_as_expected_is_not_read(client: redis.Redis, wrong: str) -> None:
    """Not even the next question sees anything of the answer."""
    names = list(VALUES)
    client.hset("hash", "a", "b")
    client.mset({"shorter": VALUES["v3"][:-1], "longer": VALUES["v3"] + b"1"})
    names[3] = {"another type": "hash"}.get(wrong, wrong)
    assert not read_into(client, names, memory()[1])
    assert client.get("v1") == VALUES["v1"]


def test_errors_of_the_server_are_left_to_others(client: redis.Redis, server: RedisServer) -> None:
    """They say more."""
    client.acl_setuser("ada", enabled=True, nopass=True, keys=["*"], categories=["+@all"], commands=["-mget"])
    ada = connect(server.url.replace("redis://", "redis://ada:any@"))
    assert not read_into(ada, list(VALUES), memory()[1])
    assert ada.get("v1") == VALUES["v1"]
    ada.connection_pool.disconnect()


@pytest.mark.parametrize(
    "reply", [b"*7\r\n$1\r\n", b"+OK\r\n", b"-LOADING soon\r\n", b"$-1\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]
)
def test_what_is_no_redis_is_not_read(reply: bytes) -> None:
    """Whatever it answers."""
    with serving(answering(reply)) as port:
        made = connect(f"redis://127.0.0.1:{port}?socket_timeout=0.3")
        assert not read_into(made, list(VALUES), memory()[1])
        made.connection_pool.disconnect()


def test_a_server_that_keeps_silent_is_given_up() -> None:
    """In a bounded time."""
    with serving(silence) as port:
        made = connect(f"redis://127.0.0.1:{port}?socket_timeout=0.3")
        assert not read_into(made, list(VALUES), memory()[1])
        made.connection_pool.disconnect()


def test_without_a_server_nothing_is_read() -> None:
    """And nothing is raised."""
    with real_redis() as server:
        made = connect(server.url)
    assert not read_into(made, list(VALUES), memory()[1])


def test_it_reads_through_tls(client: redis.Redis, server: RedisServer, tmp_path: Path) -> None:
    """A socket as any other."""
    assert client.ping()
    with tls_in_front_of(server.port, tmp_path) as (port, authority):
        made = connect(f"rediss://127.0.0.1:{port}?ssl_ca_certs={authority}")
        whole, parts = memory()
        assert read_into(made, list(VALUES), parts)
        assert whole == b"".join(VALUES.values())
        made.connection_pool.disconnect()


def test_it_reads_from_the_stand_in() -> None:
    """Which answers as Redis does."""
    with redis_stand_in() as port:
        made = connect(f"redis://127.0.0.1:{port}")
        made.mset(VALUES)
        whole, parts = memory()
        assert read_into(made, list(VALUES), parts)
        assert whole == b"".join(VALUES.values())
        made.connection_pool.disconnect()
