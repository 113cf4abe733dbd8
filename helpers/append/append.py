"""Appends steps to an archive: `append`, whose parts follow below it in the order in which they run.

One idea is its own, **the order**: refuse what does not belong, find a place for each label, lengthen the arrays in
memory, write chunks with ``to_zarr(region=…)``, and publish by one PUT of the group's ``zarr.json``. That object
holds the consolidated metadata, the lengths of all arrays, and is what ``xr.open_zarr`` reads. Killed before it,
readers see the old archive, and the next call does the same again; killed after it, they see the new one.

A reader without consolidated metadata sees each array grow on its own just before, every value in place. Late and
replaced steps lie where readers look already: on plain Zarr they change chunk by chunk. `present` says "not there"
meanwhile. On Icechunk all of it is one commit.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from helpers.append.archive import (
    PRESENT,
    Archive,
    as_stored,
    begin,
    check_labels,
    refuse,
    refuse_choices,
    refuse_gaps,
    text,
)
from helpers.append.store import ROOT, commit, get, open_store, put, writing
from helpers.counting import CountingStore
from helpers.units import format_count, format_nbytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta
    from pathlib import Path

    import icechunk
    import numpy.typing as npt
    from zarr.abc.store import Store

    from helpers.append.store import Claim, Commit

    type Step = str | int | timedelta | np.timedelta64
    type Labels = npt.NDArray[Any]
    type Places = npt.NDArray[np.int64]
    type Flags = npt.NDArray[np.bool_]

__all__ = ["Appended", "append", "append_commit"]


@dataclass(frozen=True, repr=False, kw_only=True)
class Appended:
    """Say what `append` did.

    Parameters
    ----------
    added, skipped, replaced : int
        Steps that the archive did not have; that it had with the same values; that it had with other values.
    missing : int
        Places that the archive now has room for, but no step came to.
    region : slice
        Positions of the steps, from the first up to that after the last.
    objects_written, bytes_written : int
        Chunks and metadata, as far as this process wrote them. The lock comes on top.

    Examples
    --------
    >>> Appended(added=40, region=slice(80, 120), objects_written=11, bytes_written=6_200_000)
    <Appended: 40 steps added, 0 skipped, 0 replaced, at 80:120; 11 objects, 6.2 MB written>
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
        missing = f", {self.missing} missing" if self.missing else ""
        written = f"{format_count(self.objects_written, 'object')}, {format_nbytes(self.bytes_written)} written"
        return f"<Appended: {steps}{missing}, at {self.region.start}:{self.region.stop}; {written}>"


