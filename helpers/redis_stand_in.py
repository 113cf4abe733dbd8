"""Stands in for Redis where no server can be installed: fakeredis, which is written in Python, in a thread."""

from __future__ import annotations

import contextlib
import functools
import select
import sys
import threading
from typing import TYPE_CHECKING

from helpers.redis_program import REDIS_MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakeredis import TcpFakeServer

__all__ = ["redis_stand_in"]

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
