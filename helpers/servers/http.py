"""HTTP servers on loopback, and a proxy in front that counts, delays and breaks requests.

Serves a WSGI application on this machine for as long as a `with` block lasts.

Stands in front of an HTTP server: counts requests and bytes, makes them wait, and breaks some when told to.

Is what the object stores that the lessons start have in common: an address, and a wire that counts and breaks.
"""

from __future__ import annotations

import contextlib
import io
import math
import socket
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["BREAKS", "HEADERS", "Break", "Wire", "WiredServer", "http_server"]


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


type Break = Literal["503", "hang up", "hang"]
type _Answer = tuple[str, list[tuple[str, str]], bytes]

BREAKS: tuple[Break, ...] = get_args(Break.__value__)


class Wire:
    """Put a wire of known length and faults in front of a WSGI application.

    It is a WSGI application itself: serve it in place of the other.

    Parameters
    ----------
    app : callable
        The application behind the wire.
    latency_s : float, default 0
        Seconds from a request's arrival to its answer, at least 0. Requests under way at once wait side by side.
    bandwidth_Bps : float, optional
        Bytes per second of the wire, above 0. All requests share it: their bytes pass one after the other.
        Without it there is no limit.
    kind_of : callable, optional
        Names the kind of a request from its WSGI environment. It is the method, unless told otherwise.
    busy : bytes, optional
        What a broken request that is answered with 503 gets to read.

    Raises
    ------
    TypeError
        If `latency_s` or `bandwidth_Bps` is not a number.
    ValueError
        If `latency_s` is negative or not finite, or `bandwidth_Bps` is not above 0.

    Examples
    --------
    >>> from urllib.request import urlopen
    >>> from helpers.servers import http_server
    >>> def hello(environ, start_response):
    ...     start_response("200 OK", [])
    ...     return [b"hello"]
    >>> wire = Wire(hello, latency_s=0.05)
    >>> with http_server(wire) as endpoint, urlopen(endpoint) as answer:
    ...     answer.read(), wire.requests, wire.nbytes
    (b'hello', {'GET': 1}, {'GET': 5})
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        latency_s: float = 0,
        bandwidth_Bps: float | None = None,  # noqa: N803
        kind_of: Callable[[WSGIEnvironment], str] = lambda environ: environ["REQUEST_METHOD"],
        busy: bytes = b"",
    ) -> None:
        allowed = "a finite number, 0 or more (100 ms: 0.1)"
        require_number("latency_s", latency_s, ok=lambda x: 0 <= x < math.inf, allowed=allowed)
        if bandwidth_Bps is not None:
            require_number("bandwidth_Bps", bandwidth_Bps, ok=lambda x: x > 0, allowed="above 0, or None for no limit")
        self._app = app
        self._latency_s = latency_s
        self._bandwidth_Bps = bandwidth_Bps
        self._kind_of = kind_of
        self._busy: _Answer = (
            "503 Slow Down",
            [("Content-Type", "application/xml"), ("Content-Length", str(len(busy)))],
            busy,
        )
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._requests: Counter[str] = Counter()
        self._nbytes: Counter[str] = Counter()
        self._orders: list[_Order] = []
        self._mended = threading.Event()

    @property
    def requests(self) -> dict[str, int]:
        """Requests of each kind since the last `reset`, broken and refused ones included."""
        with self._lock:
            return dict(sorted(self._requests.items()))

    @property
    def nbytes(self) -> dict[str, int]:
        """Bytes of what the requests of each kind carried, up or down, where they succeeded; no headers."""
        with self._lock:
            return {kind: self._nbytes[kind] for kind in sorted(self._requests)}

    def break_next(self, how: Break, *, kind: str | None = None, nth: int = 1, times: int | None = 1) -> None:
        """Break requests that are still to come.

        Parameters
        ----------
        how : {"503", "hang up", "hang"}
            Answer that the server is too busy; end the connection in the middle of what the request carries,
            up or down; or give no answer until `reset`, then end the connection. The application hears of no
            request that is broken, other than of one whose answer ends in the middle.
        kind : str, optional
            The kind of request; without it any.
        nth : int, default 1
            The first to break, counted from now.
        times : int or None, default 1
            How many to break from there on; None is all until `reset`.

        Raises
        ------
        ValueError
            If `how` is none of `BREAKS`, or `nth` or `times` is below 1.
        """
        if how not in BREAKS:
            msg = f"how is {how!r}: a request can be broken by {', '.join(map(repr, BREAKS))}"
            raise ValueError(msg)
        if nth < 1 or (times is not None and times < 1):
            msg = f"nth is {nth} and times is {times}: both count from 1; times=None is all until reset"
            raise ValueError(msg)
        with self._lock:
            self._orders.append(_Order(how, kind, nth - 1, math.inf if times is None else times))

    def reset(self) -> None:
        """Count from zero again, break nothing any more, and hang up on the requests that hang."""
        with self._lock:
            self._requests.clear()
            self._nbytes.clear()
            self._orders.clear()
            self._mended.set()
            self._mended = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        began = time.monotonic()
        kind = self._kind_of(environ)
        order, mended = self._account(kind)
        nbytes = int(environ.get("CONTENT_LENGTH") or 0)
        if order == "hang":
            mended.wait()
            _hang_up(environ)
        body = environ["wsgi.input"].read(nbytes // 2 if order == "hang up" else nbytes)
        if len(body) < nbytes:  # as ordered, or since the client is gone
            _hang_up(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        status, headers, content = self._busy if order == "503" else _ask(self._app, environ)
        if status.startswith("2"):
            nbytes += len(content)
            with self._lock:
                self._nbytes[kind] += nbytes
        time.sleep(max(0, self._arrives(began, nbytes=nbytes) - time.monotonic()))
        start_response(status, headers)
        return _half(environ, content) if order == "hang up" else [content]

    def _account(self, kind: str) -> tuple[Break | None, threading.Event]:
        """Count a request, and return how to break it, and the event that ends its hanging."""
        with self._lock:
            self._requests[kind] += 1
            orders = [order for order in self._orders if order.kind in {None, kind}]
            due = [order for order in orders if order.is_due()]
            return due[0].how if due else None, self._mended

    def _arrives(self, began: float, *, nbytes: int) -> float:
        """Return the moment at which an answer has come through."""
        arrives = began + self._latency_s
        if self._bandwidth_Bps is None or nbytes == 0:
            return arrives
        with self._lock:
            self._free_at = max(self._free_at, arrives) + nbytes / self._bandwidth_Bps
            return self._free_at


@dataclass
class _Order:
    """What to break: how, of which kind, how many pass before it, and how many it is."""

    how: Break
    kind: str | None
    spare: int
    times: float

    def is_due(self) -> bool:
        """Return whether the next request of the kind is to be broken; it is the next no longer."""
        if self.spare:
            self.spare -= 1
            return False
        self.times -= 1
        return self.times >= 0


def _ask(app: WSGIApplication, environ: WSGIEnvironment) -> _Answer:
    """Return the whole answer of an application."""
    parts, status, headers = run_wsgi_app(app, environ, buffered=True)
    return status, list(headers), b"".join(parts)


def _half(environ: WSGIEnvironment, content: bytes) -> Iterator[bytes]:
    if content:  # else not even the headers, which would be the whole answer
        yield content[: len(content) // 2]
    _hang_up(environ)


def _hang_up(environ: WSGIEnvironment) -> NoReturn:
    with contextlib.suppress(OSError):  # the client was quicker
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    msg = "hung up, as ordered, or since the client is gone"
    raise ConnectionAbortedError(msg)


@dataclass(frozen=True, repr=False)
class WiredServer:
    """A server of this machine behind a wire.

    Attributes
    ----------
    endpoint : str
        Its address, with ``http://127.0.0.1:PORT``, for programs that do not look into the environment.

    Examples
    --------
    >>> from helpers.servers import Wire
    >>> server = WiredServer("http://127.0.0.1:5000", Wire(lambda environ, start_response: []))
    >>> server, server.requests
    (WiredServer(), {})
    """

    endpoint: str
    _wire: Wire

    def __repr__(self) -> str:  # no port: it differs each time
        return f"{type(self).__name__}()"

    @property
    def requests(self) -> dict[str, int]:
        """Requests of each kind that arrived since the last `reset`.

        The kinds are the methods of HTTP: GET, HEAD, PUT, POST, DELETE; and LIST, a GET that asks for the keys
        of a bucket or container. Requests that were refused or broken are included.
        """
        return self._wire.requests

    @property
    def nbytes(self) -> dict[str, int]:
        """Bytes that the requests of each kind carried, up and down, where they succeeded; headers do not count."""
        return self._wire.nbytes

    def reset(self) -> None:
        """Count from zero again, break nothing any more, and hang up on the requests that hang."""
        self._wire.reset()

    def break_next(self, how: Break, *, kind: str | None = None, nth: int = 1, times: int | None = 1) -> None:
        """Break requests that are still to come.

        Parameters
        ----------
        how : {"503", "hang up", "hang"}
            Answer that the server is too busy; end the connection in the middle of what the request carries,
            up or down; or give no answer until `reset`, then end the connection.
        kind : str, optional
            The kind of request, as in `requests`; without it any.
        nth : int, default 1
            The first to break, counted from now.
        times : int or None, default 1
            How many to break from there on; None is all until `reset`.

        Raises
        ------
        ValueError
            If there is no such way to break a request, or `nth` or `times` is below 1.

        Notes
        -----
        A broken request changes nothing behind the wire, other than a DELETE whose answer ends in the middle.
        """
        self._wire.break_next(how, kind=kind, nth=nth, times=times)
