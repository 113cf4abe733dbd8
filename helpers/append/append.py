"""Appends steps to an archive: `append`, whose parts follow below it in the order in which they run.

One idea is its own, **the order**: (1) refuse what does not belong, (2) find a place for each label, (3) lengthen the
arrays in memory, (4) write chunks with ``to_zarr(region=…)`` and (5) labels, which are read back, (6) publish by one
PUT of the group's ``zarr.json``. That object holds the consolidated metadata, the lengths of all arrays, and is what
``xr.open_zarr`` reads. Killed before it, readers see the old archive, and the next call does the same again; killed
after it, they see the new one.

A reader without consolidated metadata sees each array grow on its own just before, every value in place. Late and
replaced steps lie where readers look already: on plain Zarr they change chunk by chunk. `present` says "not there"
meanwhile. On Icechunk all of it is one commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from helpers.append.archive import PRESENT, Archive, begin, checked_labels, every, refuse, text
from helpers.append.store import ROOT, get, locked, open_store, put
from helpers.counting import CountingStore
from helpers.units import format_count, format_nbytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from zarr.abc.store import Store

    from helpers.append.archive import Array, Encodings, Step

__all__ = ["Appended", "append"]


@dataclass(frozen=True, repr=False, kw_only=True)
class Appended:
    """Say what `append` did: steps that were new, that the archive had already, or had with other values.

    `missing` counts the places to which no step came yet; `region` goes from the first step to that after the last.
    Objects and bytes are chunks and metadata; the lock comes on top.
    """

    added: int = 0
    skipped: int = 0
    replaced: int = 0
    missing: int = 0
    region: slice = slice(0, 0)
    objects_written: int = 0
    bytes_written: int = 0

    def __repr__(self) -> str:
        steps = f"{format_count(self.added, 'step')} added, {self.skipped} skipped, {self.replaced} replaced"
        written = f"{format_count(self.objects_written, 'object')}, {format_nbytes(self.bytes_written)} written"
        return f"<Appended: {steps}, {self.missing} missing, at {self.region.start}:{self.region.stop}; {written}>"


def append(
    ds: xr.Dataset,
    store: str | Path | Store,
    *,
    dim: str = "time",
    step: Step | None = None,
    replace: bool = False,
    chunks: Mapping[str, int] | None = None,
    encoding: Encodings | None = None,
    max_gap: int = 1000,
) -> Appended:
    """Add steps to an archive, or begin it with them.

    Call it with each piece that arrives. Run twice, it changes nothing the second time. The archive may be one that
    ``ds.to_zarr(store)`` began.

    Parameters
    ----------
    ds : xarray.Dataset
        The piece, in memory or in Dask arrays, with sorted unique labels along `dim`: numbers, text, times of numpy
        or of another calendar (cftime).
    store : str, Path or zarr.abc.store.Store
        The archive, as for `helpers.append.open_store`.
    dim : str, default "time"
        The dimension along which the archive grows.
    step : str, int, timedelta or np.timedelta64, optional
        The distance between two steps, such as ``"3h"``, given with the first piece: gaps are then stored as
        missing and filled when their step comes; the variable `present` says which came. Without it new labels must
        come after the last one, at any distance.
    replace : bool, default False
        Replace steps that the archive has with other values. Without it, such a step is an error.
    chunks : mapping of str to int, optional
        For the first piece: steps in a chunk, and its size in other dimensions; what is not named is not cut.
        Without it, as many steps as 4 MiB hold. Pieces of whole chunks are the cheapest.
    encoding : mapping of str to mapping, optional
        For the first piece: how a variable is stored, as for `Dataset.to_zarr`. Later calls keep what it chose.
    max_gap : int, default 1000
        The most steps that may be missing between two: a wrong date is not to fill a disk with nothing.

    Returns
    -------
    Appended
        What was done.

    Raises
    ------
    BlockingIOError
        If another writer is at work.
    TypeError, ValueError
        If the piece does not belong to the archive, or the archive is none. Nothing is written then.

    Notes
    -----
    Gaps hold NaN, or 0, False and "" in variables that know no NaN. Steps that are there already are compared with
    what comes, for which their chunks are read. Attributes are those of the first piece.

    Readers fetch a shard in two steps, its index and then chunks. If batches end inside a shard, it is written again,
    and whoever is reading it just then meets an error, or values from another place in it. Let batches fill whole
    shards where others read all the time, or use Icechunk.

    An archive without consolidated metadata gets it. If another program lengthened the arrays and did not renew it,
    its steps are overwritten: run `zarr.consolidate_metadata` first.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from zarr.storage import MemoryStore
    >>> store = MemoryStore()
    >>> def rain(first, last):
    ...     time = np.arange(first, last, dtype="M8[h]").astype("M8[ns]")
    ...     return xr.Dataset({"rain": (("time", "x"), np.ones((len(time), 3)))}, {"time": time})
    >>> append(rain("2020-01-01T00", "2020-01-01T06"), store).added
    6
    >>> append(rain("2020-01-01T04", "2020-01-01T08"), store)
    <Appended: 2 steps added, 2 skipped, 0 replaced, 0 missing, at 4:8; 5 objects, 4.1 kB written>
    >>> xr.open_zarr(store).rain.shape
    (8, 3)
    """
    target = open_store(store)
    if target.read_only or not target.supports_deletes:
        msg = f"{target} cannot be written to again and again, as an archive that grows must be. Open one that can."
        raise ValueError(msg)
    labels, counted = checked_labels(ds, dim), CountingStore(target)

    def opened() -> Archive:
        known = Archive.load(counted, dim)
        archive = known or begin(ds, counted, dim, step=step, chunks=chunks or {}, encoding=encoding or {})
        refuse(ds, archive, labels, step)
        return archive

    archive = opened()
    with locked(target, dim) as transaction:
        if get(target, ROOT) != archive.published:  # another writer was faster
            archive = opened()
        places, there = _places(archive, labels, max_gap)
        other = _differ(ds, archive, places, there)
        if other.any() and not replace:
            first = text(labels[other][0])
            msg = f"the archive holds other values for {other.sum()} of {other.size} steps, the first at {first}. "
            msg += "Give replace=True to replace them, or leave them out."
            raise ValueError(msg)
        before, wanted = archive.length, ~there | other
        if wanted.any():
            archive.lengthen(max(before, int(places[-1]) + 1))
            if transaction:  # nothing is seen before the commit, and Icechunk wants metadata before chunks
                archive.publish()
            put(archive.store, archive.fixed)
            if archive.step is not None and other.any():
                archive.array(PRESENT).oindex[places[other]] = False
            grows = ds.drop_vars(set(ds.variables) - {dim, *archive.names})
            _write(grows.isel({dim: _span(np.flatnonzero(wanted))}), archive, places[wanted], before)
            if archive.step is not None and (late := places[wanted & (places < before)]).size:
                archive.array(PRESENT).oindex[late] = True
            if not transaction and archive.length > before:
                archive.publish()
    return Appended(
        added=int((~there).sum()),
        skipped=int((there & ~other).sum()),
        replaced=int(other.sum()),
        missing=archive.length - before - int((places >= before).sum()),
        region=slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0),
        objects_written=counted.writes,
        bytes_written=counted.bytes_written,
    )


def _places(archive: Archive, labels: Array, max_gap: int) -> tuple[Array, Array]:
    """Return the position of each label, ascending, and whether the archive has its step."""
    length, step, last = archive.length, archive.step, archive.last
    inside = np.zeros(labels.size, bool) if last is None else labels <= last[0]
    places = length - inside.sum() + np.arange(labels.size)
    there = inside.copy()
    if step is not None:
        apart = labels - (labels[:1] if last is None else last)
        places = (apart // step).astype(np.int64) + max(length - 1, 0)
        off = (apart % step != step * 0) | (places < 0)
        if off.any():
            axis = f"{every(step)}, from {text(archive.labels(0, 1)[0])} on" if length else every(step)
            msg = f"{text(labels[off][0])} is not on the archive's axis: {axis}. Leave it out."
            raise ValueError(msg)
        gaps = np.diff(places[~inside], prepend=length - 1) - 1
        if gaps.size and gaps.max() > max_gap:
            after = text(labels[~inside][gaps.argmax()])
            msg = f"{gaps.max()} steps are missing before {after}. If that is right, give max_gap={gaps.max()} or more."
            raise ValueError(msg)
        there[inside] = archive.array(PRESENT).oindex[places[inside]] if inside.any() else True
    elif inside.any():
        known = archive.labels(0, length)
        places[inside] = np.searchsorted(known, labels[inside])
        if (between := known[places[inside]] != labels[inside]).any():
            late = text(labels[inside][between][0])
            msg = f"{late} comes before the archive's last step, {text(known[-1])}, and is not in it. "
            msg += "It grows at its end only: leave it out, or begin an archive with step=, which keeps room."
            raise ValueError(msg)
    return places, there


def _differ(ds: xr.Dataset, archive: Archive, places: Array, there: Array) -> Array:
    """Return for each step whether the archive has other values there, a chunk of steps at a time."""
    other, held = np.zeros(places.size, bool), np.flatnonzero(there)
    for name in archive.names if held.size else ():
        array = archive.array(name)
        along = (array.shards or array.chunks)[archive.axes[name]]
        for part in np.split(held, np.flatnonzero(np.diff(places[held] // along)) + 1):
            new = archive.coded(name, ds.variables[name].isel({archive.dim: _span(part)}))[1]
            old = archive.template.variables[name].isel({archive.dim: places[part]})
            unlike = (new != old) & ~(new.isnull() & old.isnull())
            other[part] |= unlike.any(set(unlike.dims) - {archive.dim}).values
    return other


def _write(piece: xr.Dataset, archive: Archive, places: Array, before: int) -> None:
    """Write steps: in place those that readers may look at, and in one region all from the published end on."""
    dim, step, inside = archive.dim, archive.step, int(np.searchsorted(places, before))
    for run in np.split(np.arange(inside), np.flatnonzero(np.diff(places[:inside]) > 1) + 1):
        _store(piece.isel({dim: _span(run)}), archive, places[run])
    if archive.length == before:
        return
    new = piece.isel({dim: slice(inside, None)})
    labels, at = new.indexes[dim].to_numpy(), places[inside:] - before
    if step is not None:
        labels = labels[0] + step * (np.arange(archive.length - before) - at[0])
        if labels.size > at.size:  # what a killed writer left in a gap must not come back
            fills = {name: _nothing(each.dtype) for name, each in new.variables.items()}
            new = new.reindex({dim: labels}, fill_value=fills)
        new[PRESENT] = (dim, np.isin(np.arange(labels.size), at))
    _store(new, archive, np.arange(before, archive.length))
    archive.array(dim)[before:] = archive.coded(dim, xr.Variable(dim, labels))[0].values
    if not np.array_equal(archive.labels(before, archive.length), labels):
        msg = f"the labels of {dim!r} do not read back as they were written. Nothing was published."
        raise OSError(msg)


def _store(piece: xr.Dataset, archive: Archive, places: Array) -> None:
    """Write steps that follow each other, as the archive stores them: Dask arrays cut along its chunks or shards."""
    piece = piece.drop_encoding().drop_vars(archive.dim)
    texts = {key: each.astype(archive.array(str(key)).dtype) for key, each in piece.items() if each.dtype.kind in "TUO"}
    if places.size and piece.variables:
        how: dict[str, Any] = {"region": {archive.dim: _span(places)}, "align_chunks": True, "write_empty_chunks": True}
        piece.assign(texts).to_zarr(archive.draft, consolidated=True, zarr_format=3, **how)


def _span(places: Array) -> Array | slice:
    """Return places that follow each other as a slice, which copies nothing."""
    return slice(places[0], places[-1] + 1) if places.size and np.ptp(places) == places.size - 1 else places


def _nothing(dtype: np.dtype[Any]) -> Any:
    """Return what stands in a gap."""
    nothing = {"f": np.nan, "c": np.nan, "M": "NaT", "m": "NaT"}.get(dtype.kind, 0)
    return "" if dtype.kind in "TUO" else np.array(nothing).astype(dtype)[()]
