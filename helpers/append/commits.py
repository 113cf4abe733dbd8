"""Makes each change of an archive a commit of Icechunk, so that several writers may be at work and none loses one.

Each works on the snapshot that it began with. `commit` puts a change after that of a faster writer where they wrote
different chunks (a rebase). Where both changed the same it makes the change again, as with writers that lengthen arrays
always; writers that fill regions of an array with room for all of them never need that.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import icechunk

from helpers.append.append import Appended, append

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr
    from zarr.abc.store import Store

__all__ = ["Commit", "append_commit", "commit", "open_repository"]


class Commit[T](NamedTuple):
    """Say what `commit` did.

    Parameters
    ----------
    result : T
        What the change returned, when it was made for the last time.
    redone : int
        How often it was made again, since another writer had changed the same.
    snapshot_id : str
        The archive with the change, for `Repository.readonly_session`: other writers may be further by now.
    """

    result: T
    redone: int
    snapshot_id: str


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
    if "ICECHUNK_LOG" not in os.environ:
        icechunk.set_logs_filter("error")
    parts = urlsplit(str(where))
    if isinstance(where, Path) or "://" not in where:
        storage = icechunk.local_filesystem_storage(str(where))
    elif parts.scheme == "s3":
        how: dict[str, Any] = {"from_env": True, "force_path_style": "AWS_ENDPOINT_URL" in os.environ}
        storage = icechunk.s3_storage(bucket=parts.netloc, prefix=parts.path.strip("/") or None, **how)
    else:
        msg = f"{where!r} is no place for a repository. Give s3://BUCKET/PREFIX, or a folder."
        raise ValueError(msg)
    return icechunk.Repository.open_or_create(storage)


def commit[T](
    repository: icechunk.Repository, change: Callable[[Store], T], *, message: str, tries: int = 100
) -> Commit[T]:
    """Make a change and commit it to the branch main, after those of other writers who were faster.

    Parameters
    ----------
    repository : icechunk.Repository
        The repository.
    change : callable
        Gets the store of a session and writes to it. It is called again, with another store, after each conflict
        that a rebase does not solve, and must not rely on what it saw before.
    message : str
        What the history says of it.
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
    >>> commit(repository, change, message="begin").redone
    0
    """
    for redone in range(tries):
        session = repository.writable_session("main")
        result, snapshot_id = change(session.store), session.snapshot_id
        try:
            if session.has_uncommitted_changes:
                snapshot_id = session.commit(message, rebase_with=icechunk.ConflictDetector())
        except icechunk.ConflictError:
            time.sleep(random.uniform(0, min(0.02 * 2**redone, 0.5)))
        else:
            return Commit(result, redone, snapshot_id)
    msg = f"{message!r} is not in 'main': others were faster {tries} times. Commit less often, in larger batches."
    raise BlockingIOError(msg)


def append_commit(repository: icechunk.Repository, ds: xr.Dataset, *, message: str, **options: Any) -> Commit[Appended]:
    """Append steps to the archive in a repository of Icechunk, or begin it: `append` as one commit, without a lock.

    Several writers may append at once, each its own steps. With `step` they may come in any order.

    Parameters
    ----------
    repository : icechunk.Repository
        The repository, whose root is the archive.
    ds : xarray.Dataset
        The piece.
    message : str
        What the history says of it.
    **options
        For `append`: dim, step, chunks, encoding, replace and so on.

    Returns
    -------
    Commit
        Its `result` is what `append` returned. A piece that the archive has already makes no commit.

    Examples
    --------
    >>> import icechunk, numpy as np, xarray as xr
    >>> repository = icechunk.Repository.create(icechunk.in_memory_storage())
    >>> time = np.arange("2020-01-01T00", "2020-01-01T06", dtype="M8[h]").astype("M8[ns]")
    >>> ds = xr.Dataset({"rain": ("time", np.ones(6))}, {"time": time})
    >>> append_commit(repository, ds, message="first").result.added
    6
    """
    return commit(repository, lambda store: append(ds, store, **options), message=message)
