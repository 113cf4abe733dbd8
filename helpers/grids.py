"""Reads the shape, data type, chunks and shards of an array as `zarr.create_array` does."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Grid", "Sizes", "is_integer", "parse_grid"]

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


def is_integer(value: object) -> bool:
    """Say whether a value is an integer, of Python or NumPy, and not a truth value.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        Whether it is.

    Examples
    --------
    >>> is_integer(3), is_integer(np.uint8(3)), is_integer(True), is_integer(3.0)
    (True, True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


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