def append(
    ds: xr.Dataset,
    store: str | Path | Store,
    *,
    dim: str = "time",
    step: Step | None = None,
    chunks: Mapping[str, int] | None = None,
    encoding: Mapping[str, Mapping[str, object]] | None = None,
    replace: bool = False,
    max_gap: int = 1000,
    take_lock_older_than_s: float | None = None,
) -> Appended:
    """Add steps to an archive, or begin it with them.

    Call it with each piece that arrives. Run twice, it changes nothing the second time. The archive may be one that
    ``ds.to_zarr(store)`` began.

    Parameters
    ----------
    ds : xarray.Dataset
        The piece, in memory or in Dask arrays, with sorted unique labels along `dim`: numbers, times of numpy or of
        another calendar (cftime).
    store : str, Path or zarr.abc.store.Store
        The archive: a folder, a URL or a store, as for `helpers.append.open_store`.
    dim : str, default "time"
        The dimension along which the archive grows.
    step : str, int, timedelta or np.timedelta64, optional
        The distance between two steps, such as ``"3h"``, given with the first piece: gaps are then stored as
        missing and filled when their step comes; the variable `present` says which came. Without it new labels must
        come after the last one, at any distance.
    chunks : mapping of str to int, optional
        Size of a chunk in each dimension; what is not named is not cut. Without it, chunks of 4 MiB that suit maps
        and series alike. Pieces of whole chunks are the cheapest to append.
    encoding : mapping of str to mapping, optional
        How the first piece stores a variable: any of chunks, shards, compressors, filters and serializer, as for
        `Dataset.to_zarr`. Later calls keep what it chose.
    replace : bool, default False
        Replace steps that the archive has with other values. Without it, such a step is an error.
    max_gap : int, default 1000
        The most steps that may be missing between two: a wrong date is not to fill a disk with nothing.
    take_lock_older_than_s : float, optional
        Take the lock of another writer that has held it for longer; see `helpers.append.locked`.

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
    Gaps hold NaN, or 0, False and "" in variables that know no NaN. Attributes are those of the first piece; those
    that change the meaning of numbers, such as ``units``, must stay the same. Steps that are there already are
    compared with what comes, for which their chunks are read.

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
    <Appended: 2 steps added, 2 skipped, 0 replaced, at 4:8; 5 objects, 4.1 kB written>
    >>> xr.open_zarr(store).rain.shape
    (8, 3)
    """
    target = open_store(store)
    if target.read_only or not (target.supports_writes and target.supports_deletes):
        msg = f"{target} cannot be written to again and again, as an archive that grows must be. Open one that can."
        raise ValueError(msg)
    labels = check_labels(ds, dim)

    def planned() -> tuple[Archive, Places, Flags, Flags]:
        archive = Archive.load(target, dim)
        if archive is None:
            archive = begin(ds, target, labels, dim, step=step, chunks=chunks or {}, encoding=encoding or {})
        else:
            refuse_choices(archive, step, chunks or {})
        refuse(ds, archive)
        archive.encoded(labels)
        places, present = archive.places(labels)
        refuse_gaps(archive, labels, places, max_gap)
        replaced = np.zeros(places.size, bool)
        replaced[present] = _differ(ds.isel({dim: np.flatnonzero(present)}), archive, places[present])
        if replaced.any() and not replace:
            msg = (
                f"the archive holds other values for {int(replaced.sum())} of {replaced.size} steps, the first at "
                f"{text(labels[replaced][0])}. Give replace=True to replace them, or leave them out."
            )
            raise ValueError(msg)
        return archive, places, present, replaced

    archive, places, present, replaced = planned()  # what is refused leaves the store untouched
    counted = CountingStore(target)
    length = archive.length
    if (~present | replaced).any():
        with writing(target, dim, take_lock_older_than_s=take_lock_older_than_s) as claim:
            now = get(target, ROOT)
            if now != archive.published or (now and (archive.places(labels)[1] != present).any()):
                archive, places, present, replaced = planned()  # another writer was faster
                length = archive.length
            archive = archive.grown(counted, max([length, *(places[-1:] + 1).tolist()]))
            _carry_out(ds, archive, labels, places, ~present | replaced, replaced, length, claim)
    return Appended(
        added=int((~present).sum()),
        skipped=int((present & ~replaced).sum()),
        replaced=int(replaced.sum()),
        missing=archive.length - length - int((places >= length).sum()),
        region=slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0),
        objects_written=counted.writes,
        bytes_written=counted.bytes_written,
    )


def _carry_out(
    ds: xr.Dataset,
    archive: Archive,
    labels: Labels,
    places: Places,
    wanted: Flags,
    replaced: Flags,
    published: int,
    claim: Claim | None,
) -> None:
    """Write steps in the order that keeps an archive whole."""
    grows = archive.length > published
    if claim is None and grows:  # nothing is seen before the commit, and Icechunk wants metadata before chunks
        archive.publish()
    put(archive.store, archive.fixed)
    if replaced.any():
        _mark(archive, places[replaced], False, archive.length)
    if wanted.any():
        where = np.flatnonzero(wanted)
        _write(ds.isel({archive.dim: where}), archive, labels[where], places[where], published)
        if claim is not None:
            claim.check()
        _mark(archive, places[where], True, published)
    if claim is not None and grows:
        archive.publish()


