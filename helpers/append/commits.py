"""Appends as commits in Icechunk, and what both ways cost.

Changes archives on Icechunk, where a change is a commit: all of it is seen at one instant, or none.

Several writers may be at work at once. Each works on the snapshot that it began with; whoever commits second is told
that there is another one by now (`icechunk.ConflictError`). Then one of two things helps, and `commit` does both:

- The other has changed other chunks of arrays that keep their shape, as writers of regions do that were made room
  for. Its commit and this one go together: this one is put after it (a rebase), and nothing is written again.
- Both have changed the same document or the same chunk. Writers that append always do: each makes the arrays longer,
  from the same length. What was written is given up, and the change is made again on the new snapshot.

What is given up stays in storage until `Repository.garbage_collect` removes it.

Counts what it takes on object storage to append to an archive in several ways, and to read what was appended.
"""

from __future__ import annotations

import os
import random
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import icechunk
import pandas as pd
import xarray as xr

from helpers.append.append import append
from helpers.append.store import open_store
from helpers.units import format_count, require_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from zarr.abc.store import Store

    from helpers.append.append import Appended
    from helpers.servers import WiredServer

__all__ = ["Commit", "append_commit", "commit", "compare_appends", "open_repository"]


_LONGEST_WAIT_S = 0.5


@dataclass(frozen=True, repr=False, kw_only=True)
class Commit[T]:
    """Say what `commit` did.

    Parameters
    ----------
    message : str
        What the history says of it.
    snapshot_id : str
        The archive with the change, for `Repository.readonly_session`: other writers may be further by now.
    result : T
        What the change returned, when it was made for the last time.
    redone : int
        How often it was made again, since another writer had changed the same.

    Examples
    --------
    >>> Commit(message="batch 1", snapshot_id="W0KERMV14QPA9Z6F2Z90", result=None, redone=1)
    <Commit 'batch 1', redone 1 time>
    """

    message: str
    snapshot_id: str
    result: T
    redone: int = 0

    def __repr__(self) -> str:  # no snapshot: its name is another one each time
        redone = f", redone {format_count(self.redone, 'time')}" if self.redone else ""
        result = f": {self.result}" if self.result is not None else ""
        return f"<Commit {self.message!r}{redone}{result}>"


def open_repository(where: str | Path) -> icechunk.Repository:
    """Open a repository of Icechunk, or make one where there is none.

    Parameters
    ----------
    where : str or Path
        ``s3://BUCKET/PREFIX``, whose endpoint, region and credentials are in the environment (``AWS_ENDPOINT_URL``
        and so on), or a folder. A folder is for one writer: commits at once are not safe there.

    Returns
    -------
    icechunk.Repository

    Raises
    ------
    ValueError
        If it is another kind of URL.

    Notes
    -----
    Icechunk's warnings go to standard error past Python: they are switched off, unless ``ICECHUNK_LOG`` is set.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     repository = open_repository(folder)
    ...     [snapshot.message for snapshot in repository.ancestry(branch="main")]
    ['Repository initialized']
    """
    _hush()
    return icechunk.Repository.open_or_create(_storage(where))


def commit[T](
    repository: icechunk.Repository,
    change: Callable[[Store], T],
    *,
    message: str,
    branch: str = "main",
    tries: int = 100,
) -> Commit[T]:
    """Make a change and commit it, after those of other writers who were faster.

    Parameters
    ----------
    repository : icechunk.Repository
        The repository.
    change : callable
        Gets the store of a session and writes to it. It is called again, with another store, after each conflict
        that a rebase does not solve, and must not rely on what it saw before.
    message : str
        What the history says of it.
    branch : str, default "main"
        The branch.
    tries : int, default 100
        How often to make the change, at most.

    Returns
    -------
    Commit
        If `change` wrote nothing, there is none: the snapshot is the one that it saw.

    Raises
    ------
    BlockingIOError
        If other writers were faster every time.
    ValueError
        If `tries` is below 1.

    Notes
    -----
    A conflict means that another writer has committed: they all get on. Each waits for a random moment before it
    begins again, so that none is always the slowest.

    Examples
    --------
    >>> import icechunk, zarr
    >>> repository = icechunk.Repository.create(icechunk.in_memory_storage())
    >>> def change(store):
    ...     zarr.create_group(store, attributes={"title": "rain"})
    >>> commit(repository, change, message="begin")
    <Commit 'begin'>
    """
    require_number("tries", tries, ok=lambda x: x >= 1, allowed="1 or more")
    _hush()
    for redone in range(int(tries)):
        session = repository.writable_session(branch)
        result, snapshot_id = change(session.store), session.snapshot_id
        try:
            if session.has_uncommitted_changes:
                snapshot_id = session.commit(message, rebase_with=icechunk.ConflictDetector())
        except icechunk.ConflictError as error:
            conflict = error
            time.sleep(random.uniform(0, min(0.02 * 2**redone, _LONGEST_WAIT_S)))
        else:
            return Commit(message=message, snapshot_id=snapshot_id, result=result, redone=redone)
    msg = (
        f"{message!r} was not committed to {branch!r}: other writers were faster {format_count(int(tries), 'time')}. "
        "Commit less often, in larger batches, or give more tries."
    )
    raise BlockingIOError(msg) from conflict


def append_commit(
    repository: icechunk.Repository,
    ds: xr.Dataset,
    *,
    message: str,
    branch: str = "main",
    tries: int = 100,
    **options: Any,
) -> Commit[Appended]:
    """Append steps to the archive in a repository, or begin it with them: `helpers.append.append` as one commit.

    Parameters
    ----------
    repository : icechunk.Repository
        The repository, whose root is the archive.
    ds : xarray.Dataset
        The piece.
    message, branch, tries
        As for `commit`.
    **options
        For `append`: dim, step, chunks, encoding, replace and so on.

    Returns
    -------
    Commit
        Its `result` is what `append` returned. A piece that the archive has already makes no commit.

    Raises
    ------
    BlockingIOError, TypeError, ValueError
        As `commit` and `append`. Nothing is committed then.

    Notes
    -----
    Several writers may append at once, each its own steps, in any order: each step has its place on the axis, which
    is stored as missing until it comes. No lock is taken.

    Examples
    --------
    >>> import icechunk, numpy as np, xarray as xr
    >>> repository = icechunk.Repository.create(icechunk.in_memory_storage())
    >>> time = np.arange("2020-01-01T00", "2020-01-01T06", dtype="M8[h]").astype("M8[ns]")
    >>> ds = xr.Dataset({"rain": ("time", np.ones(6))}, {"time": time})
    >>> append_commit(repository, ds, message="first").result.added
    6
    >>> xr.open_zarr(repository.readonly_session("main").store).sizes["time"]
    6
    """
    return commit(repository, lambda store: append(ds, store, **options), message=message, branch=branch, tries=tries)


def _storage(where: str | Path) -> icechunk.Storage:
    if isinstance(where, Path) or "://" not in where:
        return icechunk.local_filesystem_storage(str(where))
    parts = urlsplit(where)
    if parts.scheme != "s3" or not parts.netloc:
        msg = f"{where!r} is no place for a repository. Give s3://BUCKET/PREFIX, or a folder."
        raise ValueError(msg)
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return icechunk.s3_storage(
        bucket=parts.netloc,
        prefix=parts.path.strip("/") or None,
        endpoint_url=endpoint,
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        allow_http=bool(endpoint and endpoint.startswith("http://")),
        force_path_style=endpoint is not None,
        from_env=True,
    )


def _hush() -> None:
    if "ICECHUNK_LOG" not in os.environ:
        icechunk.set_logs_filter("error")


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
