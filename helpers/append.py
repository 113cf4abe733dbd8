"""Grows a Zarr archive along one dimension: idempotent, aligned, published last, resumable.

The order of writing is what keeps an archive whole:

1. Everything is checked. What is refused leaves the store untouched.
2. The lock is taken (`helpers.append_lock`).
3. Chunks are written, each with one PUT. A chunk that holds published steps keeps them; whatever else changes lies
   beyond the published end, where no reader looks (`helpers.append_write`).
4. The metadata of each array is written, and last the group's ``zarr.json`` with the consolidated metadata: the one
   PUT that makes the new steps visible (`helpers.append_archive`).

So a reader that opens with consolidated metadata, as `xr.open_zarr` and `zarr.open_group` do unless told otherwise,
sees the old archive or the new one at any instant, and a writer killed at any instant leaves one of the two. The
next call writes the same chunks again and goes on. (Killed is not switched off: zarr leaves it to the system when the
files of a folder reach the disk.)

A reader that opens without (``consolidated=False``, `zarr.open_array`, a program that knows no consolidated
metadata) sees the length of each array change on its own during step 4, every value in place; if the writer was
killed there, until the next call. What neither order nor lock can give on plain Zarr is named where it happens: see
`helpers.append_write` for late and replaced steps. Icechunk has transactions: hand `append` the store of a session,
then commit.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.append_archive import Archive
from helpers.append_axis import Axis
from helpers.append_begin import begin
from helpers.append_check import check_choices, check_dataset, check_fits
from helpers.append_plan import Plan, plan
from helpers.append_publish import carry_out, writing
from helpers.append_store import get_many, open_store
from helpers.append_verify import verify
from helpers.units import format_count, format_nbytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import xarray as xr
    from zarr.abc.store import Store

    from helpers.append_labels import Step
    from helpers.append_store import Written

__all__ = ["Appended", "append", "verify"]


@dataclass(frozen=True, repr=False, kw_only=True)
class Appended:
    """Say what `append` did.

    Parameters
    ----------
    added : int
        Steps that the archive did not have: new ones at its end, and late ones in their gaps.
    skipped : int
        Steps that it had, with the same values.
    replaced : int
        Steps that it had with other values, and now has with these.
    missing : int
        Places that the archive now has room for, but no step came to.
    region : slice
        Positions of the steps, from the first up to that after the last.
    objects_written, bytes_written : int
        Chunks and metadata. The lock comes on top: one object, written and deleted.

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
        where = f"at {self.region.start}:{self.region.stop}"
        written = f"{format_count(self.objects_written, 'object')}, {format_nbytes(self.bytes_written)} written"
        return f"<Appended: {steps}{missing}, {where}; {written}>"


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

    Call it with each piece that arrives. Run twice, it changes nothing the second time. Pieces may overlap, come
    late or out of order: each step has its place on a regular axis, and places without a step are stored as
    missing until it comes.

    Parameters
    ----------
    ds : xarray.Dataset
        The piece: in memory, from a file, or in Dask arrays, with sorted unique labels along `dim`.
    store : str, Path or zarr.abc.store.Store
        The archive: a folder, a URL or a store, as for `helpers.append_store.open_store`.
    dim : str, default "time"
        The dimension along which the archive grows, of datetime64 or integers.
    step : str, int, timedelta or np.timedelta64, optional
        The distance between two steps, such as ``"3h"``. Without it, the one that the first piece's labels have.
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
        Take the lock of another writer that has held it for longer; see `helpers.append_lock`.

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
    The variable `present` in the archive says of each step whether it came: a step full of NaN is not a missing
    one. Gaps hold NaN, or 0 and False in variables that know no NaN.

    Attributes are those of the first piece. Later ones may differ, except in what changes the meaning of numbers:
    ``units``, ``standard_name``, ``calendar``, ``grid_mapping``.

    Steps that the archive has are compared with it, for which their chunks are read; new ones are not.

    Memory: a chunk for each thread, or Dask worker, on top of what `ds` holds already; twice that for a chunk that
    has steps already.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from zarr.storage import MemoryStore
    >>> store = MemoryStore()
    >>> def rain(first, last):
    ...     time = np.arange(first, last, dtype="M8[h]").astype("M8[ns]")
    ...     return xr.Dataset({"rain": (("time", "x"), np.ones((len(time), 3)))}, {"time": time})
    >>> append(rain("2020-01-01T00", "2020-01-01T06"), store)
    <Appended: 6 steps added, 0 skipped, 0 replaced, at 0:6; 7 objects, 6.0 kB written>
    >>> append(rain("2020-01-01T04", "2020-01-01T08"), store)
    <Appended: 2 steps added, 2 skipped, 0 replaced, at 4:8; 7 objects, 6.0 kB written>
    >>> xr.open_zarr(store).rain.shape
    (8, 3)
    """
    target = open_store(store)
    _check_store(target)
    check_dataset(ds, dim)

    def planned() -> Plan:
        archive = Archive.load(target)
        if archive is None:
            _check_free(target)
            axis = Axis.of(ds.indexes[dim].to_numpy(), dim=dim, step=step)
            archive, fixed = begin(ds, target, axis, chunks=chunks, encoding=encoding)
            return plan(ds, archive, replace=replace, max_gap=max_gap, fixed=fixed)
        check_choices(archive, dim=dim, step=step, chunks=chunks)
        check_fits(ds, archive)
        return plan(ds, archive, replace=replace, max_gap=max_gap)

    todo = planned()
    if not todo.written.any():
        return _result(todo)
    with writing(target, take_lock_older_than_s=take_lock_older_than_s) as claim:
        if claim is not None and todo.outdated():
            todo = planned()
            if not todo.written.any():
                return _result(todo)
        return _result(todo, carry_out(todo, ds, claim))


def _result(todo: Plan, written: Sequence[Written] = ()) -> Appended:
    objects, nbytes = (sum(each) for each in zip(*written, strict=True)) if written else (0, 0)
    return Appended(
        added=int((~todo.present).sum()),
        skipped=int((todo.present & ~todo.replaced).sum()),
        replaced=int(todo.replaced.sum()),
        missing=todo.gaps,
        region=todo.region,
        objects_written=objects,
        bytes_written=nbytes,
    )


def _check_store(store: Store) -> None:
    if store.read_only or not (store.supports_writes and store.supports_deletes):
        msg = f"{store} cannot be written to again and again, as an archive that grows must be. Open one that can."
        raise ValueError(msg)


def _check_free(store: Store) -> None:
    for key, value in get_many(store, (".zgroup", ".zarray")).items():
        if value is not None:
            msg = f"{store} holds something of Zarr format 2 ({key}). Begin the archive elsewhere."
            raise ValueError(msg)


if __name__ == "__main__":
    from helpers.append_program import main

    sys.exit(main(sys.argv[1:]))
