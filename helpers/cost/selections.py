"""Reads layouts and selections as zarr does, and counts the cells of a grid that a selection touches.

All of it is arithmetic on one dimension at a time: its cost does not grow with the array. What is selected in one
dimension is a `range`, or a tuple of indices where they were listed. Only points (`vindex`) are looked at one by one.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from types import EllipsisType
from typing import TYPE_CHECKING, Literal, NamedTuple, SupportsIndex

import numpy as np
from zarr.core.indexing import normalize_integer_selection, replace_ellipsis
from zarr.errors import NegativeStepError

from helpers.units import is_integer

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "Grid",
    "Indexer",
    "Picks",
    "Selection",
    "Sizes",
    "count_covered",
    "count_touched",
    "parse_blocks",
    "parse_grid",
    "parse_orthogonal",
    "parse_points",
    "parse_selection",
]

type Sizes = int | Iterable[int]
type Selector = SupportsIndex | slice | EllipsisType | npt.ArrayLike
type Selection = Selector | tuple[Selector, ...]
type Indexer = Literal["basic", "oindex", "vindex", "blocks"]
type Picks = tuple[range | tuple[int, ...], ...]


class Grid(NamedTuple):
    """Hold how an array is cut up: elements in each dimension, and bytes of one element."""

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    itemsize: int

    @property
    def chunk_nbytes(self) -> int:
        """Bytes of one chunk, which zarr always stores at full size."""
        return math.prod(self.chunks) * self.itemsize


def parse_grid(shape: Sizes, dtype: npt.DTypeLike, *, chunks: Sizes, shards: Sizes | None) -> Grid:
    """Read what `zarr.create_array` would be given; -1 for `chunks` or `shards` is a whole dimension.

    Raises
    ------
    TypeError
        If a size is not an integer, or `dtype` has no fixed size.
    ValueError
        If a size is out of range, the numbers of dimensions differ, or `chunks` do not divide `shards`.

    Examples
    --------
    >>> parse_grid(100, "f4", chunks=(10,), shards=None)
    Grid(shape=(100,), chunks=(10,), shards=None, itemsize=4)
    """
    lengths = _integers(shape)
    if any(length < 0 for length in lengths):
        msg = f"shape={lengths} has a negative length. Lengths are 0 or more."
        raise ValueError(msg)
    inner = _sizes("chunks", chunks, lengths)
    outer = None if shards is None else _sizes("shards", shards, lengths)
    if outer is not None and any(shard % chunk for shard, chunk in zip(outer, inner, strict=True)):
        msg = f"shards={outer} are not divisible by chunks={inner}. A shard holds whole chunks."
        raise ValueError(msg)
    kind = np.dtype(dtype)
    if kind.hasobject or kind.kind == "T" or kind.itemsize == 0:
        msg = f"dtype={dtype!r} has no fixed size, so its bytes cannot be known beforehand. Give one that has."
        raise TypeError(msg)
    return Grid(lengths, inner, outer, kind.itemsize)


def _integers(sizes: Sizes) -> tuple[int, ...]:
    return tuple(operator.index(size) for size in (sizes if isinstance(sizes, Iterable) else (sizes,)))


def _sizes(name: str, sizes: Sizes, shape: tuple[int, ...]) -> tuple[int, ...]:
    given = _integers(sizes) if isinstance(sizes, Iterable) else _integers(sizes) * len(shape)
    if len(given) != len(shape):
        msg = f"{name}={given} has {len(given)} dimensions but shape={shape} has {len(shape)}."
        raise ValueError(msg)
    if any(size < 1 and size != -1 for size in given):
        msg = f"{name}={given} is out of range. Sizes must be positive, or -1 for a whole dimension."
        raise ValueError(msg)
    return tuple(max(length, 1) if size == -1 else size for size, length in zip(given, shape, strict=True))


def parse_selection(selection: Selection, shape: tuple[int, ...]) -> tuple[range, ...]:
    """Read a basic selection as an array of this shape would: what is selected in each dimension.

    Raises
    ------
    IndexError, TypeError, ValueError
        As zarr does: out of bounds, too many indices, a negative step, or neither an integer nor a slice.

    Examples
    --------
    >>> parse_selection(np.s_[-1, ..., ::4], (10, 20, 30))
    (range(9, 10), range(0, 20), range(0, 30, 4))
    """
    each = zip(replace_ellipsis(selection, shape), shape, strict=True)
    return tuple(_pick(item, length) for item, length in each)


def parse_orthogonal(selection: Selection, shape: tuple[int, ...]) -> Picks:
    """Read what stands between the brackets of `oindex`: in each dimension an integer, a slice, a list or a mask.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `parse_selection`; or a mask is not as long as its dimension.

    Examples
    --------
    >>> parse_orthogonal(([5, -1, 5], np.s_[:4]), (10, 20))
    ((5, 9, 5), range(0, 4))
    """
    each = zip(replace_ellipsis(selection, shape), shape, strict=True)
    return tuple(_pick(item, n) if _is_basic(item) else tuple(_indices(item, n).tolist()) for item, n in each)


def parse_points(selection: Selection, shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Read what stands between the brackets of `vindex`: lists of indices, one for each dimension, or one mask.

    Returns
    -------
    numpy.ndarray
        One row for each point, one column for each dimension.

    Raises
    ------
    IndexError
        If a point is out of bounds, or there is not one list for each dimension.

    Examples
    --------
    >>> parse_points(([5, 5, -1], [0, 2, 4]), (10, 20)).tolist()
    [[5, 0], [5, 2], [9, 4]]
    """
    given = selection if isinstance(selection, tuple) else (selection,)
    mask = np.asarray(given[0])
    if len(given) == 1 and mask.shape == shape and mask.dtype == bool:
        return np.argwhere(mask)
    if len(given) != len(shape):
        msg = f"vindex takes one list for each of {len(shape)} dimensions, or one mask of shape {shape}."
        raise IndexError(msg)
    columns = [_indices(item, length) for item, length in zip(given, shape, strict=True)]
    return np.stack([column.ravel() for column in np.broadcast_arrays(*columns)], axis=1)


