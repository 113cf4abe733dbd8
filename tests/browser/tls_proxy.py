"""Hands the bytes of one port on and nothing else, as what stands between a browser and Jupyter on Binder does."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST = "127.0.0.1"


@contextlib.contextmanager
def tls_proxy(name: str, *, to: str) -> Iterator[str]:
    """Listen as `name`, encrypted, and hand on to the place `to`, in the clear; give the place that it listens at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(name).configure_cert(context)
    started: queue.Queue[Started] = queue.Queue()
    thread = threading.Thread(target=lambda: asyncio.run(serve(context, to, started)))
    thread.start()
    proxy = started.get(timeout=10)
    try:
        yield proxy.place
    finally:
        proxy.stop()
        thread.join()


@dataclass(frozen=True)
class Started:
    """Where a proxy listens, and how any thread stops it."""

    place: str
    stop: Callable[[], object]


async def serve(context: ssl.SSLContext, to: str, started: queue.Queue[Started]) -> None:
    """Serve until told to stop."""
    host, _, port = to.partition(":")

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            jupyter_reader, jupyter_writer = await asyncio.open_connection(host, port)
            await asyncio.gather(pump(reader, jupyter_writer), pump(jupyter_reader, writer))

    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    server = await asyncio.start_server(hand_on, HOST, 0, ssl=context, ssl_shutdown_timeout=1)
    place = f"{HOST}:{server.sockets[0].getsockname()[1]}"
    started.put(Started(place, lambda: loop.call_soon_threadsafe(stopped.set)))
    await stopped.wait()
    server.close()  # `asyncio.run` cancels what is still connected


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Move bytes until there are no more, then close that end."""
    try:
        while data := await source.read(2**16):
            sink.write(data)
            await sink.drain()
    finally:
        sink.close()
        with contextlib.suppress(OSError):
            await sink.wait_closed()
