"""Follows a provider: fetches what is new, late or processed again, and appends it, batch by batch.

Where it stands is nowhere written down but in the archive: a step that is not there is wanted. So it can be stopped
or killed at any time, and goes on where it was. A file of a step that is there is wanted again if a note in the folder
of downloads says that another version of it was used: the files may be deleted, the notes are small.
"""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from helpers.append.append import Appended, append
from helpers.append.archive import PRESENT
from helpers.append.store import ROOT, get, open_store
from helpers.data import FeedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from zarr.abc.store import Store

    from helpers.data import Feed

__all__ = ["Batch", "follow", "rain_time"]


class Batch(NamedTuple):
    """Say what became of one batch of files.

    Parameters
    ----------
    appended : Appended or None
        What was appended; None if no file could be used.
    faults : tuple of str
        What was wrong with files. One that did not come is tried again; one that came and could not be decoded is,
        when the provider has another version of it.
    """

    appended: Appended | None
    faults: tuple[str, ...]


def follow(
    feed: Feed,
    store: str | Path | Store,
    *,
    decode: Callable[[Path], xr.Dataset],
    time_of: Callable[[str], np.datetime64 | None],
    step: str,
    batch: int = 8,
    every_s: float | None = 60.0,
    stop: threading.Event | None = None,
    **options: Any,
) -> Iterator[Batch]:
    """Append what a provider has to an archive along time, and what it will have.

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
    step : str
        The distance between two steps, such as ``"3h"``.
    batch : int, default 8
        Steps to append at once, at most. Batches end where multiples of it end, so that they fill whole chunks.
    every_s : float, optional
        Seconds after which to ask the provider again. With None, return when all that it has is appended.
    stop : threading.Event, optional
        Set it, and the loop ends after the batch at hand.
    **options
        For `append`: chunks, encoding, max_gap and so on.

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
    target, stop, useless = open_store(store), stop or threading.Event(), set[FeedFile]()
    while not stop.is_set():
        try:
            files = [file for file in feed.files() if file not in useless]
        except OSError:
            if every_s is None:
                raise
            files = []
        wanted = _wanted(files, target, feed, time_of, step)
        for (_, replace), group in itertools.groupby(wanted, key=lambda each: (each[0] // batch, each[1])):
            if stop.is_set():
                return
            pieces, faults = _decoded(feed, [file for *_, file in group], decode, useless)
            used, appended = list(pieces), None
            if pieces:
                whole = xr.concat(pieces.values(), "time", data_vars="minimal", coords="minimal", compat="equals")
                pieces.clear()  # the batch is in memory once, not twice
                appended = append(whole, target, step=step, replace=replace, **options)
                feed.note_used(used)
            yield Batch(appended, tuple(faults))
        if every_s is None or stop.wait(every_s):
            return


def _wanted(
    files: Sequence[FeedFile], store: Store, feed: Feed, time_of: Callable[[str], np.datetime64 | None], step: str
) -> Iterator[tuple[int, bool, FeedFile]]:
    """Yield files in the order of their steps, with the place of each and whether the archive has that step."""
    # Of two files of one step the last one counts.
    timed = {time.astype("M8[ns]"): file for file in files if (time := time_of(Path(file.path).name)) is not None}
    first, there = min(timed, default=None), set[np.datetime64]()
    if get(store, ROOT) is not None:
        with xr.open_zarr(store, chunks=None) as ds:
            labels = ds.time.values.astype("M8[ns]")
            first, there = labels[0], set(labels[ds[PRESENT].values] if PRESENT in ds else labels)
    for time in sorted(timed):
        held = time in there
        if time >= first and (not held or feed.used(timed[time]) is False):
            yield int((time - first) // pd.Timedelta(step)), held, timed[time]


def _decoded(
    feed: Feed, files: list[FeedFile], decode: Callable[[Path], xr.Dataset], useless: set[FeedFile]
) -> tuple[dict[FeedFile, xr.Dataset], list[str]]:
    """Return the pieces in files, and what is wrong with the others."""
    pieces, faults = dict[FeedFile, xr.Dataset](), list[str]()
    for file, path in feed.fetch(files).items():
        try:
            if isinstance(path, Exception):
                faults.append(f"{Path(file.path).name} could not be fetched: {path}")
            else:
                pieces[file] = decode(path)
        except ValueError as error:
            useless.add(file)
            faults.append(str(error))
    return pieces, faults


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
    product, time, *rest = f"{name}.".split(".")
    step = pd.to_datetime(time, format="%Y%m%d%H", errors="coerce")
    ours = product == "3B42RT" and rest[-3:-1] == ["bin", "gz"] and not pd.isna(step)
    return step.to_datetime64().astype("M8[h]") if ours else None
