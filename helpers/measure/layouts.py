"""Compares layouts, and the programs that read them, by requests, bytes and seconds.

Times calls.

Opens one stored array with each engine that can read it: zarr's pipelines, zarrs, TensorStore, HDF5 as a peer.

Compares layouts of one array, and engines that read it: counted first, then timed in one run.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Never, NotRequired, TypedDict

import numpy as np
import pandas as pd
import zarr
from tqdm import tqdm
from zarr.storage import LocalStore

from helpers.counting import CountingStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import numpy.typing as npt

    from helpers.cost import Selection

    type Read = Callable[[Selection], npt.NDArray[np.generic]]
    from collections.abc import Mapping

__all__ = ["ENGINES", "Layout", "compare_engines", "compare_layouts", "seconds_of", "write_hdf5"]


def seconds_of[**P](call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    """Return how long a call takes, in seconds of the clock on the wall.

    Parameters
    ----------
    call : callable
        What to call, once.
    *args, **kwargs
        What it is given.

    Returns
    -------
    float
        Seconds, waiting included. What the call raises is raised.

    Examples
    --------
    >>> 0.05 <= seconds_of(time.sleep, 0.05) < 5
    True
    """
    begin = time.perf_counter()
    call(*args, **kwargs)
    return time.perf_counter() - begin


_HDF5_NAME = "data"


def write_hdf5(path: Path, data: npt.NDArray[np.generic], *, chunks: tuple[int, ...]) -> None:
    """Write `data` as the only dataset of a new HDF5 file, without compression.

    Parameters
    ----------
    path : pathlib.Path
        The file, beside the Zarr array that it is compared with: ``planes.h5`` beside ``planes.zarr``.
    data : numpy.ndarray
        The array.
    chunks : tuple of int
        Elements of a chunk in each dimension.

    Raises
    ------
    FileExistsError
        When there is a file already.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_hdf5(pathlib.Path(folder, "line.h5"), np.arange(8), chunks=(4,))
    ...     with ENGINES["HDF5"](pathlib.Path(folder, "line.zarr")) as read:
    ...         read(np.s_[2:5])
    array([2, 3, 4])
    """
    import h5py

    with h5py.File(path, "x") as file:
        file.create_dataset(_HDF5_NAME, data=data, chunks=chunks)


@contextmanager
def _zarr(path: Path, pipeline: str) -> Iterator[Read]:
    chosen = {"codec_pipeline.path": pipeline}
    with zarr.config.set(chosen):
        array = zarr.open_array(path, mode="r")

    def read(selection: Selection) -> npt.NDArray[np.generic]:
        # Chunks inside a shard take the pipeline that is set while they are read, not the array's own.
        with zarr.config.set(chosen):
            return np.asarray(array[selection])  # type: ignore[index] # zarr types ints only, not SupportsIndex

    yield read


@contextmanager
def _tensorstore(path: Path) -> Iterator[Read]:
    import tensorstore

    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": path.as_posix()}}
    array = tensorstore.open(spec, read=True).result()
    yield lambda selection: np.asarray(array[selection].read().result())


@contextmanager
def _hdf5(path: Path) -> Iterator[Read]:
    import h5py

    with h5py.File(path.with_suffix(".h5")) as file:
        dataset = file[_HDF5_NAME]
        yield lambda selection: np.asarray(dataset[selection])


#: For each engine a function that opens the array at a path, for a `with` block that gives a function which reads.
ENGINES: dict[str, Callable[[Path], AbstractContextManager[Read]]] = {
    "zarr": lambda path: _zarr(path, "zarr.core.codec_pipeline.BatchedCodecPipeline"),
    "zarr fused": lambda path: _zarr(path, "zarr.core.codec_pipeline.FusedCodecPipeline"),
    "zarrs": lambda path: _zarr(path, "zarrs.ZarrsCodecPipeline"),
    "TensorStore": _tensorstore,
    "HDF5": _hdf5,
}


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
    """Let every engine of `helpers.measure` read the same chunks, in turn, and time it.

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
