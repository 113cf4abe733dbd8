"""Tests of helpers.servers."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

import numpy as np
import pytest
import redis

from helpers.servers import redis as module
from helpers.servers import redis_stand_in
from tests.processes import wait_for


def test_it_holds_what_redis_would() -> None:
    """Values of any bytes, several at one instant, parts of them, and messages come back as from Redis."""
    value = bytes(range(256)) * 300
    with redis_stand_in() as port, redis.Redis(port=port) as client, client.pubsub() as news:
        client.mset({"a": value, "b": b""})
        assert client.mget("a", "b", "c") == [value, b"", None]
        assert client.getrange("a", 10, 19) == value[10:20]
        news.subscribe("frames")
        assert news.get_message(timeout=5)
        client.publish("frames", b"\r\n7")
        assert news.get_message(timeout=5)["data"] == b"\r\n7"


def test_it_takes_and_gives_large_values_quickly() -> None:
    """Frames and windows of frames pass: fakeredis alone breaks off at answers of some MB, and takes minutes."""
    value = np.random.default_rng(7).bytes(2_000_000)
    with redis_stand_in() as port, redis.Redis(port=port, socket_timeout=10) as client:
        client.mset({str(number): value for number in range(4)})
        assert client.mget("0", "1", "2", "3") == [value] * 4


def test_an_error_is_an_answer() -> None:
    """The connection, and what was set on it, outlasts an error, and says it in the words of Redis."""
    with redis_stand_in() as port, redis.Redis(port=port, single_connection_client=True) as client:
        number = client.client_id()
        client.lpush("a", "1")
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            client.get("a")
        assert client.client_id() == number


def test_it_is_gone_after_its_block() -> None:
    """Nothing listens, and no thread runs, even while a client is still connected."""
    before = set(threading.enumerate())
    with contextlib.ExitStack() as clients:
        with redis_stand_in() as port:
            clients.enter_context(redis.Redis(port=port)).set("a", 1)
        wait_for(lambda: set(threading.enumerate()) <= before)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_note_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Readers learn on standard error that this is not Redis, what it cannot do and how to get the real one."""
    module._say_once.cache_clear()
    for _ in range(2):
        with redis_stand_in():
            pass
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(word in said for word in ("stand-in", "no limit of memory", "no eviction", "apt install"))


def test_without_fakeredis_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with neither Redis nor fakeredis is told how to install one."""
    monkeypatch.setitem(sys.modules, "fakeredis", None)
    with pytest.raises(RuntimeError, match=r"No Redis server was found.*apt install"), redis_stand_in():
        pass
