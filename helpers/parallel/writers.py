"""Processes that write one array, or one HDF5 file, at once.

Writes regions of one array from several processes at once.

Lets several processes write one HDF5 file at once, as they would a Zarr array, and says what became of each.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from multiprocessing.synchronize import Lock

    import zarr

__all__ = ["Writers", "create_hdf5", "read_hdf5", "write_hdf5_regions", "writer_processes"]


PATIENCE_S = 60
READY = "ready"

type Region = slice | tuple[slice, ...]


@dataclass(frozen=True, repr=False)
class Writers:
    """Processes that wait for something to write."""

    _children: list[SpawnProcess]
    _wires: list[Connection]

    def __repr__(self) -> str:
        return f"<Writers: {len(self._wires)} processes>"

    @property
    def pids(self) -> list[int]:
        """The numbers of the processes."""
        return [child.pid or 0 for child in self._children]

    def write(self, array: zarr.Array[Any], regions: Sequence[Region], *, lock: bool = False) -> None:
        """Let each process write its number, 1 for the first, into its region, all at once.

        Parameters
        ----------
        array : zarr.Array
            The array, in a store that other processes can reach: not in a `MemoryStore`.
        regions : sequence of slice or tuple of slice
            The region of each process, one for each.
        lock : bool, default False
            Whether they share a lock, which each holds for as long as it writes.

        Raises
        ------
        ValueError
            If there are more or fewer regions than processes.
        RuntimeError
            If a process fails, ends, or takes longer than a minute.
        """
        if len(regions) != len(self._wires):
            msg = f"{len(regions)} regions for {len(self._wires)} processes: give each process one"
            raise ValueError(msg)
        for wire, region in zip(self._wires, regions, strict=True):
            with contextlib.suppress(OSError):  # one that has ended does not answer either, and is told below
                wire.send((array, region, lock))
        failures = [failure for wire in self._wires if (failure := _answer(wire)) is not None]
        if failures:
            msg = f"{len(failures)} of {len(regions)} processes failed to write. The first one says: {failures[0]}"
            raise RuntimeError(msg)


@contextlib.contextmanager
def writer_processes(number: int) -> Iterator[Writers]:
    """Start processes that write, and end them at the end of a `with` block.

    Parameters
    ----------
    number : int
        How many, at least 1.

    Yields
    ------
    Writers
        The processes, which are ready by now. Their names, `writer-1` and so on, rise with their numbers.

    Raises
    ------
    ValueError
        If `number` is below 1.
    RuntimeError
        If one of them does not start.

    Notes
    -----
    Each is a fresh Python (spawned, not forked) that takes about a second to start. It ends with the block, or
    as soon as the Python that started it is gone, however that one ended.

    Examples
    --------
    >>> import tempfile, zarr
    >>> with tempfile.TemporaryDirectory() as folder, writer_processes(2) as writers:
    ...     z = zarr.create_array(folder, shape=4, chunks=2, dtype="u1")
    ...     writers.write(z, [slice(0, 2), slice(2, 4)])
    ...     z[:].tolist()
    [1, 1, 2, 2]
    """
    require_number("number", number, ok=lambda n: n >= 1, allowed="1 or more")
    context = multiprocessing.get_context("spawn")
    lock = context.Lock()
    with contextlib.ExitStack() as stack:
        children: list[SpawnProcess] = []
        wires: list[Connection] = []
        stack.callback(_end, children, wires)
        for n in range(1, number + 1):
            ours, theirs = context.Pipe()
            child = context.Process(target=_serve, args=(n, theirs, lock), name=f"writer-{n:03}", daemon=True)
            child.start()
            theirs.close()
            children.append(child)
            wires.append(ours)
        for wire in wires:
            _require_ready(wire)
        yield Writers(children, wires)


def _serve(number: int, wire: Connection, lock: Lock) -> None:
    """Write what is asked for until nobody is there to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the button that interrupts a notebook is not for us
    import zarr  # noqa: F401 -- now rather than at the first array

    with contextlib.suppress(EOFError, OSError):
        wire.send(READY)
        while True:
            array, region, locked = wire.recv()
            wire.send(_write(array, region, number=number, lock=lock if locked else contextlib.nullcontext()))


def _write(
    array: zarr.Array[Any], region: Region, *, number: int, lock: contextlib.AbstractContextManager[object]
) -> str | None:
    """Write, and return what went wrong."""
    try:
        with lock:
            array[region] = number
    except Exception as error:  # whatever it is, the one who asked has to hear of it
        return f"{type(error).__name__}: {error}"
    return None


def _answer(wire: Connection) -> str | None:
    if not wire.poll(PATIENCE_S):
        return f"it does not answer after {PATIENCE_S} s"
    try:
        answer: str | None = wire.recv()
    except (EOFError, OSError):
        return "it has ended"
    return answer


def _require_ready(wire: Connection) -> None:
    answer = _answer(wire)
    if answer != READY:
        msg = f"a writer process does not start: {answer}"
        raise RuntimeError(msg)


def _end(children: list[SpawnProcess], wires: list[Connection]) -> None:
    for wire in wires:
        wire.close()
    for child in children:
        child.join(PATIENCE_S)
        if child.is_alive():
            child.kill()
            child.join()
        child.close()


NAME = "data"
ENTERED, REFUSED, WROTE, CLOSED = "entered", "refused", "wrote", "closed"
BARRIER_TIMEOUT_S = 30
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
        The processes, from `helpers.parallel.writer_processes`.
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
    >>> from helpers.parallel import writer_processes
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
        deadline = time.monotonic() + BARRIER_TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline:
                msg = f"the other processes did not come within {BARRIER_TIMEOUT_S} s"
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
