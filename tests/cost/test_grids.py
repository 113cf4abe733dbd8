"""Tests of helpers.cost: layouts are read as zarr reads them. Its errors are compared in test_planning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr

from helpers.cost import parse_grid


@pytest.mark.parametrize("chunks", [3, (3, 4), [3, 4], (-1, 4), -1, (20, 30)])
def test_chunks_are_read_as_zarr_reads_them(chunks: Any) -> None:
    """One int for all, -1 for a whole dimension, larger than the array."""
    array: Any = zarr.create_array({}, shape=(10, 8), dtype="f4", chunks=chunks)
    assert parse_grid((10, 8), "f4", chunks=chunks, shards=None).chunks == array.chunks


@pytest.mark.parametrize(("dtype", "itemsize"), [("f4", 4), (np.int16, 2), (np.dtype("M8[s]"), 8), ("S5", 5)])
def test_types_of_fixed_size_are_known(dtype: Any, itemsize: int) -> None:
    """Whatever NumPy takes for a type."""
    assert parse_grid(1, dtype, chunks=1, shards=None).itemsize == itemsize


@pytest.mark.parametrize("dtype", [object, np.dtypes.StringDType(), "S0"])
def test_types_without_a_fixed_size_are_refused(dtype: Any) -> None:
    """Their bytes cannot be known beforehand."""
    with pytest.raises(TypeError, match="has no fixed size"):
        parse_grid(1, dtype, chunks=1, shards=None)


def test_an_error_says_what_would_do() -> None:
    """A shard holds whole chunks."""
    with pytest.raises(ValueError, match=r"10 % 3 is not 0 in dimension 1. .*: 12 would do"):
        parse_grid((9, 10), "u1", chunks=3, shards=(9, 10))
