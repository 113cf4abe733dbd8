"""Shapes, chunks and shards, checked; what stands between the brackets, and the chunks it touches.

Reads the shape, data type, chunks and shards of an array as `zarr.create_array` does.

Reads a selection as zarr does, and counts the cells of a grid that it touches.

All of it is arithmetic on one dimension at a time: its cost does not grow with the array.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, NamedTuple, SupportsIndex

import numpy as np
from zarr.errors import BoundsCheckError, NegativeStepError

from helpers.units import is_integer

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "Grid",
    "Picks",
    "Selection",
    "Sizes",
    "count_covered",
    "count_touched",
    "parse_grid",
    "parse_selection",
]


type Sizes = int | Iterable[int]


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
    """Read what `zarr.create_array` would be given.

    Parameters
    ----------
    shape, chunks, shards : int or iterable of int
        Elements in each dimension. An int for `chunks` or `shards` holds for every dimension, -1 is a whole
        one.
    dtype : dtype-like
        Data type of fixed size.

    Returns
    -------
    Grid
        The same, checked.

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
    lengths = _integers("shape", shape)
    if any(length < 0 for length in lengths):
        msg = f"shape={lengths} has a negative length. Lengths are 0 or more."
        raise ValueError(msg)
    inner = _sizes("chunks", chunks, lengths)
    outer = None if shards is None else _sizes("shards", shards, lengths)
    for axis, (shard, chunk) in enumerate(zip(outer or (), inner, strict=False)):
        if shard % chunk:
            msg = (
                f"shards={outer} are not divisible by chunks={inner}: {shard} % {chunk} is not 0 in "
                f"dimension {axis}. A shard holds whole chunks: {-(-shard // chunk) * chunk} would do."
            )
            raise ValueError(msg)
    return Grid(lengths, inner, outer, _itemsize(dtype))


def _integers(name: str, sizes: Sizes) -> tuple[int, ...]:
    given = tuple(sizes) if isinstance(sizes, Iterable) else (sizes,)
    if isinstance(sizes, str) or not all(is_integer(size) for size in given):
        msg = f"{name}={sizes!r} is not made of integers. Give one for each dimension, such as (100, 100)."
        raise TypeError(msg)
    return tuple(int(size) for size in given)


def _sizes(name: str, sizes: Sizes, shape: tuple[int, ...]) -> tuple[int, ...]:
    given = _integers(name, sizes)
    if not isinstance(sizes, Iterable):
        given *= len(shape)
    if len(given) != len(shape):
        msg = f"{name}={given} has {len(given)} dimensions but shape={shape} has {len(shape)}."
        raise ValueError(msg)
    if any(size < 1 and size != -1 for size in given):
        msg = f"{name}={given} is out of range. Sizes must be positive, or -1 for a whole dimension."
        raise ValueError(msg)
    return tuple(max(length, 1) if size == -1 else size for size, length in zip(given, shape, strict=True))


def _itemsize(dtype: npt.DTypeLike) -> int:
    kind = np.dtype(dtype)
    if kind.hasobject or kind.kind in "OT" or kind.itemsize == 0:
        msg = f"dtype={dtype!r} has no fixed size, so its bytes cannot be known beforehand. Give one that has."
        raise TypeError(msg)
    return kind.itemsize


type Selector = SupportsIndex | slice | EllipsisType
type Selection = Selector | tuple[Selector, ...]


@dataclass(frozen=True)
class Picks:
    """Hold what is selected in one dimension: `count` elements, from `first`, each `step` further."""

    first: int
    count: int
    step: int

    @property
    def last(self) -> int:
        """The last element selected, if any is."""
        return self.first + (self.count - 1) * self.step


