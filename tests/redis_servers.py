"""What several tests need besides `helpers.servers`: servers with more options, TLS, and what is no Redis."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import socketserver
import ssl
import threading
import time
import traceback
from typing import TYPE_CHECKING, cast

import pytest
import redis
import trustme

from helpers.servers import guarded_program, redis_program, redis_server
from tests.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from helpers.redis import RedisKeys
    from helpers.servers import RedisServer

SECRET = "s3cret-8u7"


@contextlib.contextmanager
def real_redis(*, maxmemory: str | None = None, port: int = 0) -> Iterator[RedisServer]:
    """Run a real Redis; skip the test where there is none."""
    if os.name != "posix" or redis_program() is None:
        pytest.skip("no real Redis: the stand-in has no INFO, no users and no limit of memory")
    with redis_server(maxmemory=maxmemory, port=port) as server:
        yield server


@contextlib.contextmanager
def redis_on_socket(path: Path) -> Iterator[str]:
    """Run a real Redis that listens on a Unix socket and nowhere else, and yield its URL."""
    program = redis_program()
    if os.name != "posix" or program is None:
        pytest.skip("no real Redis")
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    with guarded_program(program, options), redis.Redis(unix_socket_path=str(path)) as client:

        def answers() -> bool:
            with contextlib.suppress(redis.ConnectionError):
                return bool(client.ping())
            return False

        wait_for(answers)
        yield f"unix://{path}"


@contextlib.contextmanager
def tls_in_front_of(port: int, folder: Path) -> Iterator[tuple[int, Path]]:
    """Accept TLS for a server that speaks none; yield the port and the file of the authority to trust."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))

    def pass_on(client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),  # a client that does not trust us goes away
            context.wrap_socket(client, server_side=True) as outside,
            socket.create_connection(("127.0.0.1", port)) as inside,
        ):
            while True:
                ready = [outside] if outside.pending() else select.select([outside, inside], [], [])[0]
                for source in ready:
                    data = source.recv(65536)
                    if not data:
                        return
                    (inside if source is outside else outside).sendall(data)

    with serving(pass_on) as tls_port:
        yield tls_port, folder / "ca.pem"


@contextlib.contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen on a free port, which is yielded, and give each connection to `serve` in a thread of its own."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                serve(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def answering(reply: bytes) -> Callable[[socket.socket], None]:
    """Return what answers `reply` to whatever a client sends, for `serving`."""

    def serve(client: socket.socket) -> None:
        while client.recv(65536):
            client.sendall(reply)

    return serve


def losing_the_first_answer_to(command: bytes, port: int) -> Callable[[socket.socket], None]:
    """Return what passes all on to a Redis and back but for one answer, after which it hangs up, for `serving`."""
    lost = threading.Event()

    def serve(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as inside:
            while True:
                ready = select.select([client, inside], [], [])[0]
                for source in ready:
                    data = source.recv(1 << 20)
                    if not data:
                        return
                    (inside if source is client else client).sendall(data)
                    if source is client and command in data and not lost.is_set():
                        inside.recv(1 << 20)
                        lost.set()
                        return

    return serve


def silence(client: socket.socket) -> None:
    """Read and never answer, for `serving`."""
    while client.recv(65536):
        pass


def clients(server: RedisServer) -> list[str]:
    """Return the addresses of the clients of the helpers that a server has."""
    with redis.Redis.from_url(server.url, protocol=2) as client:
        rows = cast("list[dict[str, str]]", client.client_list())
    return [row["addr"] for row in rows if row["name"] == "zarr-notebooks"]


def fill(keys: RedisKeys) -> None:
    """Write until the server is full."""
    for number in range(1000):
        keys.write({f"fill/{number}": bytes(20_000)})


def error_of(call: Callable[[], object], *, within_s: float = 8) -> Exception:
    """Return the error that a call raises, which it must in a bounded time and without a secret in all it shows."""
    began = time.monotonic()
    try:
        call()
    except Exception as error:
        assert time.monotonic() - began < within_s
        shown = "".join(traceback.format_exception(error, chain=True))
        chain: list[BaseException | None] = [error]
        while (last := chain[-1]) is not None:
            shown += f"{last!r} {last} {last.args}"
            chain.append(last.__cause__ or last.__context__)
        assert SECRET not in shown
        return error
    pytest.fail("no error")
