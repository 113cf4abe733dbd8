"""Tests of helpers.cost.selections: layouts and selections are read as zarr does. Errors are compared in test_plans."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.cost.selections import count_covered, count_touched, parse_grid, parse_selection

EXAMPLES = int(os.environ.get("PLAN_EXAMPLES", "60"))
PICKS = st.builds(range, st.integers(0, 50), st.integers(50, 200), st.integers(1, 30))


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


@pytest.mark.parametrize(
    ("selection", "picks"),
    [
        ((), (range(10), range(4))),
        (..., (range(10), range(4))),
        (np.s_[-1], (range(9, 10), range(4))),
        (np.s_[..., np.uint8(3)], (range(10), range(3, 4))),
        (np.s_[1, ..., 2], (range(1, 2), range(2, 3))),
        (np.s_[-3:99:2], (range(7, 10, 2), range(4))),
        (np.s_[8:2], (range(0), range(4))),
    ],
)
def test_a_selection_is_read_dimension_by_dimension(selection: Any, picks: tuple[range, ...]) -> None:
    """Negative indices, an ellipsis, and what is left out."""
    assert parse_selection(selection, (10, 4)) == picks


@settings(max_examples=EXAMPLES)
@given(PICKS, st.integers(1, 20))
def test_cells_are_counted_as_if_one_by_one(picks: range, size: int) -> None:
    """The formula against the set of cells."""
    assert count_touched(picks, size) == len({element // size for element in picks})


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 50), st.integers(0, 40), st.integers(1, 20), st.integers(0, 10))
def test_covered_cells_are_counted_as_if_one_by_one(first: int, count: int, size: int, beyond: int) -> None:
    """A cell that the limit cuts off needs to be written up to the limit only."""
    limit = first + count + beyond
    written = set(range(first, first + count))
    cells = [range(start, min(start + size, limit)) for start in range(0, limit, size)]
    covered = sum(bool(cell) and written.issuperset(cell) for cell in cells)
    assert count_covered(range(first, first + count), size, limit=limit) == covered
