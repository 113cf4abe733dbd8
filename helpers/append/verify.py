"""Doubts archives: `verify` reads all of one, `watch` reads one that grows, `WriteLog` keeps every state.

A writer changes a store one key at a time. Between two changes a reader may come by, or the writer may be killed: a
`WriteLog`, the dictionary of a `zarr.storage.MemoryStore`, lets each of these moments be looked at afterwards.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
import zarr
from zarr.storage import MemoryStore

from helpers.append.archive import PRESENT, Archive, every, text
from helpers.append.store import ROOT, get, keys, open_store
from helpers.units import format_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from zarr.abc.store import Store
    from zarr.core.buffer import Buffer

__all__ = ["Report", "Sight", "WriteLog", "verify", "watch"]


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
        archive = Archive.load(source, dim)
    except (FileNotFoundError, ValueError) as error:
        return Report(summary=f"{source}", problems=(str(error),))
    if archive is None:
        return Report(summary=f"{source}", problems=("there is no archive",))
    chunks = _chunks(archive)
    problems = [f"{key} cannot be read: {fault}" for key, fault in chunks.items() if fault]
    steps = "some missing" if problems else _steps(archive, problems)
    unfinished = list[str]()
    for name, node in archive.nodes.items():
        key = f"{name}/{ROOT}"
        if (alone := get(source, key)) is None:
            problems.append(f"{key} is missing: only readers of consolidated metadata find the array")
        elif json.loads(alone) != node:
            unfinished.append(f"{key} says something else than the consolidated metadata")
        chunks[key] = ""
    others = sorted(keys(source) - chunks.keys()) if source.supports_listing else []
    unfinished += [f"{key} is left over" for key in others if key.split("/")[0] in archive.nodes]
    counts = f"{format_count(len(archive.nodes), 'array')}, {format_count(len(chunks) - len(archive.nodes), 'chunk')}"
    summary = f"{format_count(archive.length, 'step')} of {dim} {steps}; {counts}"
    return Report(summary=summary, problems=tuple(problems), unfinished=tuple(unfinished))


def _chunks(archive: Archive) -> dict[str, str]:
    """Return the keys of all chunks or shards, with what is wrong with each that cannot be read."""
    jobs = {}
    for name, node in archive.nodes.items():
        lenient = name != archive.dim and '"checksum": true' not in json.dumps(node)
        array = zarr.open_array(archive.draft, path=name, mode="r", config={"read_missing_chunks": lenient})
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


@dataclass(kw_only=True)
class Sight:
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

    openings: int = 0
    lengths: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def watch(
    store: str | Path | Store,
    *,
    until: int,
    name: str = "precipitation",
    last: int = 8,
    within_s: float = 60.0,
    tell: Callable[[str], None] = lambda _: None,
) -> Sight:
    """Open an archive again and again until it has so many steps, and look for faults.

    Parameters
    ----------
    store : str, Path or zarr.abc.store.Store
        The archive, as for `helpers.append.open_store`. It need not be there yet.
    until : int
        Steps that it will have.
    name : str, default "precipitation"
        The variable to read.
    last : int, default 8
        How many of the newest steps to read each time.
    within_s : float, default 60
        Seconds after which to give up, which is a fault.
    tell : callable, optional
        Is given a line of text whenever there are more steps.

    Returns
    -------
    Sight
        What was seen. A fault is an archive that cannot be opened once it was there, one that shrank, steps that
        are not at equal distances, a step without a single value though it is there, or one whose values changed.

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
    >>> watch(store, until=4, name="rain")
    Sight(openings=1, lengths=[4], faults=[])
    """
    sight, known = Sight(), dict[str, float]()
    source = open_store(store, read_only=True)
    give_up = time.monotonic() + within_s
    while not sight.lengths or sight.lengths[-1] < until:
        if time.monotonic() > give_up:
            sight.faults.append(f"no {until} steps within {within_s:g} s")
            break
        try:
            with xr.open_zarr(source, chunks=None) as ds:
                if _look(ds, sight, known, name=name, last=last):
                    tell(f"{ds.sizes['time']} steps")
        except (OSError, ValueError) as error:
            if sight.openings or not isinstance(error, FileNotFoundError):
                sight.faults.append(f"{type(error).__name__}: {error}")
    return sight


def _look(ds: xr.Dataset, sight: Sight, known: dict[str, float], *, name: str, last: int) -> bool:
    """Read the last steps of an archive, note what is not as it must be, and return whether there are more."""
    newest = ds.isel(time=slice(-last, None)).load()
    sight.openings += 1
    length, before = ds.sizes["time"], max(sight.lengths, default=0)
    if length < before:
        sight.faults.append(f"{length} steps after {before}")
    elif length > before:
        sight.lengths.append(length)
    if len(np.unique(np.diff(newest.time.values))) > 1:
        sight.faults.append(f"the times are not at equal distances: {newest.time.values}")
    there = newest.isel(time=newest.present.values) if "present" in newest else newest
    others = [dim for dim in there[name].dims if dim != "time"]
    for label, rain in zip(there.time.values, there[name].sum(others, min_count=1).values, strict=True):
        if np.isnan(rain):
            sight.faults.append(f"{label} is there without a value")
        elif known.setdefault(str(label), float(rain)) != float(rain):
            sight.faults.append(f"{label} changed")
    return length > before


class WriteLog(dict[str, "Buffer"]):
    """Hold keys and values, and note each change.

    Attributes
    ----------
    changes : list of (str, Buffer or None)
        Each key that was written, with its new value, or deleted, with None; the earliest first.

    Notes
    -----
    Values are kept as they were written, so that a log of many large chunks takes much memory. Changes that
    threads make at once are noted one after the other, in one of the orders that they could have had.

    Examples
    --------
    >>> import zarr
    >>> log = WriteLog()
    >>> z = zarr.create_array(MemoryStore(log), shape=4, chunks=2, dtype="u1", fill_value=0)
    >>> z[:2] = 1
    >>> z[2:] = 1
    >>> [key for key, _ in log.changes]
    ['zarr.json', 'c/0', 'c/1']
    >>> [zarr.open_array(store)[:].tolist() for store in log.moments()]
    [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]
    """

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[str, Buffer | None]] = []
        self._lock = threading.Lock()

    def __setitem__(self, key: str, value: Buffer) -> None:
        """Write a value."""
        with self._lock:
            super().__setitem__(key, value)
            self.changes.append((key, value))

    def __delitem__(self, key: str) -> None:
        """Delete a key."""
        with self._lock:
            super().__delitem__(key)
            self.changes.append((key, None))

    def setdefault(self, key: str, default: Buffer) -> Buffer:
        """Write a value where there is none, and return what is there then."""
        with self._lock:
            if key not in self:
                super().__setitem__(key, default)
                self.changes.append((key, default))
            return self[key]

    def moments(self, since: int = 0) -> Iterator[MemoryStore]:
        """Yield the store as it was after each change.

        Parameters
        ----------
        since : int, default 0
            How many changes to leave out: ``len(log.changes)``, taken before what is of interest.

        Yields
        ------
        zarr.storage.MemoryStore
            A store of its own, which can be written to without changing what comes after.
        """
        state: dict[str, Buffer] = {}
        for number, (key, value) in enumerate(list(self.changes), 1):
            if value is None:
                del state[key]
            else:
                state[key] = value
            if number > since:
                yield MemoryStore(dict(state))
