"""Fetches the files of a provider: knows what there is and what has changed, and never leaves half a file.

A provider says what it has in one document, ``listing.txt`` at its address, with a line for each file::

    SHA256 BYTES PATH

Paths are relative to that address. A file that is processed again keeps its path and changes its checksum.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from helpers.data.fetch import TIMEOUT_S, download, quiet_pooch
from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["LISTING", "Feed", "FeedFile", "parse_listing", "write_listing"]


LISTING = "listing.txt"
_LINE = re.compile(r"([0-9a-f]{64}) +(\d{1,15}) +(\S.*)")


@dataclass(frozen=True, order=True)
class FeedFile:
    """Name a file of a provider, in one of its versions.

    Parameters
    ----------
    path : str
        Where it lies, from the provider's address on.
    nbytes : int
        Its size.
    sha256 : str
        Its checksum, in hexadecimal digits.
    """

    path: str
    nbytes: int
    sha256: str


class Feed:
    """Fetch the files of a provider into a folder.

    Parameters
    ----------
    url : str
        The provider's address.
    folder : str or Path
        Where the files go, in the provider's layout. What is there already is not fetched again.
    tries : int, default 4
        How often to try each, with a wait of 1 s, 2 s, ... in between.

    Notes
    -----
    A file is downloaded under another name, and gets its own when its checksum is right: whatever has the name is
    whole. Downloads are pooch's, four at once. Beside each file lies a note, which says in what version it was used
    last. The note is all that `used` needs: files may be deleted, and what is processed again is noticed still.
    """

    def __init__(self, url: str, folder: str | Path, *, tries: int = 4) -> None:
        require_number("tries", tries, ok=lambda x: x >= 1, allowed="1 or more")
        self.url, self.folder, self.tries = url.rstrip("/"), Path(folder), int(tries)

    def files(self) -> list[FeedFile]:
        """Ask the provider what it has.

        Returns
        -------
        list of FeedFile
            In the order of their paths.

        Raises
        ------
        OSError
            If the provider does not answer, or says that it cannot: try again later.
        ValueError
            If what it says is no listing.
        """
        answer = requests.get(f"{self.url}/{LISTING}", timeout=TIMEOUT_S)
        answer.raise_for_status()
        return parse_listing(answer.text)

    def path(self, file: FeedFile) -> Path:
        """Return where a file lies, or will lie, in the folder."""
        return self.folder / file.path

    def fetch(self, files: Sequence[FeedFile]) -> dict[FeedFile, Path | Exception]:
        """Fetch files, several at once.

        Parameters
        ----------
        files : sequence of FeedFile
            The files. Those that are in the folder, in this version, are not fetched again.

        Returns
        -------
        dict of FeedFile to Path or Exception
            Where each lies, or why it could not be fetched at the last try, without addresses.
        """
        registry = {file.path: f"sha256:{file.sha256}" for file in files}
        source = quiet_pooch().create(
            path=self.folder, base_url=f"{self.url}/", registry=registry, retry_if_failed=self.tries - 1
        )

        def one(file: FeedFile) -> Path | Exception:
            self.path(file).parent.mkdir(parents=True, exist_ok=True)
            if not self.used(file):
                self._note(file).write_text("")
            try:
                return Path(source.fetch(file.path, downloader=download))
            except (OSError, ValueError) as error:
                return OSError(_why(error))

        with ThreadPoolExecutor(max_workers=4) as pool:
            return dict(zip(files, pool.map(one, files), strict=True))

    def used(self, file: FeedFile) -> bool | None:
        """Whether a file was used in this version; None if it never came here."""
        note = self._note(file)
        return note.read_text() == file.sha256 if note.exists() else None

    def note_used(self, files: Iterable[FeedFile]) -> None:
        """Note that files were used: what was made of them is stored."""
        for file in files:
            self._note(file).write_text(file.sha256)

    def _note(self, file: FeedFile) -> Path:
        return self.folder / f"{file.path}.sha256"


def _why(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the provider answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.RequestException):
        return f"the connection failed ({type(error).__name__})"
    return "what came has another checksum than the listing says" if isinstance(error, ValueError) else str(error)


def parse_listing(text: str) -> list[FeedFile]:
    """Read what a provider says it has.

    Parameters
    ----------
    text : str
        Lines of checksum, size and path.

    Returns
    -------
    list of FeedFile
        In the order of their paths.

    Raises
    ------
    ValueError
        If a line is something else, a path leads out of the folder, or one comes twice.

    Examples
    --------
    >>> parse_listing(f"{'0' * 64} 12 2015/03/a.gz")[0].path
    '2015/03/a.gz'
    """
    files: dict[str, FeedFile] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line)
        parts = match[3].split("/") if match else []
        # Some read a backslash and a colon as parts of a path too.
        if not match or {"", ".", ".."} & set(parts) or re.search(r"[\\:\x00-\x1f]", match[3]) or match[3] in files:
            msg = f"line {number} of the listing is {line[:200]!r}. It must be SHA256 BYTES PATH, each path once."
            raise ValueError(msg)
        files[match[3]] = FeedFile(path=match[3], nbytes=int(match[2]), sha256=match[1])
    return sorted(files.values())


def write_listing(files: Iterable[FeedFile]) -> str:
    """Write what a provider has, as `parse_listing` reads it."""
    return "".join(f"{file.sha256} {file.nbytes} {file.path}\n" for file in sorted(files))
