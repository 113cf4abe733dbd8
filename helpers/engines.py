"""Opens one stored array with each engine that can read it: zarr's pipelines, zarrs, TensorStore, HDF5 as a peer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import zarr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy.typing as npt

    from helpers.selections import Selection

    type Read = Callable[[Selection], npt.NDArray[np.generic]]

__all__ = ["ENGINES", "write_hdf5"]

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
