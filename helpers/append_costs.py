"""Counts what it takes on object storage to append to an archive in several ways, and to read what was appended."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import xarray as xr

from helpers.append import append
from helpers.append_store import open_store
from helpers.commits import append_commit, open_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from zarr.abc.store import Store

    from helpers.wired_server import WiredServer

__all__ = ["compare_appends"]

_WRITES = ("PUT", "POST", "DELETE")


class _Way(NamedTuple):
    """How a piece is written, by its number, and how someone who begins anew reaches what to read."""

    write: Callable[[xr.Dataset, int], object]
    reader: Callable[[], Store]


def compare_appends(
    server: WiredServer,
    url: str,
    pieces: Sequence[xr.Dataset],
    *,
    chunks: Mapping[str, int],
    step: str | None = None,
    dim: str = "time",
) -> pd.DataFrame:
    """Append pieces in several ways, and count the last one on the wire.

    Parameters
    ----------
    server : WiredServer
        What counts, such as `helpers.servers.s3_server` yields; its counts begin at zero again.
    url : str
        Where the archives go, ``s3://BUCKET/PREFIX``: a prefix below which there is nothing yet.
    pieces : sequence of xarray.Dataset
        At least two, one after the other, in memory. They should have as many steps as a chunk has: then
        ``to_zarr`` does what it should.
    chunks : mapping of str to int
        Size of a chunk in each dimension.
    step : str, optional
        The distance between two steps, if the first piece has only one.
    dim : str, default "time"
        The dimension along which the archives grow.

    Returns
    -------
    pandas.DataFrame
        One row for each way: ``append`` and ``append_commit``, those of `helpers`, and ``to_zarr``, xarray's alone.
        For the last piece the columns ``reads`` and ``writes``, requests, and ``written``, bytes sent up; and
        ``reads_to_open`` and ``reads_of_a_step``, for someone who begins anew and reads the last step.

    Raises
    ------
    ValueError
        If there are fewer than two pieces.

    Notes
    -----
    Writes, PUT, POST and DELETE, are what S3 charges most for. Reads are GET, HEAD and LIST. The rest is kept open
    from piece to piece: stores and repository. Bytes differ by a few from run to run: locks, and what Icechunk names
    and compresses.
    """
    if len(pieces) < 2:
        msg = f"pieces has {len(pieces)}. Give at least two: the first one begins the archive, the last one is counted."
        raise ValueError(msg)
    options: dict[str, Any] = {"chunks": dict(chunks), "step": step, "dim": dim}
    rows = {name: _count(server, make(f"{url}/{name}", options), pieces, dim) for name, make in _WAYS.items()}
    server.reset()
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("way")


def _count(server: WiredServer, way: _Way, pieces: Sequence[xr.Dataset], dim: str) -> dict[str, int]:
    for number, piece in enumerate(pieces):
        server.reset()
        way.write(piece, number)
    requests, written = server.requests, sum(server.nbytes[kind] for kind in server.nbytes if kind in _WRITES)
    server.reset()
    opened = xr.open_zarr(way.reader(), chunks=None)
    to_open = sum(server.requests.values())
    server.reset()
    opened.isel({dim: [-1]}).load()
    return {
        "reads": sum(count for kind, count in requests.items() if kind not in _WRITES),
        "writes": sum(count for kind, count in requests.items() if kind in _WRITES),
        "written": written,
        "reads_to_open": to_open,
        "reads_of_a_step": sum(server.requests.values()),
    }


def _append(url: str, options: dict[str, Any]) -> _Way:
    store = open_store(url)
    return _Way(lambda ds, _: append(ds, store, **options), lambda: open_store(url, read_only=True))


def _append_commit(url: str, options: dict[str, Any]) -> _Way:
    repository = open_repository(url)
    return _Way(
        lambda ds, number: append_commit(repository, ds, message=f"batch {number}", **options),
        lambda: open_repository(url).readonly_session("main").store,
    )


def _to_zarr(url: str, options: dict[str, Any]) -> _Way:
    store, dim, chunks = open_store(url), options["dim"], options["chunks"]

    def write(ds: xr.Dataset, number: int) -> None:
        stored = {str(name): {"chunks": tuple(chunks.get(dim, ds.sizes[dim]) for dim in ds[name].dims)} for name in ds}
        # Units that hold each later step: it would take those of the first piece.
        time = {dim: {"units": "seconds since 1970-01-01"}} if ds[dim].dtype.kind == "M" else {}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Consolidated metadata")
            if number:
                ds.to_zarr(store, append_dim=dim)
            else:
                ds.to_zarr(store, zarr_format=3, encoding={**stored, **time})

    return _Way(write, lambda: open_store(url, read_only=True))


_WAYS = {"append": _append, "append_commit": _append_commit, "to_zarr": _to_zarr}
