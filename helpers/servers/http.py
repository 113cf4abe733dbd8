"""Serves HTTP on loopback, behind a proxy that counts, delays and breaks requests, and leads cloud clients there."""

from __future__ import annotations

import atexit
import contextlib
import io
import itertools
import logging
import math
import os
import re
import socket
import sys
import threading
import time
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["HEADERS", "Break", "CountingProxy", "closed_at_exit", "cloud_environment", "error_summary", "http_server"]

type Break = Literal["503", "hang"]

HOST = "127.0.0.1"
HEADERS = "helpers.headers"
POLL_S = 0.02
PATIENCE_S = 10
PROXY_VARIABLES = ("NO_PROXY", "no_proxy")


@contextlib.contextmanager
def http_server(app: WSGIApplication, *, handler: type[WSGIRequestHandler] = WSGIRequestHandler) -> Iterator[str]:
    r"""Answer HTTP requests with a WSGI application, each in a thread of its own, on a free port of this machine.

    Parameters
    ----------
    app : callable
        The WSGI application. To hang up in the middle of an answer, it raises `ConnectionError`. What WSGI leaves
        out of its environment, headers with ``_`` in their names, is there under the key ``helpers.headers``.
    handler : type, optional
        The class that turns a request into its WSGI environment, if another than werkzeug's own.

    Yields
    ------
    str
        The address, ``http://127.0.0.1:PORT``.

    Notes
    -----
    Errors of the application go to the log ``werkzeug``. At the end of the block open connections are cut, and the
    threads have ended. A Python that ends without ending the block ends all the same.

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

    def __init__(self, *args: Any) -> None:
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        work = self.process_request_thread
        thread = threading.Thread(target=work, args=(request, client_address), daemon=True, name="http_request")
        self._connections = {one: its for one, its in self._connections.items() if one.is_alive()}
        self._connections[thread] = request
        thread.start()

    def hang_up(self) -> None:
        """Cut what is still open, and wait for its threads."""
        for connection in self._connections.values():
            with contextlib.suppress(OSError):  # the client was quicker
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._connections:
            thread.join(PATIENCE_S)


class CountingProxy:
    """Count the requests to a WSGI application, delay them, and break some when told to.

    It is a WSGI application itself: serve it in place of the other. The servers of the clouds are such proxies.

    Parameters
    ----------
    app : callable
        The application behind the proxy.
    latency_s : float, default 0
        Seconds from a request's arrival to its answer, at least 0. Requests under way at once wait side by side.
    bandwidth_Bps : float, optional
        Bytes per second, above 0, which all requests share. Without it there is no limit.
    kind_of : callable, optional
        Names the kind of a request from its WSGI environment. It is the method, unless told otherwise.
    busy : bytes, optional
        The body of an answer with status 503.

    Attributes
    ----------
    endpoint : str
        The address at which a server of this proxy answers, for programs that do not look into the environment.

    Raises
    ------
    TypeError, ValueError
        If `latency_s` or `bandwidth_Bps` is not a number, or out of bounds.

    Examples
    --------
    >>> from urllib.request import urlopen
    >>> def hello(environ, start_response):
    ...     start_response("200 OK", [])
    ...     return [b"hello"]
    >>> proxy = CountingProxy(hello, latency_s=0.05)
    >>> with http_server(proxy) as endpoint, urlopen(endpoint) as answer:
    ...     answer.read(), proxy.requests, proxy.nbytes
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
        self.endpoint = ""
        self._app, self._kind_of = app, kind_of
        self._latency_s, self._bandwidth_Bps = latency_s, bandwidth_Bps
        self._busy = Response(busy, "503 Slow Down", content_type="application/xml")
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._requests: Counter[str] = Counter()
        self._nbytes: Counter[str] = Counter()
        self._spans: list[tuple[str, float, float]] = []
        self._faults: list[tuple[str | None, Iterator[Break | None]]] = []
        self._mended = threading.Event()

    def __repr__(self) -> str:  # no port: it differs each time
        return f"{type(self).__name__}()"

    @property
    def requests(self) -> dict[str, int]:
        """Requests of each kind since the last `reset`, broken and refused ones included.

        The kinds are the methods of HTTP: GET, HEAD, PUT, POST, DELETE; in a cloud also LIST, a GET that asks for
        the keys of a bucket or container.
        """
        with self._lock:
            return dict(sorted(self._requests.items()))

    @property
    def nbytes(self) -> dict[str, int]:
        """Bytes of what the requests of each kind carried, up or down, where they succeeded; no headers."""
        with self._lock:
            return {kind: self._nbytes[kind] for kind in sorted(self._requests)}

    @property
    def spans(self) -> list[tuple[str, float, float]]:
        """Kind, arrival and answer of each answered request since the last `reset`, in seconds of a monotonic clock."""
        with self._lock:
            return sorted(self._spans, key=lambda span: span[1:])

    def break_next(self, how: Break, *, kind: str | None = None, nth: int = 1, times: int | None = 1) -> None:
        """Break requests that are still to come.

        Parameters
        ----------
        how : {"503", "hang"}
            Answer that the server is too busy; or give no answer until `reset`, then end the connection.
        kind : str, optional
            The kind of request, as in `requests`; without it any.
        nth : int, default 1
            The first to break, counted from now.
        times : int or None, default 1
            How many to break from there on; None is all until `reset`.

        Raises
        ------
        ValueError
            If there is no such way to break a request.
        """
        if how not in (breaks := get_args(Break.__value__)):
            msg = f"how is {how!r}: a request can be broken by {', '.join(map(repr, breaks))}"
            raise ValueError(msg)
        broken = itertools.repeat(how) if times is None else itertools.repeat(how, times)
        with self._lock:
            self._faults.append((kind, itertools.chain(itertools.repeat(None, nth - 1), broken)))

    def reset(self) -> None:
        """Count from zero again, break nothing any more, and hang up on the requests that hang."""
        with self._lock:
            self._requests.clear()
            self._nbytes.clear()
            self._spans.clear()
            self._faults.clear()
            self._mended.set()
            self._mended = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        began = time.monotonic()
        kind = self._kind_of(environ)
        fault, mended = self._account(kind)
        nbytes = int(environ.get("CONTENT_LENGTH") or 0)
        if fault == "hang":
            mended.wait()
            _hang_up(environ)
        body = environ["wsgi.input"].read(nbytes)
        if len(body) < nbytes:  # the client is gone
            _hang_up(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        app = self._busy if fault == "503" else self._app
        parts, status, headers = run_wsgi_app(app, environ, buffered=True)
        content = b"".join(parts)
        if status.startswith("2"):
            nbytes += len(content)
            with self._lock:
                self._nbytes[kind] += nbytes
        time.sleep(max(0, self._arrives(began, nbytes=nbytes) - time.monotonic()))
        with self._lock:
            self._spans.append((kind, began, time.monotonic()))
        start_response(status, list(headers))
        return [content]

    def _account(self, kind: str) -> tuple[Break | None, threading.Event]:
        """Count a request, and return how to break it, and the event that ends its hanging."""
        with self._lock:
            self._requests[kind] += 1
            due = [next(plan, None) for broken_kind, plan in self._faults if broken_kind in {None, kind}]
            return next(filter(None, due), None), self._mended

    def _arrives(self, began: float, *, nbytes: int) -> float:
        """Return the moment at which an answer has come through."""
        arrives = began + self._latency_s
        if self._bandwidth_Bps is None or nbytes == 0:
            return arrives
        with self._lock:
            self._free_at = max(self._free_at, arrives) + nbytes / self._bandwidth_Bps
            return self._free_at


def _hang_up(environ: WSGIEnvironment) -> NoReturn:
    with contextlib.suppress(OSError):  # the client was quicker
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    msg = "the connection has ended"
    raise ConnectionAbortedError(msg)


@contextlib.contextmanager
def closed_at_exit() -> Iterator[contextlib.ExitStack]:
    """Yield a stack that closes at the end of the block, or with the Python of a notebook that forgets to end it."""
    with contextlib.ExitStack() as stack:
        atexit.register(stack.close)
        stack.callback(atexit.unregister, stack.close)
        yield stack


@contextlib.contextmanager
def cloud_environment(prefix: str, variables: Mapping[str, str]) -> Iterator[None]:
    """Replace all environment variables of a cloud by those that lead to a server of this machine.

    What the environment says of that cloud is put aside, so that no key of a real account is used or sent, and comes
    back at the end of the block. Requests to this machine go past a proxy. Processes started in the block inherit it.

    Parameters
    ----------
    prefix : str
        How the names of the variables begin that belong to the cloud: ``"AWS_"``.
    variables : mapping of str to str
        What takes their place.

    Notes
    -----
    The environment belongs to the whole process: blocks nest, but must not overlap in threads. fsspec keeps
    the file systems that it once made; it forgets them at both ends of the block, since they know an address.
    """
    before = _take(prefix) | {name: os.environ[name] for name in PROXY_VARIABLES if name in os.environ}
    try:
        os.environ.update(variables)
        for name in PROXY_VARIABLES:
            os.environ[name] = ",".join(filter(None, [os.environ.get(name), HOST]))
        _forget_file_systems()
        yield
    finally:
        _take(prefix)
        for name in PROXY_VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(before)
        _forget_file_systems()


def _take(prefix: str) -> dict[str, str]:
    return {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(prefix)}


def _forget_file_systems() -> None:
    """Empty the caches of fsspec, and close what zarr made of s3fs and adlfs, which they do not: aiohttp complains."""
    for module, name, client in (("s3fs", "S3FileSystem", "_s3"), ("adlfs", "AzureBlobFileSystem", "service_client")):
        if module not in sys.modules:
            continue
        from zarr.core.sync import sync

        kept = getattr(sys.modules[module], name)
        for file_system in kept._cache.values():
            if file_system.asynchronous and getattr(file_system, client) is not None:
                sync(getattr(file_system, client).close())
                _let_go(file_system)
        kept.clear_instance_cache()


def _let_go(file_system: object) -> None:
    """Drop what adlfs would do with a file system when Python ends: without a loop, it only prints an error then."""
    for finalizer, info in list(weakref.finalize._registry.items()):  # type: ignore[attr-defined]
        if any(argument is file_system for argument in info.args or ()):
            finalizer.detach()


def error_summary(call: Callable[[], object]) -> str:
    """Do what must fail, and return what it said as one line, without addresses and times.

    The errors of obstore fill a page, part of which differs each time, and an address has no place in a stored
    notebook.

    Parameters
    ----------
    call : callable
        Takes nothing, and raises.

    Returns
    -------
    str
        The error's type, the status, the code and the message of the server's answer, and how often it was asked
        again; where no server answered, what happened instead; else the first line of the error.

    Raises
    ------
    AssertionError
        If nothing went wrong.

    Notes
    -----
    A client that fails may leave a connection open, as adlfs does. asyncio reports that with the address, whenever
    Python comes to clean up, which puts it into whichever cell runs then: from here on such reports are dropped.

    Examples
    --------
    >>> error_summary(lambda: [][0])
    'IndexError: list index out of range'
    """
    logging.getLogger("asyncio").addFilter(_is_no_leftover)
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {_gist(str(error))}"
    msg = "nothing went wrong, where an error was expected"
    raise AssertionError(msg)


def _gist(text: str) -> str:
    """Return what matters of an error of obstore, or the first line of any other."""

    def found(pattern: str) -> str:
        match = re.search(pattern, text, re.DOTALL)
        return match[1].strip() if match else ""

    status, code, kind = found(r"status code: (\d{3})"), found(r"<Code>(\w+)</Code>"), found(r"kind: (\w+)")
    if status and code:
        message = found(r"<Message>(.*?)</Message>")
        said = f"{status} {code}" + (f", {message!r}" if message else "")
    elif kind and "Error performing" in text:
        said = f"no answer ({kind})"
    else:
        return text.partition("\n")[0]
    again = int(found(r"after (\d+) retries") or 0)
    return said + (f", after {again} more {'try' if again == 1 else 'tries'}" if again else "")


def _is_no_leftover(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Unclosed ")
