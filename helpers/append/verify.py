"""Doubts archives: `verify` reads all of one, `watch` reads one that grows."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from helpers.append.archive import PRESENT, Archive, every, text
from helpers.append.store import ROOT, get, keys, open_store
from helpers.units import format_count

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import zarr
    from zarr.abc.store import Store

__all__ = ["Report", "Sight", "verify", "watch"]


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
        found = {"problem": self.problems, "unfinished": self.unfinished}
        lines = [f"\n  {kind}: {each}" for kind, all_ in found.items() for each in all_]
        return f"<Report: {state}; {self.summary}>" + "".join(lines)


def verify(store: str | Path | Store, *, dim: str = "time") -> Report:
    """Read every chunk of an archive, and compare its sizes, labels and metadata.

    Parameters
    ----------
    store : str, Path or zarr.abc.store.Store
        The archive, as for `helpers.append.append`. It is only read.
    dim : str, default "time"
        The dimension along which it grows.

    Returns
    -------
    Report
        What is wrong, if anything is.

    Notes
    -----
    A chunk that is damaged is found by the checksum in it, which `append` stores unless another compressor was
    chosen: without one, some damage reads as other values, and a missing chunk as fill values: Xarray leaves out
    chunks of nothing else, `append` does not.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from zarr.storage import MemoryStore
    >>> from helpers.append import append
    >>> store = MemoryStore()
    >>> time = np.arange("2020-01-01T00", "2020-01-01T06", 3, dtype="M8[h]").astype("M8[ns]")
    >>> _ = append(xr.Dataset({"rain": ("time", [0.0, 2.5])}, {"time": time}), store, step="3h")
    >>> verify(store)
    <Report: sound; 2 steps of time from 2020-01-01T00:00:00, every 3h, 0 missing; 3 arrays, 3 chunks>
    """
    source = open_store(store, read_only=True)
    try:
        archive, why = Archive.load(source, dim), "there is no archive"
    except (FileNotFoundError, ValueError) as error:
        archive, why = None, str(error)
    if archive is None:
        return Report(summary=f"{source}", problems=(why,))
    chunks, unfinished = _chunks(archive), list[str]()
    problems = [f"{key} cannot be read: {fault}" for key, fault in chunks.items() if fault]
    steps = "some missing" if problems else _steps(archive, problems)
    counts = f"{format_count(len(archive.nodes), 'array')}, {format_count(len(chunks), 'chunk')}"
    documents = archive.draft.documents
    for key in documents.keys() - {ROOT}:
        if (alone := get(source, key)) is None:
            problems.append(f"{key} is missing: only readers of consolidated metadata find the array")
        elif json.loads(alone) != documents[key]:
            unfinished.append(f"{key} says something else than the consolidated metadata")
    others = sorted(keys(source) - chunks.keys() - documents.keys()) if source.supports_listing else []
    unfinished = sorted(unfinished) + [f"{key} is left over" for key in others if key.split("/")[0] in archive.nodes]
    summary = f"{format_count(archive.length, 'step')} of {dim} {steps}; {counts}"
    return Report(summary=summary, problems=tuple(problems), unfinished=tuple(unfinished))


def _chunks(archive: Archive) -> dict[str, str]:
    """Return the keys of all chunks or shards, with what is wrong with each that cannot be read."""
    jobs = {}
    for name, node in archive.nodes.items():
        lenient = name != archive.dim and '"checksum": true' not in json.dumps(node)
        array = archive.array(name, read_missing_chunks=lenient)
        grid = array.shards or array.chunks
        for place in np.ndindex(*(-(-size // along) for size, along in zip(array.shape, grid, strict=True))):
            at = tuple(slice(number * along, (number + 1) * along) for number, along in zip(place, grid, strict=True))
            jobs[f"{name}/{array.metadata.encode_chunk_key(place)}"] = array, at

    def fault(job: tuple[zarr.Array[Any], tuple[slice, ...]]) -> str:
        try:
            job[0][job[1]]
        except Exception as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"
        return ""

    with ThreadPoolExecutor() as pool:
        return dict(zip(jobs, pool.map(fault, jobs.values()), strict=True))


def _steps(archive: Archive, problems: list[str]) -> str:
    """Say which steps there are, and note what is wrong with their labels."""
    labels, step = archive.labels(0, archive.length), archive.step
    if not labels.size:
        return "none"
    order = labels[1:] > labels[:-1] if step is None else labels[1:] == labels[0] + step * np.arange(1, labels.size)
    if not order.all():
        problems.append(f"{(~order).sum()} labels are not in order, the first after position {order.argmin()}")
    if step is None:
        return f"from {text(labels[0])} to {text(labels[-1])}"
    missing = labels.size - int(np.asarray(archive.array(PRESENT)[:]).sum())
    return f"from {text(labels[0])}, {every(step)}, {missing} missing"


class Sight(NamedTuple):
    """Hold what a reader has seen of an archive.

    Parameters
    ----------
    openings : int
        How often it was opened with success.
    lengths : list of int
        Steps that it had, each length once.
    faults : list of str
        What was not as it must be.
    """

    openings: int
    lengths: list[int]
    faults: list[str]


def watch(
    store: str | Path | Store, *, until: int, within_s: float = 60.0, tell: Callable[[str], None] = lambda _: None
) -> Sight:
    """Open an archive along time again and again until it has so many steps, and look for faults.

    Parameters
    ----------
    store : str, Path or zarr.abc.store.Store
        The archive, as for `helpers.append.open_store`. It need not be there yet.
    until : int
        Steps that it will have.
    within_s : float, default 60
        Seconds after which to give up, which is a fault.
    tell : callable, optional
        Is given a line of text whenever there are more steps.

    Returns
    -------
    Sight
        What was seen. A fault is an archive that cannot be opened once it was there, one that shrank, or that among
        its last eight steps has other distances than one, a step without a single value though it is there, or
        values that changed.

    Notes
    -----
    A step that is processed again changes by right: watch an archive to which only new and late steps come.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from zarr.storage import MemoryStore
    >>> from helpers.append import append
    >>> store = MemoryStore()
    >>> time = np.arange("2020-01-01T00", "2020-01-01T12", 3, dtype="M8[h]").astype("M8[ns]")
    >>> _ = append(xr.Dataset({"rain": (("time", "x"), np.ones((4, 2)))}, {"time": time}), store)
    >>> watch(store, until=4)
    Sight(openings=1, lengths=[4], faults=[])
    """
    openings, lengths, faults, known = 0, list[int](), list[str](), dict[str, bytes]()
    source, give_up = open_store(store, read_only=True), time.monotonic() + within_s
    while max(lengths, default=0) < until:
        if time.monotonic() > give_up:
            faults.append(f"no {until} steps within {within_s:g} s")
            break
        try:
            with xr.open_zarr(source, chunks=None) as ds:
                newest, length = ds.isel(time=slice(-8, None)).load(), ds.sizes["time"]
        except (OSError, ValueError) as error:
            if openings or not isinstance(error, FileNotFoundError):
                faults.append(f"{type(error).__name__}: {error}")
            continue
        openings += 1
        faults += _faults(newest, known)
        if length > (before := max(lengths, default=0)):
            lengths.append(length)
            tell(f"{length} steps")
        elif length < before:
            faults.append(f"{length} steps after {before}")
    return Sight(openings, lengths, faults)


def _faults(newest: xr.Dataset, known: dict[str, bytes]) -> list[str]:
    """Return what is wrong with steps, and remember their values."""
    faults = []
    if len(np.unique(np.diff(newest.time.values))) > 1:
        faults.append(f"the times are not at equal distances: {newest.time.values}")
    there = newest.isel(time=newest.present.values) if PRESENT in newest else newest
    for label in there.time.values:
        step = there.sel(time=label).to_array().values
        if np.isnan(step).all():
            faults.append(f"{label} is there without a value")
        elif known.setdefault(str(label), step.tobytes()) != step.tobytes():
            faults.append(f"{label} changed")
    return faults
