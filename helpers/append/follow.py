"""Follows a provider: fetches what is new, late or processed again, and appends it, batch by batch.

Where it stands is nowhere written down but in the archive: a step that is not there is wanted. So it can be stopped
or killed at any time, and goes on where it was. A file of a step that is there is wanted again if a note in the folder
of downloads says that another version of it was used: the files may be deleted, the notes are small.
"""

from __future__ import annotations

import itertools
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from helpers.append.append import Appended, append
from helpers.append.store import ROOT, get, open_store
from helpers.units import format_count, format_nbytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from zarr.abc.store import Store

    from helpers.data import Feed, FeedFile

__all__ = ["Batch", "follow", "rain_time"]

_RAIN = re.compile(r"3B42RT\.(\d{4})(\d\d)(\d\d)(\d\d)\.\w+\.bin\.gz")


@dataclass(frozen=True, repr=False, kw_only=True)
class Batch:
    """Say what became of one batch of files.

    Parameters
    ----------
    files : int
        Files that were fetched and decoded.
    nbytes : int
        Their bytes.
    faults : tuple of str
        What was wrong with the others. One that did not come is tried again; one that came and could not be
        decoded is, when the provider has another version of it.
    appended : Appended or None
        What was appended; None if no file was left.
    """

    files: int
    nbytes: int
    faults: tuple[str, ...]
    appended: Appended | None

    def __repr__(self) -> str:
        faults = "".join(f"; not used: {fault}" for fault in self.faults)
        return f"<Batch: {format_count(self.files, 'file')} of {format_nbytes(self.nbytes)}, {self.appended}{faults}>"


def follow(
    feed: Feed,
    store: str | Path | Store,
    *,
    decode: Callable[[Path], xr.Dataset],
    time_of: Callable[[str], np.datetime64 | None],
    batch: int = 8,
    every_s: float | None = 60.0,
    stop: threading.Event | None = None,
    **options: Any,
) -> Iterator[Batch]:
    """Append what a provider has to an archive, and what it will have.

    Parameters
    ----------
    feed : Feed
        The provider.
    store : str, Path or zarr.abc.store.Store
        The archive, as for `append`.
    decode : callable
        Makes a dataset of a file; raises a ValueError if that is damaged.
    time_of : callable
        Returns the step that a file is named for, None for files that are none of ours.
    batch : int, default 8
        Steps to append at once, at most. Batches end where multiples of it end, so that they fill whole chunks.
    every_s : float, optional
        Seconds after which to ask the provider again. With None, return when all that it has is appended.
    stop : threading.Event, optional
        Set it, and the loop ends after the batch at hand.
    **options
        For `append`: step, chunks, encoding, max_gap and so on.

    Yields
    ------
    Batch
        After each batch.

    Raises
    ------
    OSError
        If the provider does not answer and `every_s` is None; otherwise it is asked again later.
    TypeError, ValueError
        As `append`.
    """
    target, stop, useless = open_store(store), stop or threading.Event(), set[object]()
    while not stop.is_set():
        try:
            files = feed.files()
        except OSError:
            if every_s is None:
                raise
            files = []
        wanted = _wanted([file for file in files if file not in useless], target, feed, time_of, options.get("step"))
        for (_, replace), group in itertools.groupby(wanted, key=lambda each: (each[0] // batch, each[1])):
            if stop.is_set():
                return
            found, faults, pieces = feed.fetch([file for *_, file in group]), list[str](), {}
            for file, path in found.items():
                try:
                    if isinstance(path, Exception):
                        faults.append(f"{file.name} could not be fetched: {path}")
                    else:
                        pieces[file] = decode(path)
                except ValueError as error:
                    useless.add(file)
                    faults.append(str(error))
            yield _append(pieces, faults, target, feed, {**options, "replace": replace})
        if every_s is None or stop.wait(every_s):
            return


def _wanted(
    files: Sequence[FeedFile],
    store: Store,
    feed: Feed,
    time_of: Callable[[str], np.datetime64 | None],
    step: Any,
) -> Iterator[tuple[int, bool, FeedFile]]:
    """Yield files in the order of their steps, with the place of each and whether the archive has that step."""
    # Of two files of one step the last one counts.
    timed = {time.astype("M8[ns]"): file for file in files if (time := time_of(file.name)) is not None}
    times = labels = there = np.array(sorted(timed), "M8[ns]")
    if get(store, ROOT) is None:
        there = there[:0]
    else:
        with xr.open_zarr(store, chunks=None) as ds:
            labels = ds.time.values.astype("M8[ns]")
            there = labels[ds.present.values] if "present" in ds else labels
    for time in times[times >= labels[:1]] if times.size else ():
        place = np.searchsorted(np.union1d(labels, times), time)
        if step is not None:
            place = (time - labels[0]) // pd.Timedelta(step)
        held = time in there
        if not held or feed.used(timed[time]) is False:
            yield int(place), held, timed[time]


def _append(
    pieces: dict[FeedFile, xr.Dataset], faults: list[str], store: Store, feed: Feed, options: dict[str, Any]
) -> Batch:
    appended, used = None, list(pieces)
    if pieces:
        whole = xr.concat(pieces.values(), "time", data_vars="minimal", coords="minimal", compat="equals")
        pieces.clear()  # the batch is in memory once, not twice
        appended = append(whole, store, **options)
        feed.note_used(used)
    return Batch(files=len(used), nbytes=sum(file.nbytes for file in used), faults=tuple(faults), appended=appended)


def rain_time(name: str) -> np.datetime64 | None:
    """Return the step that a file of 3B42RT is named for; None for other files.

    Parameters
    ----------
    name : str
        The name, without folders.

    Returns
    -------
    np.datetime64 or None
        The step.

    Examples
    --------
    >>> rain_time("3B42RT.2015031115.7.bin.gz")
    np.datetime64('2015-03-11T15','h')
    """
    match = _RAIN.fullmatch(name)
    try:
        return np.datetime64("{}-{}-{}T{}".format(*match.groups())) if match else None
    except ValueError:
        return None