def append_commit(
    repository: icechunk.Repository,
    ds: xr.Dataset,
    *,
    message: str,
    branch: str = "main",
    tries: int = 100,
    **options: Any,
) -> Commit[Appended]:
    """Append steps to the archive in a repository of Icechunk, or begin it: `append` as one commit, without a lock.

    Several writers may append at once, each its own steps. With `step` they may come in any order.

    Parameters
    ----------
    repository : icechunk.Repository
        The repository, whose root is the archive.
    ds : xarray.Dataset
        The piece.
    message, branch, tries
        As for `helpers.append.commit`.
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
    return commit(repository, lambda store: append(ds, store, **options), message=message, branch=branch, tries=tries)


def _differ(held: xr.Dataset, archive: Archive, places: Places) -> Flags:
    """Return for each step that the archive has whether it has other values there, a chunk of steps at a time."""
    unlike = np.zeros(places.size, bool)
    if not places.size:
        return unlike
    stored = xr.open_zarr(archive.draft, consolidated=False, chunks=None)
    for name in _names(archive):
        array, new, old = archive.array(name), held.variables[name], stored.variables[name]
        along = (array.shards or array.chunks)[new.dims.index(archive.dim)]
        for part in np.split(np.arange(places.size), np.flatnonzero(np.diff(places // along)) + 1):
            one = as_stored(new.isel({archive.dim: part}).compute(), archive.template.variables[name]).values
            other = old.isel({archive.dim: places[part]}).values
            if one.dtype.kind in "TUO":
                one, other = one.astype(object), other.astype(object)
            differs = (one != other) & ~(pd.isna(one) & pd.isna(other))
            axes = tuple(axis for axis, d in enumerate(new.dims) if d != archive.dim)
            unlike[part] |= differs.any(axis=axes)
    return unlike


def _names(archive: Archive) -> list[str]:
    return [name for name in archive.names if name != archive.dim and (name != PRESENT or archive.step is None)]


def _write(piece: xr.Dataset, archive: Archive, labels: Labels, places: Places, published: int) -> None:
    """Write steps, in place those that readers may look at, and in one region all from the published end on."""
    dim, inside = archive.dim, int(np.searchsorted(places, published))
    fixed = [name for name in piece.variables if name not in _names(archive)]
    grids = [(archive.array(name), piece[name].dims.index(dim)) for name in _names(archive)]
    along = max([(array.shards or array.chunks)[axis] for array, axis in grids if array.ndim > 1], default=1000)
    for first, last in _runs(places[:inside] // along):
        part, at = piece.isel({dim: slice(first, last)}).drop_vars(fixed), places[first:last] - places[first]
        if at[-1] >= at.size:  # what lies between steps of one chunk is written with them, so that it is written once
            held = xr.open_zarr(archive.draft, consolidated=False, chunks=None)
            held = held.drop_vars(set(held.variables) - set(part.variables))
            whole = held.isel({dim: slice(int(places[first]), int(places[last - 1]) + 1)}).load()
            for name in part.variables:
                whole[name][{dim: at}] = part[name].values
            part = whole
        _store(part, archive, int(places[first]))
    if archive.length == published:
        return
    new = piece.isel({dim: slice(inside, None)})
    if archive.step is not None:
        start = archive.labels(0, 1)[0] if published else labels[0]
        labels = start + archive.step * np.arange(published, archive.length)
        if labels.size > new.sizes[dim]:  # what a killed writer left in a gap must not come back
            fills = {name: _fill(variable) for name, variable in new.variables.items()}
            new = new.reindex({dim: labels}, fill_value=fills)
    else:
        labels = labels[inside:]
    _store(new.drop_vars(fixed), archive, published)
    stored = archive.array(dim)
    stored[published:] = archive.encoded(labels)
    if not np.array_equal(archive.labels(published, archive.length), labels):
        msg = f"the labels of {dim!r} do not read back as they were written. Nothing was published."
        raise OSError(msg)


def _runs(chunks: Places) -> Iterator[tuple[int, int]]:
    """Yield from where to where in an array its numbers are the same."""
    ends = [0, *(np.flatnonzero(np.diff(chunks)) + 1), chunks.size] if chunks.size else []
    yield from itertools.pairwise(map(int, ends))


def _fill(variable: xr.Variable) -> Any:
    if variable.dtype.kind in "TUO":
        return ""
    nothing = {"f": np.nan, "c": np.nan, "M": "NaT", "m": "NaT"}.get(variable.dtype.kind, 0)
    return np.array(nothing).astype(variable.dtype)[()]


def _store(piece: xr.Dataset, archive: Archive, first: int) -> None:
    """Write steps from a position on, as the archive stores them: Dask arrays cut along its chunks or shards."""
    if piece.variables:
        kinds = {name: archive.template[name].dtype for name in piece.variables}
        texts = {name: piece[name].astype(dtype) for name, dtype in kinds.items() if dtype.kind in "TU"}
        piece = piece.drop_encoding().assign(texts)
        region = {archive.dim: slice(first, first + piece.sizes[archive.dim])}
        options: dict[str, Any] = {"align_chunks": True, "write_empty_chunks": True, "consolidated": False}
        piece.to_zarr(archive.draft, region=region, mode="r+", zarr_format=3, **options)


def _mark(archive: Archive, places: Places, value: bool, published: int) -> None:
    """Write into `present` whether steps are there; others beyond the published end are not."""
    if archive.step is None:
        return
    stored, grows = archive.array(PRESENT), archive.length > published
    first = min(int(places[0]), published) if grows else int(places[0])
    last = archive.length if grows else int(places[-1]) + 1
    flags = np.zeros(last - first, bool)
    known = max(min(last, published) - first, 0)
    flags[:known] = stored[first : first + known]
    flags[places - first] = value
    stored[first:last] = flags
