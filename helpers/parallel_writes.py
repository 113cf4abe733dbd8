"""Writes regions of one array from several processes at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from multiprocessing.synchronize import Lock

    import zarr

__all__ = ["Writers", "writer_processes"]

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
