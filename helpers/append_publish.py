"""Carries out what is planned, in the order that keeps an archive whole, and publishes it last."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import numpy as np
from zarr.storage import LocalStore

from helpers.append_lock import locked
from helpers.append_store import in_transaction, innermost, put
from helpers.append_write import mark, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import xarray as xr
    from zarr.abc.store import Store

    from helpers.append_lock import Claim
    from helpers.append_plan import Plan
    from helpers.append_store import Written

__all__ = ["HALF_WRITTEN", "carry_out", "writing"]

# What zarr calls a file until it is complete.
HALF_WRITTEN = re.compile(r"\.[0-9a-f]{32}\.partial$")


@contextlib.contextmanager
def writing(store: Store, *, take_lock_older_than_s: float | None = None) -> Iterator[Claim | None]:
    """Hold the lock, and clear up after the writer that left it; None where transactions make locks needless."""
    if in_transaction(store):
        yield None
        return
    with locked(store, take_lock_older_than_s=take_lock_older_than_s) as claim:
        if claim.follows is not None:
            _sweep(store)
        yield claim


def carry_out(todo: Plan, ds: xr.Dataset, claim: Claim | None) -> list[Written]:
    """Write what is planned, in the order that keeps the archive whole, and return what each part took."""
    archive, grown = todo.archive, todo.archive.grown(todo.length)
    written: list[Written] = []
    grows = grown.length > archive.length
    if claim is None and grows:
        # Nothing is seen before the commit, and Icechunk wants to know an array before its chunks.
        written.append(grown.publish(first=todo.first))
    written.append(put(archive.store, todo.fixed))
    if todo.replaced.any():
        written.append(mark(archive, todo.places[todo.replaced], present=False, published=archive.length))
    places = todo.places[todo.written]
    written.append(write(grown, _selected(ds, archive.axis.dim, todo.written), places, published=archive.length))
    if claim is not None:
        claim.check()
    written.append(mark(grown, places, present=True, published=archive.length))
    if claim is not None and grows:
        written.append(grown.publish(first=todo.first))
    return written


def _selected(ds: xr.Dataset, dim: str, rows: npt.NDArray[np.bool_]) -> xr.Dataset:
    where = np.flatnonzero(rows)
    first, last = int(where[0]), int(where[-1]) + 1
    # A slice is a view, numbers are a copy.
    return ds.isel({dim: slice(first, last) if last - first == where.size else where})


def _sweep(store: Store) -> None:
    """Delete the half-written files that a killed writer left in a folder. Only the holder of the lock may."""
    folder = innermost(store)
    if isinstance(folder, LocalStore):
        for path in folder.root.rglob("*.partial"):
            if HALF_WRITTEN.search(path.name):
                path.unlink(missing_ok=True)
