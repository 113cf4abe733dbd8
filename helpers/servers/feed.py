"""A provider of files on loopback, with its catalogue, and its faults on request.

Keeps what a provider is told to do wrong, until it has done so.

Holds what a provider has to give: files that appear one after the other, late ones, and new versions of old ones.

Serves the files of a provider on this machine, which publishes them as time goes on and misbehaves when told to.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import itertools
import math
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from helpers.data import LISTING, FeedFile, parse_listing, write_listing
from helpers.servers.http import http_server
from helpers.units import format_count, require_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

__all__ = ["MISDEEDS", "FeedServer", "Misdeed", "Misdeeds", "Shelf", "feed_server"]


type Misdeed = Literal["late", "missing", "truncated", "503", "hang up"]

MISDEEDS: tuple[Misdeed, ...] = get_args(Misdeed.__value__)


class Misdeeds:
    """Keep orders to break answers, for each path those given first first.

    Examples
    --------
    >>> misdeeds = Misdeeds()
    >>> misdeeds.order("2015/a.gz", "503", times=2)
    >>> misdeeds.order("2015/a.gz", "hang up", times=None)
    >>> [misdeeds.take("2015/a.gz") for _ in range(4)], misdeeds.take("2015/b.gz")
    (['503', '503', 'hang up', 'hang up'], None)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: defaultdict[str, list[Misdeed]] = defaultdict(list)
        self._for_ever: dict[str, Misdeed] = {}

    def order(self, path: str, how: Misdeed, *, times: int | None) -> None:
        """Break so many answers, or with None all that are not broken otherwise, until `forget`."""
        require_misdeed(how, times=times)
        with self._lock:
            if times is None:
                self._for_ever[path] = how
            else:
                self._orders[path] += [how] * int(times)

    def take(self, path: str) -> Misdeed | None:
        """Return how to break the next answer, which is the next no longer; None to leave it whole."""
        with self._lock:
            orders = self._orders[path]
            return orders.pop(0) if orders else self._for_ever.get(path)

    def forget(self) -> None:
        """Break nothing any more."""
        with self._lock:
            self._orders.clear()
            self._for_ever.clear()


def require_misdeed(how: str, *, times: int | None) -> None:
    """Raise a ValueError that says what is allowed, unless this can be ordered."""
    if how not in MISDEEDS:
        msg = f"how is {how!r}: a provider can be told {', '.join(map(repr, MISDEEDS))}"
        raise ValueError(msg)
    if times is not None:
        require_number("times", times, ok=lambda x: x >= 1, allowed="1 or more, or None for all until reset")


class Shelf:
    """Hold the files of a provider, in memory.

    Parameters
    ----------
    source : str, Path or iterable of (str, bytes)
        A folder, whose files all appear at once, later on those that are new or changed there; or paths and
        contents, which are taken one by one. A path that comes again is another version of its file.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.

    Examples
    --------
    >>> shelf = Shelf([("2015/a.gz", b"one"), ("2015/b.gz", b"two")])
    >>> shelf.publish(1), shelf.paths, shelf.get("2015/b.gz")
    (['2015/a.gz'], ['2015/a.gz'], None)
    >>> shelf.names("2015")
    ['a.gz']
    """

    def __init__(self, source: str | Path | Iterable[tuple[str, bytes]]) -> None:
        self._lock = threading.RLock()
        self._files: dict[str, tuple[FeedFile, bytes]] = {}
        self._late: dict[str, bytes | None] = {}  # with what has come of it so far
        if isinstance(source, str | Path):
            self._more = _folder(Path(source))
            self.publish(None)
        else:
            self._more = _one_after_the_other(source)

    @property
    def paths(self) -> list[str]:
        """The paths of the files that are there, sorted."""
        with self._lock:
            return sorted(self._files)

    def publish(self, count: int | None) -> list[str]:
        """Let the next files appear, or with None all there are; return the paths of those that are not late."""
        with self._lock:
            taken = itertools.islice(self._more(), count)
            return [path for path, data in taken if self._add(path, data)]

    def hold(self, path: str) -> None:
        """Keep a file back until it is delivered: when its turn comes, or from now on if it is there."""
        with self._lock:
            _require_path(path)
            if path not in self._late:
                self._late[path] = self._files.pop(path)[1] if path in self._files else None

    def deliver(self, path: str) -> bool:
        """Keep a file back no longer; return whether it appears, or else its turn is still to come."""
        with self._lock:
            if path not in self._late:
                msg = f"{path!r} is not late. Late are: {', '.join(map(repr, sorted(self._late))) or 'none'}."
                raise ValueError(msg)
            data = self._late.pop(path)
            return data is not None and self._add(path, data)

    def replace(self, path: str, data: bytes) -> None:
        """Put another version in place of a file that is there, or kept back."""
        with self._lock:
            if path not in self._files and self._late.get(path) is None:
                msg = f"{path!r} has not been published, so there is nothing to replace. Publish it first."
                raise ValueError(msg)
            self._add(path, data)

    def get(self, path: str) -> bytes | None:
        """Return what a file holds, None if it is not there."""
        with self._lock:
            return self._files[path][1] if path in self._files else None

    def listing(self) -> str:
        """Return what there is, as `helpers.data.parse_listing` reads it."""
        with self._lock:
            return write_listing(file for file, _ in self._files.values())

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, those of folders with a slash, sorted; none if there is no such folder."""
        start = f"{folder}/" if folder else ""
        rests = [path.removeprefix(start) for path in self.paths if path.startswith(start)]
        top = [LISTING] if not folder else []
        return sorted({*top, *(first + slash for first, slash, _ in (rest.partition("/") for rest in rests))})

    def _add(self, path: str, data: bytes) -> bool:
        """Put a file where it belongs, and return whether it can be seen."""
        _require_path(path)
        if path in self._late:
            self._late[path] = bytes(data)
            return False
        file = FeedFile(path=path, nbytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        self._files[path] = file, bytes(data)
        return True


def _require_path(path: str) -> None:
    try:
        parse_listing(f"{'0' * 64} 0 {path}")
        allowed = path != LISTING
    except ValueError:
        allowed = False
    if not allowed:
        msg = f"{path!r} is no path of a provider's file. Give a relative one, such as '2015/03/a.gz', not {LISTING!r}."
        raise ValueError(msg)


def _one_after_the_other(source: Iterable[tuple[str, bytes]]) -> Callable[[], Iterator[tuple[str, bytes]]]:
    files = iter(source)
    return lambda: files


def _folder(folder: Path) -> Callable[[], Iterator[tuple[str, bytes]]]:
    """Return what finds the files of a folder that are new or changed since it looked last."""
    if not folder.is_dir():
        msg = f"there is no folder {str(folder)!r}. Give one with files, or pairs of paths and bytes."
        raise FileNotFoundError(msg)
    seen: dict[Path, tuple[int, int]] = {}

    def more() -> Iterator[tuple[str, bytes]]:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            # A folder into which a `Feed` has downloaded holds notes of checksums too.
            if not path.is_file() or name == LISTING or name.endswith(".sha256"):
                continue
            stat = path.stat()
            if seen.get(path) != (now := (stat.st_mtime_ns, stat.st_size)):
                seen[path] = now
                yield name, path.read_bytes()

    return more


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

    It has a document ``listing.txt`` with the size and checksum of each file, which `helpers.data.Feed` reads, and
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
