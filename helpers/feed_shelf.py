"""Holds what a provider has to give: files that appear one after the other, late ones, and new versions of old ones."""

from __future__ import annotations

import hashlib
import itertools
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.feed import LISTING, FeedFile, parse_listing, write_listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Shelf"]


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
        """Return what there is, as `helpers.feed.parse_listing` reads it."""
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
