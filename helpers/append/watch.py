"""A reader that doubts what it sees, and a log of every state a store has been in.

Watches an archive of rain grow, as a reader in a process of its own, and doubts each thing that it sees.

It opens the archive anew, again and again, as any reader would, and reads the last steps of it. Run as a program,
``python -m helpers.append URL --until STEPS``, it prints each length that it finds, and at last one line of
JSON with all that it found.

Keeps every state that a store has been in: what a reader could have seen, and what a killed writer would leave.

A writer changes a store one key at a time. Between two changes a reader may come by, or the writer may be killed.
A `Journal` is the dictionary of a `zarr.storage.MemoryStore` that notes each change, so that each of these moments
can be looked at afterwards, without luck and without waiting.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from zarr.storage import MemoryStore

from helpers.append.store import open_store
from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from zarr.abc.store import Store
    from zarr.core.buffer import Buffer

__all__ = ["Journal", "Sight", "watch"]


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

    Raises
    ------
    ValueError
        If `until` or `last` is below 1.

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
    for label, number in (("until", until), ("last", last)):
        require_number(label, number, ok=lambda x: x >= 1, allowed="1 or more")
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
        except FileNotFoundError:
            if sight.openings:
                sight.faults.append("the archive was there, and is no more")
        except (OSError, ValueError) as error:
            sight.faults.append(f"{type(error).__name__}: {error}")
    return sight


def main(arguments: Sequence[str]) -> int:
    """Watch from a terminal; 1 if a fault was seen."""
    parser = argparse.ArgumentParser(prog="python -m helpers.append", description="Watch an archive grow.")
    parser.add_argument("url", help="a folder, or a URL such as s3://bucket/prefix")
    parser.add_argument("--until", type=int, required=True, help="steps that it will have")
    parser.add_argument("--within", type=float, default=60, help="seconds after which to give up (%(default)s)")
    options = parser.parse_args(arguments)
    sight = watch(options.url, until=options.until, within_s=options.within, tell=lambda line: print(line, flush=True))
    print(json.dumps(asdict(sight)))
    return 1 if sight.faults else 0


def _look(ds: xr.Dataset, sight: Sight, known: dict[str, float], *, name: str, last: int) -> bool:
    """Read the last steps of an archive, note what is not as it must be, and return whether the length is new."""
    newest = ds.isel(time=slice(-last, None)).load()
    sight.openings += 1
    length = ds.sizes["time"]
    if sight.lengths and length < sight.lengths[-1]:
        sight.faults.append(f"{length} steps after {sight.lengths[-1]}")
    new = length not in sight.lengths
    if new:
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
    return new


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))


class Journal(dict[str, "Buffer"]):
    """Hold keys and values, and note each change.

    Attributes
    ----------
    changes : list of (str, Buffer or None)
        Each key that was written, with its new value, or deleted, with None; the earliest first.

    Notes
    -----
    Values are kept as they were written, so that a journal of many large chunks takes much memory. Changes that
    threads make at once are noted one after the other, in one of the orders that they could have had.

    Examples
    --------
    >>> import zarr
    >>> journal = Journal()
    >>> z = zarr.create_array(MemoryStore(journal), shape=4, chunks=2, dtype="u1", fill_value=0)
    >>> z[:2] = 1
    >>> z[2:] = 1
    >>> [key for key, _ in journal.changes]
    ['zarr.json', 'c/0', 'c/1']
    >>> [zarr.open_array(store)[:].tolist() for store in journal.moments()]
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
            How many changes to leave out: ``len(journal.changes)``, taken before what is of interest.

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
