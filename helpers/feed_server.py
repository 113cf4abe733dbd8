"""Serves the files of a provider on this machine, which publishes them as time goes on and misbehaves when told to."""

from __future__ import annotations

import atexit
import contextlib
import math
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from helpers.feed import LISTING
from helpers.feed_misdeeds import Misdeed, Misdeeds, require_misdeed
from helpers.feed_shelf import Shelf
from helpers.http_server import http_server
from helpers.units import format_count, require_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

__all__ = ["FeedServer", "feed_server"]


class FeedServer:
    """A provider that runs on this machine; made by `feed_server`.

    Attributes
    ----------
    url : str
        Its address, ``http://127.0.0.1:PORT``.
    """

    def __init__(self, shelf: Shelf, *, latency_s: float = 0) -> None:
        allowed = "finite, 0 or more"
        require_number("latency_s", latency_s, ok=lambda x: x >= 0 and math.isfinite(x), allowed=allowed)
        self.url = ""
        self._shelf = shelf
        self._latency_s = latency_s
        self._lock = threading.Lock()
        self._asked: list[tuple[str, str]] = []
        self._nbytes: Counter[str] = Counter()
        self._misdeeds = Misdeeds()

    def __repr__(self) -> str:  # no port: it differs each time
        return f"FeedServer({format_count(len(self.published), 'file')})"

    @property
    def published(self) -> list[str]:
        """The paths that the listing names now, sorted: without late files, with missing ones."""
        return self._shelf.paths

    @property
    def requests(self) -> dict[str, int]:
        """Requests since the last `reset`: GET for a file, LIST for the listing or a folder; failed ones included."""
        with self._lock:
            return dict(sorted(Counter(kind for kind, _ in self._asked).items()))

    @property
    def nbytes(self) -> dict[str, int]:
        """Bytes that the answers of each kind carried since the last `reset`, no headers."""
        return {kind: self._nbytes[kind] for kind in self.requests}

    @property
    def asked(self) -> list[str]:
        """The path of each request since the last `reset`, in the order of their arrival."""
        with self._lock:
            return [path for _, path in self._asked]

    def reset(self) -> None:
        """Count from zero again, and break no answers any more. Late files stay late."""
        with self._lock:
            self._asked.clear()
            self._nbytes.clear()
        self._misdeeds.forget()

    def publish(self, count: int = 1) -> list[str]:
        """Let time go on: the next files appear.

        Parameters
        ----------
        count : int, default 1
            How many. Those that are late count, but do not appear.

        Returns
        -------
        list of str
            What is new or another version: fewer than `count` if files are late or none are left.

        Raises
        ------
        ValueError
            If `count` is below 1, or the next path is none.
        """
        require_number("count", count, ok=lambda x: x >= 1, allowed="1 or more")
        return self._shelf.publish(count)

    def misbehave(self, path: str, how: Misdeed, *, times: int | None = 1) -> None:
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
            How many answers to break; None is all until `reset`. Several orders for a path are carried out in
            turn. A late file knows no times.

        Raises
        ------
        ValueError
            If `how` is something else, `times` is below 1, or `path` cannot be a path.
        """
        require_misdeed(how, times=times)
        if how == "late":
            self._shelf.hold(path)
        else:
            self._misdeeds.order(path, how, times=times)

    def deliver(self, path: str) -> bool:
        """Keep a late file back no longer.

        Parameters
        ----------
        path : str
            The file.

        Returns
        -------
        bool
            Whether it is in the listing now. If not, its turn has not come.

        Raises
        ------
        ValueError
            If it is not late.
        """
        return self._shelf.deliver(path)

    def replace(self, path: str, data: bytes) -> None:
        """Put another version in place of a file, as a provider does who has processed it again.

        Parameters
        ----------
        path : str
            The file, published or late.
        data : bytes
            What it holds from now on; size and checksum in the listing follow.

        Raises
        ------
        ValueError
            If there is no such file.
        """
        self._shelf.replace(path, data)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace").strip("/")
        body, folder = self._body(path)
        kind = "LIST" if folder or path == LISTING else environ["REQUEST_METHOD"]
        with self._lock:
            self._asked.append((kind, path))
        how = self._misdeeds.take(path)
        time.sleep(self._latency_s)
        if how in {"503", "missing"} or body is None:
            status = "503 Service Unavailable" if how == "503" else "404 Not Found"
            start_response(status, [("Content-Length", "0")])
            return []
        sent = body[: len(body) // 2] if how in {"truncated", "hang up"} else body
        length = len(body if how == "hang up" else sent)
        start_response("200 OK", [("Content-Type", _type_of(kind)), ("Content-Length", str(length))])
        if environ["REQUEST_METHOD"] == "HEAD":
            return []
        with self._lock:
            self._nbytes[kind] += len(sent)
        return _then_hang_up(sent) if how == "hang up" else [sent]

    def _body(self, path: str) -> tuple[bytes | None, bool]:
        """Return what lies at a path, and whether it is a folder."""
        if path == LISTING:
            return self._shelf.listing().encode(), False
        body = self._shelf.get(path)
        names = self._shelf.names(path) if body is None else []
        return ("".join(f"{name}\n" for name in names).encode() if names else body), bool(names)


@contextlib.contextmanager
def feed_server(source: str | Path | Iterable[tuple[str, bytes]], *, latency_s: float = 0) -> Iterator[FeedServer]:
    """Run a provider of files for as long as a `with` block lasts.

    It has a document ``listing.txt`` with the size and checksum of each file, which `helpers.feed.Feed` reads, and
    shows the names in each folder as plain text. It runs in this process, on a free port of this machine.

    Parameters
    ----------
    source : str, Path or iterable of (str, bytes)
        A folder: its files are published at once, what comes into it later with `FeedServer.publish`. Or pairs of
        path and contents, such as `helpers.rain.simulated_files` makes: each is made when it is published.
    latency_s : float, default 0
        Seconds from a request's arrival to its answer, at least 0. Requests under way at once wait side by side.

    Yields
    ------
    FeedServer

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        If there is no such folder, or `latency_s` is not a number, negative or not finite.

    Notes
    -----
    What is published is held in memory. The listing is always that of the moment; real ones may be older. Of a
    folder, ``listing.txt`` and ``….sha256`` are left out: a `Feed` leaves such notes.

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
    server = FeedServer(Shelf(source), latency_s=latency_s)
    with contextlib.ExitStack() as stack:
        atexit.register(stack.close)  # a notebook that forgets to end the block ends it with its kernel
        stack.callback(atexit.unregister, stack.close)
        server.url = stack.enter_context(http_server(server))
        yield server


def _type_of(kind: str) -> str:
    return "text/plain; charset=utf-8" if kind == "LIST" else "application/octet-stream"


def _then_hang_up(sent: bytes) -> Iterator[bytes]:
    yield sent
    msg = "hung up, as ordered"
    raise ConnectionAbortedError(msg)
