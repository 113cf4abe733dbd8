"""Writes steps into the chunks of an archive, each chunk with one PUT.

A chunk is always written whole. If it holds steps already, they are read, and written again with the new ones in
one PUT: a reader with the old length finds in either version the same values up to that length. What a killed
writer left beyond the published length is never read back, and never survives: every place from there on is
written, places that no step came to with the fill value.

What is written where a reader may look, late and replaced steps, changes chunk by chunk. The record of presence
orders it: a late step is marked present after its last chunk, and a step to be replaced is marked missing before
its first. Killed in between, it stays marked missing, and running again completes it. A reader that asks for the
record first, and reads what it finds present, can then only be wrong about a step that is being replaced; Icechunk
is for those who cannot accept that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from helpers.append_archive import PRESENT
from helpers.append_blocks import cut, run
from helpers.counting_store import CountingStore

if TYPE_CHECKING:
    import numpy.typing as npt

    from helpers.append_archive import Archive
    from helpers.append_axis import Positions
    from helpers.append_blocks import Block
    from helpers.append_store import Written

    type Values = npt.NDArray[np.generic]

__all__ = ["differing", "mark", "write"]


@dataclass(frozen=True)
class _Task:
    """What is done with each block of one variable. Pickled with its work, it may run in another process."""

    archive: Archive
    name: str
    published: int

    def write(self, values: Values | None, block: Block) -> Written:
        """Write the chunks of a block, and return the number of objects and bytes that this took."""
        store = CountingStore(self.archive.store)
        array = self.archive.array(self.name, store)
        window = block.window[block.axis]
        if values is None or len(block.places) < window.stop - window.start:
            merged = self._kept(block)
            if values is not None:
                merged[_at(block.axis, block.places - window.start)] = _stored(values)
            array[block.window] = merged
        else:
            array[block.window] = _stored(values)
        return store.writes, store.bytes_written

    def differ(self, values: Values | None, block: Block) -> tuple[Positions, npt.NDArray[np.bool_]]:
        """Return the places of a block, and for each whether the archive holds other values there."""
        assert values is not None
        first, last = int(block.places[0]), int(block.places[-1]) + 1
        window = (*block.window[: block.axis], slice(first, last), *block.window[block.axis + 1 :])
        held = np.asarray(self.archive.array(self.name)[window])[_at(block.axis, block.places - first)]
        new = _stored(values)
        unlike = (held != new) & ~((held != held) & (new != new))
        others = tuple(axis for axis in range(unlike.ndim) if axis != block.axis)
        return block.places, unlike.any(axis=others)

    def _kept(self, block: Block) -> Values:
        """Return what the archive holds in the window of a block: fill values beyond what is published."""
        array = self.archive.array(self.name)
        window = block.window[block.axis]
        kept = np.full([s.stop - s.start for s in block.window], array.fill_value, array.dtype)
        end = min(window.stop, self.published)
        if window.start < end and not np.isin(np.arange(window.start, end), block.places).all():
            old = (*block.window[: block.axis], slice(window.start, end), *block.window[block.axis + 1 :])
            kept[_at(block.axis, slice(0, end - window.start))] = array[old]
        return kept


def write(archive: Archive, ds: xr.Dataset, places: Positions, *, published: int) -> Written:
    """Write the values and labels of steps; neither the record of their presence nor the metadata.

    Parameters
    ----------
    archive : Archive
        The archive, grown to its new length.
    ds : xarray.Dataset
        The steps.
    places : array of int64, shape (steps,)
        Their positions, ascending.
    published : int
        The length up to which readers look.

    Returns
    -------
    Written
        Objects and bytes written.
    """
    dim = archive.axis.dim
    # Labels are known, those in the chunk that is completed too: it need not be read.
    begin = published - published % archive.array(dim).chunks[0] if archive.length > published else published
    grown = np.arange(begin, archive.length, dtype=np.int64)
    labels = xr.Variable(dim, archive.axis.numbers(begin, archive.length))
    pieces = [(name, ds.variables[name]) for name in _grows(archive)]
    jobs = [_job(archive, name, piece, places, published, together=piece._in_memory) for name, piece in pieces]
    jobs.append(_job(archive, dim, labels, grown, published))
    done = run([(variable, blocks, task.write) for variable, blocks, task in jobs])
    return sum(objects for objects, _ in done), sum(nbytes for _, nbytes in done)


def mark(archive: Archive, places: Positions, *, present: bool, published: int) -> Written:
    """Write into the record whether steps are there; others from the published length on are not.

    Parameters
    ----------
    archive : Archive
        The archive, grown to its new length.
    places : array of int64, shape (steps,)
        Positions of the steps, ascending.
    present : bool
        Whether they are there.
    published : int
        The length up to which readers look.

    Returns
    -------
    Written
        Objects and bytes written.
    """
    flags = xr.Variable(archive.axis.dim, np.full(places.size, present))
    variable, blocks, task = _job(archive, PRESENT, flags, places, published)
    done = run([(variable, blocks, task.write)])
    return sum(objects for objects, _ in done), sum(nbytes for _, nbytes in done)


def differing(archive: Archive, ds: xr.Dataset, places: Positions) -> npt.NDArray[np.bool_]:
    """Return for each step whether the archive holds other values than a dataset.

    Parameters
    ----------
    archive : Archive
        The archive.
    ds : xarray.Dataset
        Steps that are present in it.
    places : array of int64, shape (steps,)
        Their positions, ascending.

    Returns
    -------
    array of bool, shape (steps,)
        True where any variable differs. Their chunks are read.
    """
    unlike = np.zeros(places.size, bool)
    jobs = [_job(archive, name, ds.variables[name], places, archive.length) for name in _grows(archive)]
    for there, found in run([(variable, blocks, task.differ) for variable, blocks, task in jobs]):
        unlike[np.searchsorted(places, there)] |= found
    return unlike


def _grows(archive: Archive) -> list[str]:
    dim = archive.axis.dim
    return [name for name in archive.names if dim in archive.dims(name) and name not in (dim, PRESENT)]


def _job(
    archive: Archive, name: str, variable: xr.Variable, places: Positions, published: int, *, together: bool = False
) -> tuple[xr.Variable, list[Block], _Task]:
    array = archive.array(name)
    axis = archive.dims(name).index(archive.axis.dim)
    grid = array.shards or array.chunks
    blocks = cut(array.shape, grid, axis=axis, places=places, begin=published, together=together)
    return variable, blocks, _Task(archive, name, published)


def _at(axis: int, where: Positions | slice) -> tuple[Positions | slice, ...]:
    return (*(slice(None),) * axis, where)


def _stored(values: Values) -> Values:
    """Return values as they are stored, one after the other: times as the number of their own unit."""
    return values.astype(np.int64) if values.dtype.kind in "Mm" else np.ascontiguousarray(values)
