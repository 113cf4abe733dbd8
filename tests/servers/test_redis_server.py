"""Tests of helpers.servers, with real servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import redis

from helpers.servers import POLICIES, redis_server
from helpers.servers import redis as module
from tests.ports import free_port
from tests.processes import runs, wait_for

if TYPE_CHECKING:
    from helpers.servers import RedisServer

ROOT = Path(__file__).parent.parent
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


def make_server(folder: Path, script: str) -> Path:
    """Write a program that takes the place of Redis."""
    path = folder / "redis-server"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@posix
def test_a_server_runs_for_as_long_as_the_block() -> None:
    """It answers in the block; then process, port and folder are gone."""
    with redis_server() as server:
        assert server.url == f"redis://127.0.0.1:{server.port}"
        assert server.program in {"redis-server", "valkey-server"}
        assert server.pid is not None
        assert server.program in psutil.Process(server.pid).name()
        assert ask(server, "SET", "a", "1")
        folder = Path(setting(server, "dir"))
        assert folder.is_dir()
    assert not runs(server.pid)
    assert not answers(server.port)
    assert not folder.exists()


@posix
def test_a_server_is_for_this_machine_and_keeps_nothing() -> None:
    """It listens on loopback, protected, and writes nothing to disk."""
    with redis_server() as server:
        names = ["bind", "protected-mode", "save", "appendonly", "maxmemory", "maxmemory-policy"]
        assert [setting(server, name) for name in names] == ["127.0.0.1", "yes", "", "no", "0", "noeviction"]


@posix
def test_servers_do_not_mix() -> None:
    """Two servers at once have two ports and hold their own values."""
    with redis_server() as one, redis_server() as other:
        ask(one, "SET", "a", "1")
        assert ask(other, "GET", "a") is None


@posix
@pytest.mark.parametrize(
    ("maxmemory", "nbytes"), [(5_000_000, 5_000_000), ("5mb", 5 * 2**20), ("5m", 5_000_000), ("1GB", 2**30)]
)
def test_memory_is_limited_as_redis_writes_it(maxmemory: int | str, nbytes: int) -> None:
    """The limit arrives at the server, whichever way it is written."""
    with redis_server(maxmemory=maxmemory) as server:
        assert setting(server, "maxmemory") == str(nbytes)


@posix
def test_a_full_server_refuses_or_evicts() -> None:
    """With noeviction a write too many fails; with an allkeys policy other keys go."""
    with redis_server(maxmemory="5mb") as server, pytest.raises(redis.OutOfMemoryError):
        keys_after_filling(server)
    with redis_server(maxmemory="5mb", policy="allkeys-lfu") as server:
        assert 10 < keys_after_filling(server) < 100


@posix
@pytest.mark.parametrize("policy", POLICIES)
def test_the_policies_are_those_of_redis(policy: str) -> None:
    """The server takes each policy that is allowed."""
    with redis_server(policy=policy) as server:
        assert setting(server, "maxmemory-policy") == policy


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"policy": "lru"}, ValueError, "policy is 'lru': Redis has noeviction, allkeys-lru, .*volatile-ttl"),
        ({"policy": None}, ValueError, "policy is None: Redis has"),
        ({"maxmemory": 0}, ValueError, "maxmemory is 0: .* above 0"),
        ({"maxmemory": -5}, ValueError, "maxmemory is -5: .* above 0"),
        ({"maxmemory": "5 MB"}, ValueError, "maxmemory is '5 MB': .*'5mb'"),
        ({"maxmemory": "5mb\n"}, ValueError, "'5mb'"),
        ({"maxmemory": 5e6}, TypeError, "maxmemory is 5000000.0: it must be bytes"),
        ({"maxmemory": True}, TypeError, "maxmemory is True"),
        ({"port": 65536}, ValueError, "port is 65536: it must be 1 to 65535, or 0"),
        ({"port": -1}, ValueError, "port is -1"),
        ({"port": "7777"}, TypeError, "port is '7777': it must be a whole number"),
    ],
)
def test_what_redis_does_not_know_is_refused(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], error: type[Exception], says: str
) -> None:
    """The error names the value and what is allowed, before anything starts."""
    monkeypatch.setattr(module, "redis_program", lambda: pytest.fail("a server is about to start"))
    with pytest.raises(error, match=says), redis_server(**arguments):
        pass


@posix
def test_a_port_that_redis_has_is_refused() -> None:
    """Another Redis on the port is not taken for the new one."""
    with redis_server() as server:
        ask(server, "SET", "a", "1")
        says = f"port {server.port} .*in use.* 0 for a free one"
        with pytest.raises(OSError, match=says), redis_server(port=server.port):
            pass
        assert ask(server, "GET", "a") == b"1"


@posix
def test_a_port_on_which_something_else_listens_is_refused() -> None:
    """Nor is a server that never says a word."""
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
def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program printed is in the error."""
    program = make_server(tmp_path, 'echo "no memory for $2" >&2; exit 1')
    monkeypatch.setattr(module, "redis_program", lambda: program)
    port = free_port()
    says = rf"ended instead of listening on port {port}(.|\n)*no memory for {port}"
    with pytest.raises(RuntimeError, match=says), redis_server(port=port):
        pass


@posix
def test_a_server_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait has an end."""
    program = make_server(tmp_path, "echo loading; exec sleep 120")
    monkeypatch.setattr(module, "redis_program", lambda: program)
    monkeypatch.setattr(module, "PATIENCE_S", 0.3)
    with pytest.raises(RuntimeError, match=r"does not answer on port .*\nloading"), redis_server():
        pass


@posix
def test_nothing_stays_open() -> None:
    """A server leaves no file, pipe or socket open in this process."""
    with redis_server():
        pass
    before = psutil.Process().num_fds()
    with redis_server():
        pass
    assert psutil.Process().num_fds() == before


@pytest.mark.usefixtures("no_redis")
def test_without_redis_the_stand_in_serves() -> None:
    """It has a URL like any other, and no process of its own."""
    port = free_port()
    with redis_server(port=port) as server:
        assert (server.url, server.program, server.pid) == (f"redis://127.0.0.1:{port}", "fakeredis", None)
        ask(server, "SET", "a", "1")
        assert ask(server, "GET", "a") == b"1"
    assert not answers(port)


@pytest.mark.usefixtures("no_redis")
@pytest.mark.parametrize("arguments", [{"maxmemory": "5mb"}, {"policy": "allkeys-lfu"}])
def test_the_stand_in_has_no_limit_of_memory(arguments: dict[str, Any]) -> None:
    """It would say OK and evict nothing: asking for a limit is an error."""
    says = f"{next(iter(arguments.values()))}.* needs a real Redis.*apt install"
    with pytest.raises(RuntimeError, match=says), redis_server(**arguments):
        pass


@posix
@pytest.mark.usefixtures("no_redis")
def test_the_stand_in_refuses_a_port_that_is_taken() -> None:
    """The error is the one of a real server."""
    with (
        redis_server() as server,
        pytest.raises(OSError, match=f"port {server.port} .*in use"),
        redis_server(port=server.port),
    ):
        pass
