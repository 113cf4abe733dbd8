"""Cuts a piece of an archive along the archive's chunks, and gives each part to one task.

One chunk is one task, whatever falls into it: new steps, late ones, and places that stay empty. Two tasks never
write the same chunk, so none loses what another wrote, and each holds no more than its chunk. Only of values that
are in memory anyway zarr gets many chunks in one task, which it does quicker. Values in memory or in a file go
through a few threads more than there are processors, Dask arrays through Dask's own scheduler, in one go for all
variables, so that a file which holds several is read once.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from dask.base import compute
from dask.delayed import delayed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt
    import xarray as xr

    from helpers.append_axis import Positions

    type Values = npt.NDArray[np.generic]

__all__ = ["Block", "Job", "cut", "run"]


@dataclass(frozen=True, kw_only=True)
class Block:
    """Say what of a piece falls into one chunk of the archive.

    Parameters
    ----------
    window : tuple of slice
        The chunk's part of the archive, in each dimension; along the axis up to the archive's end.
    axis : int
        The dimension along which the archive grows.
    source : tuple of slice
        The part of the piece; empty along the axis where nothing of it falls into the chunk.
    places : array of int64
        Positions along the axis, one for each step of that part.
    """

    window: tuple[slice, ...]
    axis: int
    source: tuple[slice, ...]
    places: Positions


type Job[T] = tuple[xr.Variable, Sequence[Block], Callable[[Values | None, Block], T]]


def cut(
    shape: tuple[int, ...],
    grid: tuple[int, ...],
    *,
    axis: int,
    places: Positions,
    begin: int | None = None,
    together: bool = False,
) -> list[Block]:
    """Return a block for each chunk that a piece touches.

    Parameters
    ----------
    shape : tuple of int
        Sizes of the archive's array.
    grid : tuple of int
        Sizes of its chunks, or of its shards if it has them.
    axis : int
        The dimension along which it grows.
    places : array of int64, shape (steps,)
        Ascending positions of the steps of the piece.
    begin : int, optional
        The position from which on every place counts as touched, whether or not a step comes to it.
    together : bool, default False
        Put neighbouring chunks that the piece fills into one block.

    Returns
    -------
    list of Block
        The blocks, those with nothing of the piece included.

    Examples
    --------
    >>> for block in cut((5, 4), (3, 4), axis=0, places=np.array([2, 4])):
    ...     print(block.window[0], block.source[0], block.places)
    slice(0, 3, None) slice(0, 1, None) [2]
    slice(3, 5, None) slice(1, 2, None) [4]
    """
    new = np.arange(shape[axis] if begin is None else begin, shape[axis], dtype=np.int64)
    touched = np.unique(np.concatenate([places, new]) // grid[axis]) * grid[axis]
    windows = [slice(int(start), min(int(start) + grid[axis], shape[axis])) for start in touched]
    blocks = []
    for window, filled in _joined(windows, places) if together else [(window, False) for window in windows]:
        first, last = map(int, np.searchsorted(places, [window.start, window.stop]))
        across = [
            [slice(0, length)] if filled else [slice(at, min(at + size, length)) for at in range(0, length, size)]
            for length, size in zip(shape, grid, strict=True)
        ]
        across[axis] = [window]
        for each in itertools.product(*across):
            source = (*each[:axis], slice(first, last), *each[axis + 1 :])
            blocks.append(Block(window=each, axis=axis, source=source, places=places[first:last]))
    return blocks


def _joined(windows: list[slice], places: Positions) -> list[tuple[slice, bool]]:
    """Return windows along the axis, filled neighbours as one, each with whether it is filled."""
    joined: list[tuple[slice, bool]] = []
    for window in windows:
        first, last = np.searchsorted(places, [window.start, window.stop])
        filled = bool(last - first == window.stop - window.start)
        if filled and joined and joined[-1][1] and joined[-1][0].stop == window.start:
            joined[-1] = slice(joined[-1][0].start, window.stop), True
        else:
            joined.append((window, filled))
    return joined


def run[T](jobs: Sequence[Job[T]]) -> list[T]:
    """Run one task for each block of each job.

    Parameters
    ----------
    jobs : sequence of (xarray.Variable, sequence of Block, callable)
        Values with one step for each place, the blocks that they were cut into, and the task: it is given the
        values of the block, None if it has none, and the block.

    Returns
    -------
    list
        What the tasks returned, in no particular order.

    Raises
    ------
    Exception
        The first that a task raised. Tasks that had not begun are not run then.
    """
    in_dask: list[Any] = []
    calls: list[Callable[[], T]] = []
    for variable, blocks, task in jobs:
        # Not `variable.data`, which would read a whole file to answer.
        lazy = variable.chunks is not None
        if lazy:
            in_dask += _delayed(variable, [block for block in blocks if block.places.size], task)
        calls += [_call(variable, block, task) for block in blocks if not (lazy and block.places.size)]
    results: list[T] = list(compute(*in_dask)) if in_dask else []  # type: ignore[no-untyped-call]
    return results + _in_threads(calls)


def _call[T](variable: xr.Variable, block: Block, task: Callable[[Values | None, Block], T]) -> Callable[[], T]:
    return lambda: task(variable[block.source].values if block.places.size else None, block)


def _in_threads[T](calls: list[Callable[[], T]]) -> list[T]:
    if len(calls) == 1:
        return [calls[0]()]
    pool = ThreadPoolExecutor()
    try:
        return list(pool.map(lambda call: call(), calls))
    finally:
        pool.shutdown(cancel_futures=True)


def _delayed[T](variable: xr.Variable, blocks: list[Block], task: Callable[[Values | None, Block], T]) -> Iterator[Any]:
    starts = [sorted({block.source[axis].start for block in blocks}) for axis in range(variable.ndim)]
    sizes = [np.diff([*starts[axis], length]) for axis, length in enumerate(variable.shape)]
    chunks = {dim: tuple(map(int, size)) for dim, size in zip(variable.dims, sizes, strict=True)}
    # Not optimized one by one: what several variables have in common would be done for each of them.
    parts = variable.chunk(chunks).data.to_delayed(optimize_graph=False)
    job = delayed(task, pure=False, traverse=False)
    for block in blocks:
        place = tuple(each.index(s.start) for each, s in zip(starts, block.source, strict=True))
        yield job(parts[place], delayed(block, traverse=False))
