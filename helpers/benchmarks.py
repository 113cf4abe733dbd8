"""Compares layouts of one array, and engines that read it: counted first, then timed in one run."""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Never, NotRequired, TypedDict

import numpy as np
import pandas as pd
import zarr
from tqdm import tqdm
from zarr.storage import LocalStore

from helpers.counting_store import CountingStore
from helpers.engines import ENGINES, write_hdf5
from helpers.stopwatch import seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from helpers.selections import Selection

__all__ = ["Layout", "compare_engines", "compare_layouts"]


class Layout(TypedDict):
    """Name the chunks of an array and, if it has any, its shards, as `zarr.create_array` takes them."""

    chunks: tuple[int, ...]
    shards: NotRequired[tuple[int, ...]]


type Layouts = Mapping[str, Layout]


def compare_layouts(
    data: npt.NDArray[np.generic], layouts: Layouts, selections: Mapping[str, Selection], *, repeats: int = 5
) -> pd.DataFrame:
    """Write `data` once for each layout into a local folder, and count and time what each selection takes.

    Parameters
    ----------
    data : numpy.ndarray
        The array, of any shape; it is stored without compression.
    layouts : mapping of str to mapping
        For each name its ``chunks`` and, if it has any, ``shards``.
    selections : mapping of str to selection
        For each name what stands between the brackets; `numpy.s_` writes it down.
    repeats : int, default 5
        How often each read is timed.

    Returns
    -------
    pandas.DataFrame
        One row for each layout and read, with columns ``files`` (of the whole array, metadata included),
        ``requests``, ``nbytes_read``, ``amplification`` (bytes read for each byte needed), ``seconds`` (median)
        and ``spread`` (slowest less fastest, in seconds).

    Raises
    ------
    ValueError
        When `repeats` is less than 1, or zarr refuses a layout.
    AssertionError
        When a read gives other values than `data` holds.

    Notes
    -----
    The files have just been written, so they are read from the operating system's cache: seconds are those of zarr and
    of system calls, not those of a disk.

    Examples
    --------
    >>> cube = np.arange(1.0, 65).reshape(4, 4, 4)
    >>> table = compare_layouts(cube, {"planes": {"chunks": (1, 4, 4)}}, {"line": np.s_[:, 0, 0]})
    >>> table.loc[("planes", "line"), ["files", "requests", "nbytes_read", "amplification"]].tolist()
    [5.0, 4.0, 512.0, 16.0]
    """
    _require_repeats(repeats)
    rows = []
    with tempfile.TemporaryDirectory() as folder, _bar(len(layouts) * len(selections), "layouts") as bar:
        for name, layout in layouts.items():
            path = _write(data, Path(folder), name, layout)
            files = sum(1 for found in path.rglob("*") if found.is_file())
            for read, selection in selections.items():
                row = {"layout": name, "read": read, "files": files}
                rows.append(row | _count(path, data, selection) | _time(path, selection, repeats))
                bar.update()
    return pd.DataFrame(rows).set_index(["layout", "read"])


def compare_engines(
    data: npt.NDArray[np.generic], layouts: Layouts, selections: Mapping[str, Selection], *, repeats: int = 5
) -> pd.DataFrame:
    """Let every engine of `helpers.engines` read the same chunks, in turn, and time it.

    Parameters
    ----------
    data, layouts, selections, repeats
        As for `compare_layouts`. The peer HDF5 is left out where a layout has shards, which it does not know.

    Returns
    -------
    pandas.DataFrame
        One row for each layout and read, and for each engine two columns: (engine, ``seconds``), the median, and
        (engine, ``spread``), slowest less fastest. NaN where an engine cannot read a layout.

    Raises
    ------
    ValueError
        When `repeats` is less than 1, or zarr refuses a layout.
    AssertionError
        When an engine gives other values than `data` holds.

    Notes
    -----
    The engines take turns within each repeat, so that what else the machine does falls on all of them alike. HDF5 has a
    file of its own with the same chunks, since it has another format.

    Examples
    --------
    >>> cube = np.arange(1.0, 65).reshape(4, 4, 4)
    >>> table = compare_engines(cube, {"planes": {"chunks": (1, 4, 4)}}, {"line": np.s_[:, 0, 0]}, repeats=1)
    >>> list(table.columns.levels[0])
    ['HDF5', 'TensorStore', 'zarr', 'zarr fused', 'zarrs']
    """
    _require_repeats(repeats)
    rows = {}
    with tempfile.TemporaryDirectory() as folder, _bar(len(layouts) * len(selections), "engines") as bar:
        for name, layout in layouts.items():
            path = _write(data, Path(folder), name, layout)
            if "shards" not in layout:
                write_hdf5(path.with_suffix(".h5"), data, chunks=layout["chunks"])
            for read, selection in selections.items():
                rows[name, read] = _race(path, data, selection, repeats)
                bar.update()
    index = pd.MultiIndex.from_tuples(rows, names=["layout", "read"])
    columns = pd.MultiIndex.from_product([ENGINES, ["seconds", "spread"]], names=["engine", None])
    return pd.DataFrame([list(row.values()) for row in rows.values()], index=index, columns=columns)


def _require_repeats(repeats: int) -> None:
    if repeats < 1:
        msg = f"repeats={repeats} times nothing. Give 1 or more."
        raise ValueError(msg)


def _bar(total: int, name: str) -> tqdm[Never]:
    return tqdm(total=total, desc=name, leave=False)


def _write(data: npt.NDArray[np.generic], folder: Path, name: str, layout: Layout) -> Path:
    path = folder / f"{name}.zarr"
    zarr.create_array(path, data=data, compressors=None, chunks=layout["chunks"], shards=layout.get("shards"))
    return path


def _count(path: Path, data: npt.NDArray[np.generic], selection: Selection) -> dict[str, float]:
    store = CountingStore(LocalStore(path, read_only=True))
    array = zarr.open_array(store, mode="r")
    store.reset()
    values = np.asarray(array[selection])  # type: ignore[index] # zarr types ints only, not SupportsIndex
    _require_equal(values, data, selection, "zarr")
    amplification = store.bytes_read / values.nbytes
    return {"requests": store.reads, "nbytes_read": store.bytes_read, "amplification": amplification}


def _time(path: Path, selection: Selection, repeats: int) -> dict[str, float]:
    with ENGINES["zarr"](path) as read:
        seconds = [seconds_of(read, selection) for _ in range(repeats)]
    return {"seconds": statistics.median(seconds), "spread": max(seconds) - min(seconds)}


def _race(
    path: Path, data: npt.NDArray[np.generic], selection: Selection, repeats: int
) -> dict[tuple[str, str], float]:
    names = [name for name in ENGINES if name != "HDF5" or path.with_suffix(".h5").exists()]
    with ExitStack() as stack:
        reads = {name: stack.enter_context(ENGINES[name](path)) for name in names}
        for name, read in reads.items():
            _require_equal(read(selection), data, selection, name)
        turns = [{name: seconds_of(read, selection) for name, read in reads.items()} for _ in range(repeats)]
    row = {}
    for name in ENGINES:
        seconds = [turn.get(name, float("nan")) for turn in turns]
        row[name, "seconds"] = statistics.median(seconds)
        row[name, "spread"] = max(seconds) - min(seconds)
    return row


def _require_equal(
    values: npt.NDArray[np.generic], data: npt.NDArray[np.generic], selection: Selection, engine: str
) -> None:
    if not np.array_equal(values, data[selection]):
        msg = f"{engine} reads other values at {selection} than were written."
        raise AssertionError(msg)
