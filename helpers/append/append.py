"""`append` and `verify`.

Checks an archive: every chunk there and readable, the axis regular, all sizes in agreement.

Grows a Zarr archive along one dimension: idempotent, aligned, published last, resumable.

The order of writing is what keeps an archive whole:

1. Everything is checked. What is refused leaves the store untouched.
2. The lock is taken (`helpers.append`).
3. Chunks are written, each with one PUT. A chunk that holds published steps keeps them; whatever else changes lies
   beyond the published end, where no reader looks (`helpers.append`).
4. The metadata of each array is written, and last the group's ``zarr.json`` with the consolidated metadata: the one
   PUT that makes the new steps visible (`helpers.append`).

So a reader that opens with consolidated metadata, as `xr.open_zarr` and `zarr.open_group` do unless told otherwise,
sees the old archive or the new one at any instant, and a writer killed at any instant leaves one of the two. The
next call writes the same chunks again and goes on. (Killed is not switched off: zarr leaves it to the system when the
files of a folder reach the disk.)

A reader that opens without (``consolidated=False``, `zarr.open_array`, a program that knows no consolidated
metadata) sees the length of each array change on its own during step 4, every value in place; if the writer was
killed there, until the next call. What neither order nor lock can give on plain Zarr is named where it happens: see
`helpers.append` for late and replaced steps. Icechunk has transactions: hand `append` the store of a session,
then commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from helpers.append.archive import ROOT, Archive, begin, check_choices, check_dataset, check_fits
from helpers.append.axis import Axis
from helpers.append.store import get_many, keys, open_store
from helpers.append.write import HALF_WRITTEN, LOCK, Block, Plan, carry_out, cut, plan, run, writing
from helpers.units import format_count, format_nbytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from zarr.abc.store import Store

    from helpers.append.axis import Step
    from helpers.append.store import Written

__all__ = ["Appended", "Report", "append", "verify"]


@dataclass(frozen=True, repr=False, kw_only=True)
class Report:
    """Say what `verify` found.

    Parameters
    ----------
    summary : str
        What the archive holds.
    problems : tuple of str
        What makes it wrong or unreadable.
    unfinished : tuple of str
        What a writer that is at work, or was killed, left: the next `append` puts it right.
    """

    summary: str
    problems: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether no problem was found."""
        return not self.problems

    def __repr__(self) -> str:
        state = "sound" if self.sound else format_count(len(self.problems), "problem")
        lines = [f"<Report: {state}; {self.summary}>"]
        lines += [f"  problem: {each}" for each in self.problems]
        lines += [f"  unfinished: {each}" for each in self.unfinished]
        return "\n".join(lines)


def verify(store: str | Path | Store) -> Report:
    """Read every chunk of an archive, and compare its sizes, labels and metadata.

    Parameters
    ----------
    store : str, Path or zarr.abc.store.Store
        The archive, as for `helpers.append.append`. It is only read.

    Returns
    -------
    Report
        What is wrong, if anything is.

    Notes
    -----
    A chunk that is damaged is found by the checksum in it, which `append` stores unless another compressor was
    chosen: without one, some damage reads as other values. Each thread holds one chunk.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from zarr.storage import MemoryStore
    >>> from helpers.append import append
    >>> store = MemoryStore()
    >>> time = np.arange("2020-01-01T00", "2020-01-01T06", 3, dtype="M8[h]").astype("M8[ns]")
    >>> _ = append(xr.Dataset({"rain": ("time", [0.0, 2.5])}, {"time": time}), store)
    >>> verify(store)
    <Report: sound; 2 steps of time from 2020-01-01T00:00:00, every 3 h, 0 missing; 3 arrays, 3 chunks>
    """
    source = open_store(store, read_only=True)
    try:
        archive = Archive.load(source)
    except ValueError as error:
        return Report(summary=f"{source}", problems=(str(error),))
    if archive is None:
        return Report(summary=f"{source}", problems=("there is no archive",))
    problems: list[str] = []
    expected: set[str] = {ROOT}
    for name in archive.names:
        chunks, faults = _read_all(archive, name)
        expected |= chunks | {f"{name}/{ROOT}"}
        problems += faults
    if not problems:
        problems += _wrong_labels(archive)
    missing = archive.length - int(archive.present(0, archive.length).sum()) if not problems else "some"
    arrays = len(archive.names)
    summary = (
        f"{format_count(archive.length, 'step')} of {archive.axis}, {missing} missing; "
        f"{format_count(arrays, 'array')}, {format_count(len(expected) - arrays - 1, 'chunk')}"
    )
    other, unfinished = _metadata(archive)
    unfinished += _left_over(source, expected)
    return Report(summary=summary, problems=(*problems, *other), unfinished=tuple(unfinished))


def _read_all(archive: Archive, name: str) -> tuple[set[str], list[str]]:
    """Return the keys of all chunks of an array, and what is wrong with each that cannot be read."""
    array = archive.array(name)
    grid = array.shards or array.chunks

    def read(_: object, block: Block) -> tuple[str, str]:
        place = tuple(window.start // size for window, size in zip(block.window, grid, strict=True))
        key = f"{name}/{array.metadata.encode_chunk_key(place)}"
        try:
            array[block.window]
        except Exception as error:
            return key, f"{key} cannot be read: {type(error).__name__}: {str(error).splitlines()[0]}"
        return key, ""

    everything = [Block(window=(), axis=0, source=(), places=np.zeros(0, np.int64))]
    blocks = cut(array.shape, grid, axis=0, places=np.zeros(0, np.int64), begin=0) if array.ndim else everything
    found = run([(xr.Variable((), 0), blocks, read)])
    return {key for key, _ in found}, [fault for _, fault in found if fault]


def _wrong_labels(archive: Archive) -> list[str]:
    axis = archive.axis
    labels = np.asarray(archive.array(axis.dim)[:])
    wrong = np.flatnonzero(labels != axis.numbers(0, archive.length))
    if not wrong.size:
        return []
    return [f"{wrong.size} labels are not on the axis {axis}, the first at position {wrong[0]}"]


def _metadata(archive: Archive) -> tuple[list[str], list[str]]:
    """Return what is wrong, and what is unfinished, in the metadata of each array on its own."""
    problems, unfinished = [], []
    alone_by_key = get_many(archive.store, [f"{name}/{ROOT}" for name in archive.names])
    for name, alone in zip(archive.names, alone_by_key.values(), strict=True):
        if alone is None:
            problems.append(f"{name}/{ROOT} is missing: only readers of consolidated metadata find the array")
        elif not archive.describes(name, alone):
            unfinished.append(f"{name}/{ROOT} says something else than the consolidated metadata")
    return problems, unfinished


def _left_over(store: Store, expected: set[str]) -> list[str]:
    others = sorted(keys(store) - expected) if store.supports_listing else []
    locks = [key for key in others if key.startswith(LOCK)]
    halves = [key for key in others if HALF_WRITTEN.search(key)]
    rest = [key for key in others if key not in locks and key not in halves]
    kinds = {"a lock": locks, "half-written files": halves, "objects beyond what is published": rest}
    return [f"{kind}: {len(keys)}, the first {keys[0]}" for kind, keys in kinds.items() if keys]


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
        The archive: a folder, a URL or a store, as for `helpers.append.open_store`.
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
        Take the lock of another writer that has held it for longer; see `helpers.append`.

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