def parse_selection(selection: Selection, shape: tuple[int, ...]) -> tuple[Picks, ...]:
    """Read a basic selection as an array of this shape would.

    Parameters
    ----------
    selection : int, slice, Ellipsis or tuple of these
        What stands between the brackets of `array[…]`.
    shape : tuple of int
        Elements in each dimension.

    Returns
    -------
    tuple of Picks
        What is selected in each dimension.

    Raises
    ------
    zarr.errors.BoundsCheckError
        If an integer is out of bounds (an `IndexError`).
    zarr.errors.NegativeStepError
        If a step is negative (an `IndexError`).
    IndexError
        If there are too many indices or ellipses, or one is neither an integer nor a slice.
    ValueError
        If a step is 0.

    Examples
    --------
    >>> import numpy as np
    >>> parse_selection(np.s_[-1, ..., ::4], (10, 20, 30))
    (Picks(first=9, count=1, step=1), Picks(first=0, count=20, step=1), Picks(first=0, count=8, step=4))
    """
    selectors = selection if isinstance(selection, tuple) else (selection,)
    dots = [place for place, item in enumerate(selectors) if item is Ellipsis]
    given = len(selectors) - len(dots)
    if len(dots) > 1:
        msg = f"{selection!r} holds {len(dots)} ellipses. An index can only have a single ellipsis ('...')."
        raise IndexError(msg)
    if given > len(shape):
        msg = f"too many indices for array: {selection!r} holds {given} for {len(shape)} dimensions."
        raise IndexError(msg)
    place = dots[0] if dots else len(selectors)
    whole: tuple[Selector, ...] = (slice(None),) * (len(shape) - given)
    each = selectors[:place] + whole + selectors[place + 1 :]
    return tuple(_pick(item, length, axis) for axis, (item, length) in enumerate(zip(each, shape, strict=True)))


def count_touched(picks: Picks, size: int) -> int:
    """Count the cells of a regular grid in which elements are selected.

    Parameters
    ----------
    picks : Picks
        What is selected.
    size : int
        Elements in a cell.

    Returns
    -------
    int
        Cells that hold one at least.

    Examples
    --------
    >>> count_touched(Picks(first=0, count=10**8, step=2), 10)
    20000000
    >>> count_touched(Picks(first=3, count=4, step=20), 10)
    4
    """
    if picks.count == 0 or picks.step > size:
        return picks.count  # each element is in a cell of its own
    return picks.last // size - picks.first // size + 1


def count_covered(picks: Picks, size: int, *, limit: int) -> int:
    """Count the cells of a regular grid of which zarr knows that a write covers them.

    Parameters
    ----------
    picks : Picks
        What is written.
    size : int
        Elements in a cell.
    limit : int
        Where the last cell may end early.

    Returns
    -------
    int
        Cells that need not be read before they are written.

    Notes
    -----
    With a step, zarr takes no cell to be covered, not even one of a single element.

    Examples
    --------
    >>> whole = Picks(first=0, count=25, step=1)
    >>> count_covered(whole, 10, limit=25), count_covered(whole, 10, limit=30)
    (3, 2)
    """
    if picks.count == 0 or picks.step > 1:
        return 0
    stop = picks.first + picks.count
    full = stop // size - -(-picks.first // size)
    ends_early = stop % size != 0 and stop >= limit and picks.first <= stop // size * size
    return max(full, 0) + ends_early


def _pick(item: Selector, length: int, axis: int) -> Picks:
    if isinstance(item, slice):
        start, stop, step = item.indices(length)
        if step < 1:
            msg = f"{item} in dimension {axis}: only slices with step >= 1 are supported. Reverse afterwards."
            raise NegativeStepError(msg)
        return Picks(start, len(range(start, stop, step)), step)
    if not is_integer(item):
        msg = (
            f"unsupported selection item {item!r} in dimension {axis}: expected integer, slice or Ellipsis, "
            f"got {type(item).__name__}. Lists, arrays and masks are not planned for."
        )
        raise IndexError(msg)
    index = int(item)  # type: ignore[arg-type]
    if not -length <= index < length:
        msg = f"index {index} out of bounds for dimension {axis} with length {length}."
        raise BoundsCheckError(msg)
    return Picks(index % length, 1, 1)
