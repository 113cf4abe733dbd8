"""What several tests need of a provider: one that publishes pieces, and misbehaves when told to."""

from __future__ import annotations

import contextlib
import hashlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.feed import LISTING, FeedFile, write_listing
from helpers.http_server import http_server
from tests.append_pieces import EVERY, START, piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    import xarray as xr


class Provider:
    """Answers requests for its files; `faults` says for a path how its next answers go wrong."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = {}
        self.asked: list[str] = []

    def publish(self, places: Iterable[int], *, version: int = 0) -> None:
        """Publish a file for each step, or another version of it."""
        for place in places:
            self.files[path_of(place)] = encoded(piece([place], version=version))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"].lstrip("/")
        self.asked.append(path)
        fault = self.faults[path].pop(0) if self.faults.get(path) else ""
        body = self._listing() if path == LISTING else self.files.get(path)
        if fault == "503" or body is None:
            start_response("503 Busy" if fault else "404 Not Found", [("Content-Length", "0")])
            return [b""]
        if fault == "hang up":
            raise ConnectionError
        if fault == "truncated":
            body = body[: len(body) // 2]
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def _listing(self) -> bytes:
        entries = [
            FeedFile(path=path, nbytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for path, data in self.files.items()
        ]
        return write_listing(entries).encode()


@contextlib.contextmanager
def provider() -> Iterator[tuple[Provider, str]]:
    """Serve a provider for as long as a `with` block lasts, and yield its address too."""
    serves = Provider()
    with http_server(serves) as url:
        yield serves, url


def path_of(place: int) -> str:
    """Return where the file of a step lies."""
    time = (START + place * EVERY).astype("M8[h]").item()
    return f"rain/{time:%Y/%m}/rain.{time:%Y%m%d%H}.npz"


def time_of(name: str) -> np.datetime64 | None:
    """Return the step that a file is named for."""
    if not name.startswith("rain."):
        return None
    digits = name.split(".")[1]
    return np.datetime64(f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:]}")


def encoded(ds: xr.Dataset) -> bytes:
    """Return a piece as the bytes of a file."""
    file = io.BytesIO()
    values: dict[str, Any] = {str(name): ds[name].values for name in ("time", *ds.data_vars)}
    np.savez(file, **values)
    return file.getvalue()


def decode(path: Path) -> xr.Dataset:
    """Return the piece in a file."""
    try:
        with np.load(path) as found:
            values = {name: found[name] for name in found.files}
    except Exception as error:
        msg = f"{path.name}: {error}"
        raise ValueError(msg) from error
    ds = piece([0]).assign_coords(time=values.pop("time"))
    return ds.assign({name: ds[name].copy(data=value) for name, value in values.items()})
