"""Checks an archive: every chunk there and readable, the axis regular, all sizes in agreement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from helpers.append_archive import ROOT, Archive
from helpers.append_blocks import Block, cut, run
from helpers.append_lock import LOCK
from helpers.append_publish import HALF_WRITTEN
from helpers.append_store import get_many, keys, open_store
from helpers.units import format_count

if TYPE_CHECKING:
    from pathlib import Path

    from zarr.abc.store import Store

__all__ = ["Report", "verify"]


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
