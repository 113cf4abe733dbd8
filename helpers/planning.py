"""Predicts the requests and bytes of a read or a write from an array's metadata alone.

Nothing is read and nothing is enumerated: the plan for an array with 10⁸ chunks takes microseconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from helpers.grids import parse_grid
from helpers.plans import ReadPlan, WritePlan
from helpers.selections import count_covered, count_touched, parse_selection
from helpers.shards import index_nbytes, read_shards

if TYPE_CHECKING:
    import numpy.typing as npt

    from helpers.grids import Grid, Sizes
    from helpers.selections import Picks, Selection

__all__ = ["plan_picks", "plan_read", "plan_write"]


def plan_read(
    shape: Sizes, dtype: npt.DTypeLike, chunks: Sizes, selection: Selection, *, shards: Sizes | None = None
) -> ReadPlan:
    """Predict what zarr will ask of a store to read `array[selection]`.

    Parameters
    ----------
    shape, chunks : int or tuple of int
        Elements of the array and of a chunk in each dimension.
    dtype : dtype-like
        Data type of fixed size.
    selection : int, slice, Ellipsis or tuple of these
        What stands between the brackets; `numpy.s_` writes it down.
    shards : int or tuple of int, optional
        Elements of a shard in each dimension, if the array has shards.

    Returns
    -------
    ReadPlan
        Chunks, objects, requests and bytes; time and price on request.

    Raises
    ------
    IndexError
        If the selection is out of bounds, has too many indices or a negative step, or is not basic.
    TypeError
        If a size is not an integer, or `dtype` has no fixed size.
    ValueError
        If sizes are out of range, differ in rank, or `chunks` do not divide `shards`; or a step is 0.

    Notes
    -----
    Exact for zarr 3.4's default pipeline, an array that is open and written in full, and no compression. With
    compression, fewer bytes come back, and those of a shard perhaps in fewer requests. Chunks that were never
    written are requests all the same, of 0 bytes.

    The time taken does not depend on the size of the array, but on how many patterns a step longer than a
    chunk makes in the shards of each dimension.

    Examples
    --------
    >>> import numpy as np
    >>> plan_read((200, 200, 200), "f8", (1, 200, 200), np.s_[:, 0, 0])
    <ReadPlan: 200 requests for 200 chunks in 200 objects, 64.0 MB read for 1.6 kB needed (40,000x)>
    >>> plan_read((200, 200, 200), "f8", (20, 20, 20), np.s_[:, 0, 0], shards=(200, 200, 200))
    <ReadPlan: 4 requests for 10 chunks in 1 object, 1.4 MB read for 1.6 kB needed (890x)>
    """
    grid = parse_grid(shape, dtype, chunks=chunks, shards=shards)
    return plan_picks(parse_selection(selection, grid.shape), grid)


def plan_picks(picks: tuple[Picks, ...], grid: Grid) -> ReadPlan:
    """Predict a read as `plan_read` does, from what is parsed already.

    Parameters
    ----------
    picks : tuple of Picks
        What is selected in each dimension.
    grid : Grid
        How the array is cut up.

    Returns
    -------
    ReadPlan
        The same.

    Examples
    --------
    >>> plan_picks(parse_selection(0, (100,)), parse_grid(100, "u1", chunks=10, shards=None))
    <ReadPlan: 1 request for 1 chunk in 1 object, 10 B read for 1 B needed (10x)>
    """
    touched = _touched(picks, grid.chunks)
    needed = math.prod(pick.count for pick in picks) * grid.itemsize
    if grid.shards is None or touched == 0:
        return ReadPlan(
            chunks=touched,
            objects=touched,
            requests=touched,
            nbytes_read=touched * grid.chunk_nbytes,
            nbytes_needed=needed,
            round_trips=touched,
        )
    reads = read_shards(picks, grid)
    return ReadPlan(
        chunks=touched,
        objects=_touched(picks, grid.shards),
        requests=reads.requests,
        nbytes_read=reads.nbytes,
        nbytes_needed=needed,
        round_trips=reads.round_trips,
    )


def plan_write(
    shape: Sizes,
    dtype: npt.DTypeLike,
    chunks: Sizes,
    selection: Selection,
    *,
    shards: Sizes | None = None,
    fresh: bool = False,
) -> WritePlan:
    """Predict what zarr will ask of a store to write `array[selection] = …`.

    Parameters
    ----------
    shape, dtype, chunks, selection, shards
        As for `plan_read`.
    fresh : bool, default False
        Whether nothing has been written yet, so that what is read first is not there: requests without bytes.

    Returns
    -------
    WritePlan
        Chunks, objects, requests and bytes; time and price on request.

    Raises
    ------
    IndexError, TypeError, ValueError
        As for `plan_read`.

    Notes
    -----
    Exact under the conditions of `plan_read`, for values other than the fill value: a chunk that is nothing
    but fill is deleted rather than written.

    An object that is written in part is read in full first. A chunk at the array's edge that is written up
    to the edge is not, but a shard that reaches beyond the edge is read whatever is written to it, and so
    is everything that is written with a step.

    Examples
    --------
    >>> import numpy as np
    >>> plan_write((100, 100), "f4", (10, 100), np.s_[:20])
    <WritePlan: 0 reads (0 B), 2 writes (8.0 kB) for 2 chunks in 2 objects, 8.0 kB given (1x)>
    >>> plan_write((100, 100), "f4", (10, 100), np.s_[5:20])
    <WritePlan: 1 read (4.0 kB), 2 writes (8.0 kB) for 2 chunks in 2 objects, 6.0 kB given (2x)>
    """
    grid = parse_grid(shape, dtype, chunks=chunks, shards=shards)
    picks = parse_selection(selection, grid.shape)
    stored = grid.shards or grid.chunks
    objects, covered = _touched(picks, stored), _covered(picks, grid)
    kept = _stored_nbytes(picks, grid)
    full = _object_nbytes(math.prod(stored) // math.prod(grid.chunks), grid)
    touched = _touched(picks, grid.chunks)
    overhead = objects * _object_nbytes(0, grid)
    return WritePlan(
        chunks=touched,
        objects=objects,
        reads=objects - covered,
        writes=objects,
        nbytes_read=0 if fresh else kept - covered * full,
        nbytes_written=touched * grid.chunk_nbytes + overhead if fresh else kept,
        nbytes_given=math.prod(pick.count for pick in picks) * grid.itemsize,
        round_trips=2 * objects - covered,
    )


def _touched(picks: tuple[Picks, ...], sizes: tuple[int, ...]) -> int:
    return math.prod(count_touched(pick, size) for pick, size in zip(picks, sizes, strict=True))


def _covered(picks: tuple[Picks, ...], grid: Grid) -> int:
    # zarr takes a chunk to end where the array does, but a shard where it is stored to end.
    if grid.shards is None:
        cells = zip(picks, grid.chunks, grid.shape, strict=True)
    else:
        ends = [-(-length // size) * size for length, size in zip(grid.shape, grid.shards, strict=True)]
        cells = zip(picks, grid.shards, ends, strict=True)
    return math.prod(count_covered(pick, size, limit=limit) for pick, size, limit in cells)


def _stored_nbytes(picks: tuple[Picks, ...], grid: Grid) -> int:
    """Count the bytes of all objects that are touched, if the array is written in full."""
    objects = _touched(picks, grid.shards or grid.chunks)
    if grid.shards is None or objects == 0:
        return objects * grid.chunk_nbytes
    present = 1
    for pick, chunk, shard, length in zip(picks, grid.chunks, grid.shards, grid.shape, strict=True):
        in_last = -(-(length - pick.last // shard * shard) // chunk)
        present *= (count_touched(pick, shard) - 1) * (shard // chunk) + min(shard // chunk, in_last)
    return present * grid.chunk_nbytes + objects * _object_nbytes(0, grid)


def _object_nbytes(chunks: int, grid: Grid) -> int:
    if grid.shards is None:
        return chunks * grid.chunk_nbytes
    return chunks * grid.chunk_nbytes + index_nbytes(math.prod(grid.shards) // math.prod(grid.chunks))