def parse_blocks(selection: Selection, grid: Grid) -> tuple[range, ...]:
    """Read what stands between the brackets of `blocks`: numbers of chunks, or of shards where there are some.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `parse_selection`, for blocks instead of elements; or a step is not 1.

    Examples
    --------
    >>> parse_blocks(np.s_[-1, 1:3], parse_grid((25, 100), "f4", chunks=(10, 10), shards=None))
    (range(20, 25), range(10, 30))
    """
    sizes = grid.shards or grid.chunks
    blocks = parse_selection(selection, tuple(-(-n // size) for n, size in zip(grid.shape, sizes, strict=True)))
    if any(block.step != 1 for block in blocks):
        msg = "blocks takes slices of step 1 only."
        raise IndexError(msg)
    each = zip(blocks, sizes, grid.shape, strict=True)
    return tuple(range(block.start * size, min(block.stop * size, length)) for block, size, length in each)


def _is_basic(item: object) -> bool:
    return isinstance(item, slice) or is_integer(item)


def _indices(item: object, length: int) -> npt.NDArray[np.intp]:
    """Read a list of indices, or a mask, of one dimension."""
    listed = np.asarray(item)
    if listed.dtype == bool:
        if listed.shape != (length,):
            msg = f"a mask of shape {listed.shape} does not fit a dimension of length {length}."
            raise IndexError(msg)
        return np.flatnonzero(listed)
    if listed.dtype.kind not in "iu" and listed.size:
        msg = f"{item!r} is neither an integer, nor a slice, nor a list of integers, nor a mask."
        raise IndexError(msg)
    if np.any((listed < -length) | (listed >= length)):
        msg = f"an index is out of bounds for a dimension of length {length}."
        raise IndexError(msg)
    return np.where(listed < 0, listed + length, listed).astype(np.intp)


def _pick(item: object, length: int) -> range:
    if isinstance(item, slice):
        picks = range(length)[item]
        if picks.step < 1:
            msg = f"{item}: only slices with step >= 1 are supported. Reverse afterwards."
            raise NegativeStepError(msg)
        return picks
    if not is_integer(item):
        msg = f"{item!r} is neither an integer nor a slice. For lists and masks, give `indexer`."
        raise IndexError(msg)
    index = normalize_integer_selection(item, length)  # type: ignore[arg-type] # is_integer has seen to it
    return range(int(index), int(index) + 1)


def count_touched(picks: range | tuple[int, ...], size: int) -> int:
    """Count the cells of a regular grid in which elements are selected.

    Examples
    --------
    >>> count_touched(range(0, 10**9, 2), 10), count_touched(range(3, 64, 20), 10), count_touched((7, 5, 41), 10)
    (100000000, 4, 2)
    """
    if isinstance(picks, tuple):
        return len({element // size for element in picks})
    if not picks or picks.step > size:
        return len(picks)  # each element is in a cell of its own
    return picks[-1] // size - picks[0] // size + 1


def count_covered(picks: range, size: int, *, limit: int) -> int:
    """Count the cells of a regular grid of which zarr knows that a write covers them.

    The last cell may end early, at `limit`. With a step, zarr takes no cell to be covered, not even one of a single
    element.

    Examples
    --------
    >>> count_covered(range(25), 10, limit=25), count_covered(range(25), 10, limit=30)
    (3, 2)
    """
    if not picks or picks.step > 1:
        return 0
    full = picks.stop // size - -(-picks.start // size)
    ends_early = picks.stop % size != 0 and picks.stop >= limit and picks.start <= picks.stop // size * size
    return max(full, 0) + ends_early
