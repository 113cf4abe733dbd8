"""Follows a provider: fetches what is new, late or processed again, and appends it, batch by batch.

Where it stands is nowhere written down but in the archive: a step that is not there is wanted. So it can be stopped
or killed at any time, and goes on where it was. A file of a step that is there is wanted again if the folder of
downloads holds another version of it: keep the folder, or what is processed again goes unnoticed.
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
    target, stop = open_store(store), stop or threading.Event()
    useless: set[FeedFile] = set()
    while not stop.is_set():
        try:
            files = [file for file in feed.files() if file not in useless]
        except OSError:
            if every_s is None:
                raise
            files = []
        for group, replace in _groups(files, target, feed, time_of, batch, options.get("step")):
            if stop.is_set():
                return
            yield _append(group, target, feed, decode, useless, {**options, "replace": replace})
        if every_s is None or stop.wait(every_s):
            return


def _groups(
    files: Sequence[FeedFile],
    store: Store,
    feed: Feed,
    time_of: Callable[[str], np.datetime64 | None],
    batch: int,
    step: Any,
) -> Iterator[tuple[list[FeedFile], bool]]:
    """Yield the files that are wanted in groups of steps, each with whether it replaces steps."""
    # Of two files of one step the last one counts.
    timed = sorted({time: file for file in files if (time := time_of(file.name)) is not None}.items())
    labels, there = _known(store)
    timed = [(time, file) for time, file in timed if not len(labels) or time >= labels[0]]
    if not timed:
        return
    times = np.array([time for time, _ in timed], "M8[ns]")
    if step is not None:
        start = labels[0] if len(labels) else times[0]
        places = (times - start) // pd.Timedelta(step).to_timedelta64()
    else:
        new = np.cumsum(~np.isin(times, labels)) - 1 + len(labels)
        places = np.where(np.isin(times, labels), np.searchsorted(labels, times), new)
    present = np.isin(times, labels[there])
    chosen = [
        (int(place), file, bool(held))
        for place, (_, file), held in zip(places, timed, present, strict=True)
        if not held or feed.has(file) is False
    ]
    for (_, replace), members in itertools.groupby(chosen, key=lambda each: (each[0] // batch, each[2])):
        yield [file for _, file, _ in members], replace


def _known(store: Store) -> tuple[Any, Any]:
    """Return the labels of an archive, and which of their steps have come."""
    if get(store, ROOT) is None:
        return np.array([], "M8[ns]"), np.zeros(0, bool)
    with xr.open_zarr(store, chunks=None) as ds:
        there = ds.present.values if "present" in ds else np.ones(ds.sizes["time"], bool)
        return ds.time.values.astype("M8[ns]"), there


def _append(
    group: Sequence[FeedFile],
    store: Store,
    feed: Feed,
    decode: Callable[[Path], xr.Dataset],
    useless: set[FeedFile],
    options: dict[str, Any],
) -> Batch:
    faults, pieces, nbytes = [], [], 0
    for file, found in feed.fetch(group).items():
        if isinstance(found, Exception):
            faults.append(f"{file.name} could not be fetched: {found}")
            continue
        try:
            pieces.append(decode(found))
            nbytes += file.nbytes
        except ValueError as error:
            useless.add(file)
            faults.append(str(error))
    appended, decoded = None, len(pieces)
    if pieces:
        whole = xr.concat(pieces, options.get("dim", "time"), data_vars="minimal", coords="minimal", compat="equals")
        pieces.clear()  # the batch is in memory once, not twice
        appended = append(whole, store, **options)
    return Batch(files=decoded, nbytes=nbytes, faults=tuple(faults), appended=appended)


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
    if not match:
        return None
    try:
        return np.datetime64("{}-{}-{}T{}".format(*match.groups()))
    except ValueError:
        return None
