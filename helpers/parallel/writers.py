"""Processes that write one Zarr array, or one HDF5 file, at once: what becomes of it, with a lock and without."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from multiprocessing.synchronize import Barrier, Lock
    from pathlib import Path

    import zarr

__all__ = ["Writers", "create_hdf5", "read_hdf5", "write_hdf5_regions", "writer_processes"]

TIMEOUT_S = 60
NAME = "data"

type Region = slice | tuple[slice, ...]


@dataclass(frozen=True, repr=False)
class Writers:
    """Processes that wait for something to write."""

    _children: list[SpawnProcess]
    _pipes: list[Connection]

    def __repr__(self) -> str:
        return f"<Writers: {len(self._pipes)} processes>"

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
        self._ask(_Process.write, regions, array, lock)

    def _ask(self, task: Callable[..., str], regions: Sequence[Region], *arguments: object) -> list[str]:
        """Let each process do a task in its region, and return what they answer."""
        if len(regions) != len(self._pipes):
            msg = f"{len(regions)} regions for {len(self._pipes)} processes: give each process one"
            raise ValueError(msg)
        for pipe, region in zip(self._pipes, regions, strict=True):
            with contextlib.suppress(OSError):  # one that has ended does not answer either, and is told below
                pipe.send((task, region, *arguments))
        answers = [_answer(pipe) for pipe in self._pipes]
        if failures := [answer for answer in answers if isinstance(answer, _Failure)]:
            msg = f"{len(failures)} of {len(regions)} processes failed to write. The first one says: {failures[0]}"
            raise RuntimeError(msg)
        return answers


@contextlib.contextmanager
def writer_processes(number: int) -> Iterator[Writers]:
    """Start processes that write, and end them at the end of a `with` block.

    Parameters
    ----------
    number : int
        How many.

    Yields
    ------
    Writers
        The processes, which are ready by now. Their names, `writer-1` and so on, rise with their numbers.

    Raises
    ------
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
    context = multiprocessing.get_context("spawn")
    lock, barrier = context.Lock(), context.Barrier(number, timeout=TIMEOUT_S)
    with contextlib.ExitStack() as stack:
        children: list[SpawnProcess] = []
        pipes: list[Connection] = []
        stack.callback(_end, children, pipes)
        for n in range(1, number + 1):
            ours, theirs = context.Pipe()
            served = _Process(n, lock, barrier)
            child = context.Process(target=_serve, args=(served, theirs), name=f"writer-{n:03}", daemon=True)
            child.start()
            theirs.close()
            children.append(child)
            pipes.append(ours)
        for pipe in pipes:
            if isinstance(answer := _answer(pipe), _Failure):
                msg = f"a writer process does not start: {answer}"
                raise RuntimeError(msg)
        yield Writers(children, pipes)


class _Failure(str):
    """What went wrong in a process."""

    __slots__ = ()


@dataclass(frozen=True)
class _Process:
    """What a process that writes knows, and what it can do."""

    number: int
    lock: Lock
    barrier: Barrier

    def write(self, region: Region, array: zarr.Array[Any], locked: bool) -> str:
        with self.lock if locked else contextlib.nullcontext():
            array[region] = self.number
        return "wrote"

    def write_hdf5(self, region: Region, path: Path | str, locking: bool) -> str:
        # It would overrule what is asked for, and HDF5 looks at it when it is first imported.
        os.environ.pop("HDF5_USE_FILE_LOCKING", None)
        import h5py

        try:
            file = h5py.File(path, "r+", locking=locking)
        except OSError:
            file = None
        self.barrier.wait()  # all have tried to open it
        for turn in range(1, self.barrier.parties + 1):
            if file and turn == self.number:
                file[NAME][region] = self.number  # in the file once it is closed, where it was when that was opened
            self.barrier.wait()
        for turn in range(1, self.barrier.parties + 1):
            if file and turn == self.number:
                file.close()
            self.barrier.wait()
        return "wrote" if file is not None else "refused"


def _serve(process: _Process, pipe: Connection) -> None:
    """Do what is asked for until nobody is there to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the button that interrupts a notebook is not for us
    import zarr  # noqa: F401 -- now rather than at the first array

    with contextlib.suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            task, *arguments = pipe.recv()
            try:
                answer = task(process, *arguments)
            except Exception as error:  # whatever it is, the one who asked has to hear of it
                answer = _Failure(f"{type(error).__name__}: {error}")
            pipe.send(answer)


def _answer(pipe: Connection) -> str:
    if not pipe.poll(TIMEOUT_S):
        return _Failure(f"it does not answer after {TIMEOUT_S} s")
    try:
        answer: str = pipe.recv()
    except (EOFError, OSError):
        return _Failure("it has ended")
    return answer


def _end(children: list[SpawnProcess], pipes: list[Connection]) -> None:
    for pipe in pipes:
        pipe.close()
    for child in children:
        child.join(TIMEOUT_S)
        if child.is_alive():
            child.kill()
            child.join()
        child.close()


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
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
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
    who were let in write in the order of their numbers, and close it in this order after the last has written.

    Examples
    --------
    >>> from helpers.parallel import writer_processes
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, writer_processes(2) as writers:
    ...     create_hdf5(f"{folder}/two.h5", shape=(4,), chunks=(2,))
    ...     write_hdf5_regions(writers, f"{folder}/two.h5", [slice(0, 2), slice(2, 4)])
    Counter({'refused': 1, 'wrote': 1})
    """
    answers = Counter(writers._ask(_Process.write_hdf5, regions, path, locking))
    return Counter({kind: answers[kind] for kind in ("refused", "wrote")})
