"""Compares layouts of one array, and the programs that read them, by requests, bytes and seconds.

The programs, called engines, are zarr's two pipelines, zarrs and TensorStore, with HDF5 as a peer. What can be counted
is counted first; times are taken in turns, in one run.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np
import pandas as pd
import zarr
from tqdm import tqdm
from zarr.storage import LocalStore

from helpers.counting import CountingStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    import numpy.typing as npt

    from helpers.cost import Selection

    type Read = Callable[[Selection], npt.NDArray[np.generic]]

__all__ = ["ENGINES", "Layout", "compare_layouts", "seconds_of"]


def seconds_of[**P](call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    """Return how long one call takes, in seconds of the clock on the wall, waiting included.

    Examples
    --------
    >>> 0.05 <= seconds_of(time.sleep, 0.05) < 5
    True
    """
    begin = time.perf_counter()
    call(*args, **kwargs)
    return time.perf_counter() - begin


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
        dataset = file["data"]
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


def compare_layouts(
    data: npt.NDArray[np.generic],
    layouts: Mapping[str, Layout],
    selections: Mapping[str, Selection],
    *,
    repeats: int = 5,
) -> pd.DataFrame:
    """Write `data` once for each layout into a local folder; count what each selection takes, and time every engine.

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
        ``requests``, ``nbytes_read``, ``amplification`` (bytes read for each byte needed), all as Zarr reads, and one
        for each of `helpers.measure.ENGINES`: its seconds in the fastest turn. HDF5 does not know shards: NaN.

    Raises
    ------
    ValueError
        When `repeats` is less than 1, or zarr refuses a layout.
    AssertionError
        When an engine reads other values than `data` holds.

    Notes
    -----
    The files have just been written, so they are read from the operating system's cache: seconds are those of the
    engines and of system calls, not those of a disk. The engines take turns within each repeat, so that what else the
    machine does falls on all of them alike; the fastest turn is the one that was disturbed least. HDF5 has a file of
    its own with the same chunks.

    Examples
    --------
    >>> cube = np.arange(1.0, 65).reshape(4, 4, 4)
    >>> table = compare_layouts(cube, {"planes": {"chunks": (1, 4, 4)}}, {"line": np.s_[:, 0, 0]}, repeats=1)
    >>> table.loc[("planes", "line"), ["files", "requests", "nbytes_read", "amplification"]].tolist()
    [5.0, 4.0, 512.0, 16.0]
    """
    rows: dict[tuple[str, str], dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, layout in tqdm(layouts.items(), desc="layouts", leave=False):
            path = Path(folder, f"{name}.zarr")
            zarr.create_array(path, data=data, compressors=None, **layout)
            files = sum(found.is_file() for found in path.rglob("*"))
            engines = [engine for engine in ENGINES if engine != "HDF5" or "shards" not in layout]
            if "HDF5" in engines:
                _write_hdf5(data, path, layout)
            for read, selection in selections.items():
                seconds = _race(engines, path, data, selection, repeats)
                rows[name, read] = {"files": files, **_count(path, selection), **seconds}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(["layout", "read"])
    return table.reindex(columns=[*table.columns.drop(ENGINES, errors="ignore"), *ENGINES])


def _write_hdf5(data: npt.NDArray[np.generic], path: Path, layout: Layout) -> None:
    """Write the peer of a Zarr array: ``planes.h5`` beside ``planes.zarr``."""
    import h5py

    with h5py.File(path.with_suffix(".h5"), "x") as file:
        file.create_dataset("data", data=data, chunks=layout["chunks"])


def _count(path: Path, selection: Selection) -> dict[str, float]:
    store = CountingStore(LocalStore(path, read_only=True))
    array = zarr.open_array(store, mode="r")
    store.reset()
    values = np.asarray(array[selection])  # type: ignore[index] # zarr types ints only, not SupportsIndex
    nbytes = store.bytes_read
    return {"requests": store.reads, "nbytes_read": nbytes, "amplification": nbytes / values.nbytes}


def _race(
    engines: Iterable[str], path: Path, data: npt.NDArray[np.generic], selection: Selection, repeats: int
) -> dict[str, float]:
    """Return the fewest seconds of each engine; one that gives other values than `data` holds gets none."""
    with ExitStack() as stack:
        reads = {name: stack.enter_context(ENGINES[name](path)) for name in engines}
        for name, read in reads.items():
            if not np.array_equal(read(selection), data[selection]):  # type: ignore[index] # numpy types it narrower
                msg = f"{name} reads other values at {selection!r} than were written."
                raise AssertionError(msg)
        turns = [{name: seconds_of(read, selection) for name, read in reads.items()} for _ in range(repeats)]
    return {name: min(turn[name] for turn in turns) for name in reads}
