"""Serves the files of a provider on loopback, which publishes them as time goes on, with faults injected on request."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import threading
from typing import TYPE_CHECKING, Literal, get_args

from werkzeug.wrappers import Response

from helpers.data import LISTING, FeedFile, write_listing
from helpers.servers.http import CountingProxy, http_server
from helpers.units import format_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

__all__ = ["Fault", "FeedServer", "feed_server"]

type Fault = Literal["late", "missing", "truncated", "503", "hang up"]

FAULT = "helpers.fault"


class FeedServer(CountingProxy):
    """A provider that runs on this machine; made by `feed_server`.

    Its requests are GET for a file and LIST for the listing or a folder.

    Parameters
    ----------
    source, latency_s
        As for `feed_server`.

    Attributes
    ----------
    url : str
        Its address, ``http://127.0.0.1:PORT``.
    """

    def __init__(self, source: Iterable[tuple[str, bytes]], *, latency_s: float = 0) -> None:
        super().__init__(self._answer, latency_s=latency_s, kind_of=self._kind)
        self.url = ""
        self._changes = threading.RLock()
        self._to_come = iter(source)
        self._catalogue: dict[str, tuple[FeedFile, bytes]] = {}
        self._late: dict[str, bytes | None] = {}  # with what has come of it so far
        self._injected: dict[str, Iterator[Fault]] = {}
        self._asked: list[str] = []

    def __repr__(self) -> str:  # no port: it differs each time
        return f"FeedServer({format_count(len(self.published), 'file')})"

    @property
    def published(self) -> list[str]:
        """The paths that the listing names now, sorted: without late files, with missing ones."""
        with self._changes:
            return sorted(self._catalogue)

    @property
    def asked(self) -> list[str]:
        """The path of each request since the last `reset`, in the order of their arrival."""
        with self._changes:
            return list(self._asked)

    def reset(self) -> None:
        """Count from zero again, and break no answers any more. Late files stay late."""
        super().reset()
        with self._changes:
            self._asked.clear()
            self._injected.clear()

    def publish(self, count: int = 1) -> list[str]:
        """Let the next files appear, and return their paths; those that are late count, but do not appear."""
        with self._changes:
            return [path for path, data in itertools.islice(self._to_come, count) if self._add(path, data)]

    def inject_fault(self, path: str, how: Fault, *, times: int | None = 1) -> None:
        """Let something go wrong with one file.

        Parameters
        ----------
        path : str
            The file, published by now or later; or ``"listing.txt"``, which cannot be late.
        how : {"late", "missing", "truncated", "503", "hang up"}
            Late: not in the listing, and not there, until `deliver`. The others break answers to requests for
            the path, while the listing names it: 404, as if it had been listed before it was copied; the first
            half of it, in an answer that looks whole; 503; a connection that ends after the first half.
        times : int or None, default 1
            How many answers to break; None is all until `reset`. Several faults of a path come in turn. A late
            file knows no times.

        Raises
        ------
        ValueError
            If `how` is something else.
        """
        if how not in (known := get_args(Fault.__value__)):
            msg = f"how is {how!r}: the faults of a provider are {', '.join(map(repr, known))}"
            raise ValueError(msg)
        with self._changes:
            if how == "late":
                held = self._catalogue.pop(path, None)
                self._late.setdefault(path, held[1] if held else None)
            else:
                faults = itertools.repeat(how) if times is None else itertools.repeat(how, times)
                self._injected[path] = itertools.chain(self._injected.get(path, ()), faults)

    def deliver(self, path: str) -> bool:
        """Keep a late file back no longer, and return whether it is listed now: if not, its turn has not come.

        Raises
        ------
        KeyError
            If it is not late.
        """
        with self._changes:
            data = self._late.pop(path)
            return data is not None and self._add(path, data)

    def replace(self, path: str, data: bytes) -> None:
        """Put another version in place of a file, published or late, as a provider does who has processed it again.

        Raises
        ------
        ValueError
            If there is no such file.
        """
        with self._changes:
            if path not in self._catalogue and self._late.get(path) is None:
                msg = f"{path!r} has not been published, so there is nothing to replace. Publish it first."
                raise ValueError(msg)
            self._add(path, data)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        path = _path(environ)
        with self._changes:
            self._asked.append(path)
            environ[FAULT] = next(self._injected.get(path, iter(())), None)
        content = super().__call__(environ, start_response)
        return _half(content) if environ[FAULT] == "hang up" else content

    def _kind(self, environ: WSGIEnvironment) -> str:
        path = _path(environ)
        with self._changes:
            lists = path not in self._catalogue and self._body(path) is not None
        return "LIST" if lists else str(environ["REQUEST_METHOD"])

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request behind the proxy, as WSGI has it."""
        with self._changes:
            body = self._body(_path(environ))
        how = environ[FAULT]
        if body is None or how in {"503", "missing"}:
            return Response(status="503 Service Unavailable" if how == "503" else "404 Not Found")(
                environ, start_response
            )
        body = body[: len(body) // 2] if how == "truncated" else body
        content_type = "application/octet-stream" if self._kind(environ) != "LIST" else "text/plain; charset=utf-8"
        return Response(body, content_type=content_type)(environ, start_response)

    def _body(self, path: str) -> bytes | None:
        """Return a file, the listing, or the names in a folder (folders with a slash); None if none is there."""
        if path in self._catalogue:
            return self._catalogue[path][1]
        if path == LISTING:
            return write_listing(file for file, _ in self._catalogue.values()).encode()
        start = f"{path}/" if path else ""
        rests = [name.removeprefix(start).partition("/") for name in self._catalogue if name.startswith(start)]
        names = {first + slash for first, slash, _ in rests} | (set() if path else {LISTING})
        return "".join(f"{name}\n" for name in sorted(names)).encode() or None

    def _add(self, path: str, data: bytes) -> bool:
        """Put a file where it belongs, and return whether it can be seen."""
        if path in self._late:
            self._late[path] = bytes(data)
            return False
        file = FeedFile(path=path, nbytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        self._catalogue[path] = file, bytes(data)
        return True


def _path(environ: WSGIEnvironment) -> str:
    """Return the path of a request, decoded."""
    return str(environ["PATH_INFO"]).encode("latin-1").decode(errors="replace").strip("/")


def _half(content: Iterable[bytes]) -> Iterator[bytes]:
    """Break off in the middle of an answer."""
    whole = b"".join(content)
    yield whole[: len(whole) // 2]
    raise ConnectionAbortedError


@contextlib.contextmanager
def feed_server(source: Iterable[tuple[str, bytes]], *, latency_s: float = 0) -> Iterator[FeedServer]:
    """Run a provider of files for as long as a `with` block lasts.

    It has a document ``listing.txt`` with the size and checksum of each file, which `helpers.data.Feed` reads, and
    shows the names in each folder as plain text. It runs in this process, on a free port of this machine.

    Parameters
    ----------
    source : iterable of (str, bytes)
        Paths and contents, such as `helpers.rain.simulated_files` makes: each is made when it is published. A path
        that comes again is another version of its file.
    latency_s : float, default 0
        Seconds from a request's arrival to its answer, at least 0. Requests under way at once wait side by side.

    Yields
    ------
    FeedServer
        The server, which has published nothing yet.

    Raises
    ------
    TypeError, ValueError
        If `latency_s` is not a number, negative or not finite.

    Notes
    -----
    What is published is held in memory. The listing is always that of the moment; real ones may be older.

    Examples
    --------
    >>> from urllib.request import urlopen
    >>> files = ((f"2015/{month:02}/rain.gz", bytes(month)) for month in range(1, 13))
    >>> with feed_server(files) as server:
    ...     paths = server.publish(2)
    ...     with urlopen(f"{server.url}/2015/") as answer:
    ...         print(answer.read().decode(), paths, server, server.requests)
    01/
    02/
     ['2015/01/rain.gz', '2015/02/rain.gz'] FeedServer(2 files) {'LIST': 1}
    """
    server = FeedServer(source, latency_s=latency_s)
    with http_server(server) as server.url:
        yield server
