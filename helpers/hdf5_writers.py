"""Lets several processes write one HDF5 file at once, as they would a Zarr array, and says what became of each."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import zarr

    from helpers.parallel_writes import Region, Writers

__all__ = ["create_hdf5", "read_hdf5", "write_hdf5_regions"]

NAME = "data"
ENTERED, REFUSED, WROTE, CLOSED = "entered", "refused", "wrote", "closed"
PATIENCE_S = 30
PAUSE_S = 0.002


def create_hdf5(path: Path | str, *, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
    """Make an HDF5 file with one chunked dataset of bytes, compressed with gzip, that holds zeros.

    Parameters
    ----------
    path : path-like
        The file, which must not be there.
    shape, chunks : tuple of int
        Elements of the dataset and of a chunk in each dimension.

    Raises
    ------
    FileExistsError
        If there is a file already.

    Examples
    --------
    >>> with TemporaryDirectory() as folder:
    ...     create_hdf5(f"{folder}/new.h5", shape=(4,), chunks=(2,))
    ...     read_hdf5(f"{folder}/new.h5").tolist()
    [0, 0, 0, 0]
    """
    import h5py

    with h5py.File(path, "x") as file:
        file.create_dataset(NAME, shape=shape, chunks=chunks, dtype="u1", compression="gzip")


def read_hdf5(path: Path | str) -> Any:
    """Read the dataset of a file that `create_hdf5` made.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    numpy.ndarray of uint8
        All of it.
    """
    import h5py

    with h5py.File(path, "r") as file:
        return file[NAME][...]


def write_hdf5_regions(
    writers: Writers, path: Path | str, regions: Sequence[Region], *, locking: bool = True
) -> Counter[str]:
    """Let each process open an HDF5 file, write its number into its region, and close the file, all at once.

    Parameters
    ----------
    writers : Writers
        The processes, from `helpers.parallel_writes.writer_processes`.
    path : path-like
        A file that `create_hdf5` made.
    regions : sequence of slice or tuple of slice
        The region of each process, one for each.
    locking : bool, default True
        Whether HDF5 locks the file for whoever writes to it, as it does by itself. The environment variable
        ``HDF5_USE_FILE_LOCKING`` is not heeded.

    Returns
    -------
    Counter of str
        How many processes have ``"wrote"``, and how many were ``"refused"`` when they opened the file.

    Raises
    ------
    ValueError
        If there are more or fewer regions than processes.
    RuntimeError
        If a process fails otherwise.

    Notes
    -----
    "At once" is arranged, so that every run is the same: nobody writes before all have tried to open the file; those
    who were let in write in the order of their names, and close it in this order after the last has written.

    Examples
    --------
    >>> from helpers.parallel_writes import writer_processes
    >>> with TemporaryDirectory() as folder, writer_processes(2) as writers:
    ...     create_hdf5(f"{folder}/two.h5", shape=(4,), chunks=(2,))
    ...     write_hdf5_regions(writers, f"{folder}/two.h5", [slice(0, 2), slice(2, 4)])
    Counter({'refused': 1, 'wrote': 1})
    """
    with TemporaryDirectory() as folder:
        target = _Target(Path(path), _Meeting(Path(folder), len(regions)), locking)
        writers.write(cast("zarr.Array[Any]", target), regions)
        return Counter({kind: len(target.meeting.names(kind)) for kind in (REFUSED, WROTE)})


@dataclass(frozen=True)
class _Meeting:
    """Where the processes leave marks for one another."""

    folder: Path
    parties: int

    def mark(self, kind: str) -> None:
        (self.folder / f"{kind} {_me()}").touch()

    def names(self, kind: str) -> list[str]:
        return sorted(mark.name.split()[1] for mark in self.folder.glob(f"{kind} *"))

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                msg = f"the other processes did not come within {PATIENCE_S} s"
                raise TimeoutError(msg)
            time.sleep(PAUSE_S)

    def wait_for_all(self) -> None:
        self.wait(lambda: len(self.names(ENTERED) + self.names(REFUSED)) == self.parties)

    def wait_for_turn(self, kind: str) -> None:
        before = {name for name in self.names(ENTERED) if name < _me()}
        self.wait(lambda: before <= set(self.names(kind)))


@dataclass(frozen=True)
class _Target:
    """What the processes are given in the place of an array."""

    path: Path
    meeting: _Meeting
    locking: bool

    def __setitem__(self, region: Region, number: int) -> None:
        # It would overrule what is asked for, and HDF5 looks at it when it is first imported.
        os.environ.pop("HDF5_USE_FILE_LOCKING", None)
        import h5py

        meeting = self.meeting
        try:
            file = h5py.File(self.path, "r+", locking=self.locking)
        except OSError:
            meeting.mark(REFUSED)
            return
        with file:
            meeting.mark(ENTERED)
            meeting.wait_for_all()
            meeting.wait_for_turn(WROTE)
            file[NAME][region] = number  # the chunk goes to the file at once, where it lies only when that is closed
            meeting.mark(WROTE)
            meeting.wait(lambda: meeting.names(WROTE) == meeting.names(ENTERED))
            meeting.wait_for_turn(CLOSED)
        meeting.mark(CLOSED)


def _me() -> str:
    return multiprocessing.current_process().name
