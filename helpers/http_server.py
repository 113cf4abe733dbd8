"""Serves a WSGI application on this machine for as long as a `with` block lasts."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIApplication, WSGIEnvironment

__all__ = ["HEADERS", "http_server"]

HOST = "127.0.0.1"
HEADERS = "helpers.headers"
POLL_S = 0.02
PATIENCE_S = 10


@contextlib.contextmanager
def http_server(app: WSGIApplication, *, handler: type[WSGIRequestHandler] = WSGIRequestHandler) -> Iterator[str]:
    r"""Answer HTTP requests with a WSGI application, each in a thread of its own.

    It listens on a free port of this machine only, and writes no line for each request. What goes wrong in the
    application goes to the log ``werkzeug``, and to standard error if nobody listens to that.

    Parameters
    ----------
    app : callable
        The WSGI application. To hang up in the middle of an answer, it raises `ConnectionError`. What WSGI leaves
        out of its environment, headers with ``_`` in their names, is there under the key `HEADERS`.
    handler : type, optional
        The class that turns a request into its WSGI environment, if another than werkzeug's own.

    Yields
    ------
    str
        The address, ``http://127.0.0.1:PORT``.

    Notes
    -----
    At the end of the block connections that are still open are cut, and the threads have ended. A Python that ends
    without ending the block ends all the same.

    Examples
    --------
    >>> from urllib.request import urlopen
    >>> def hello(environ, start_response):
    ...     start_response("200 OK", [("Content-Length", "6")])
    ...     return [b"hello\n"]
    >>> with http_server(hello) as endpoint, urlopen(endpoint) as answer:
    ...     answer.read()
    b'hello\n'
    """
    server = _Server(HOST, 0, app, type("Handler", (_Quiet, handler), {}))
    listener = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True, name="http_server")
    listener.start()
    try:
        yield f"http://{HOST}:{server.port}"
    finally:
        if not sys.is_finalizing():  # else the threads stand still already, and would be waited for in vain
            server.shutdown()
            listener.join()
            server.hang_up()


class _Quiet(WSGIRequestHandler):
    def make_environ(self) -> WSGIEnvironment:
        return {**super().make_environ(), HEADERS: self.headers.items()}

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def handle_expect_100(self) -> bool:
        return True  # werkzeug says "100 Continue" itself; said twice, aiohttp waits for ever after its next request

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:  # noqa: ARG002
        self.close_connection = True  # else what is left of the request would be taken for the next one


class _Server(ThreadedWSGIServer):
    """Knows its open connections, so that it can end them: those of `ThreadedWSGIServer` end when they like."""

    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(target=self._serve, args=(request, client_address), daemon=True, name="http_request")
        with self._lock:
            self._connections[thread] = request
        thread.start()

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]

    def hang_up(self) -> None:
        """Cut what is still open, and wait for its threads."""
        with self._lock:
            connections = dict(self._connections)
            for connection in connections.values():
                with contextlib.suppress(OSError):  # the client was quicker
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in connections:
            thread.join(PATIENCE_S)
