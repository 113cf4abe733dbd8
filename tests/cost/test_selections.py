"""Tests of helpers.cost: what is picked, touched and covered. Errors are compared in test_planning."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.cost import Picks, count_covered, count_touched, parse_selection

EXAMPLES = int(os.environ.get("PLAN_EXAMPLES", "200"))
PICKS = st.builds(Picks, first=st.integers(0, 50), count=st.integers(0, 40), step=st.integers(1, 30))


@pytest.mark.parametrize(
    ("selection", "picks"),
    [
        ((), [(0, 10, 1), (0, 4, 1)]),
        (..., [(0, 10, 1), (0, 4, 1)]),
        (np.s_[-1], [(9, 1, 1), (0, 4, 1)]),
        (np.s_[..., np.uint8(3)], [(0, 10, 1), (3, 1, 1)]),
        (np.s_[1, ..., 2], [(1, 1, 1), (2, 1, 1)]),
        (np.s_[-3:99:2], [(7, 2, 2), (0, 4, 1)]),
        (np.s_[8:2], [(8, 0, 1), (0, 4, 1)]),
    ],
)
def test_a_selection_is_read_dimension_by_dimension(selection: Any, picks: list[tuple[int, int, int]]) -> None:
    """Negative indices, an ellipsis, and what is left out."""
    assert parse_selection(selection, (10, 4)) == tuple(Picks(*each) for each in picks)


@settings(max_examples=EXAMPLES, deadline=None)
@given(PICKS, st.integers(1, 20))
def test_cells_are_counted_as_if_one_by_one(picks: Picks, size: int) -> None:
    """The formula against the set of cells."""
    elements = [picks.first + turn * picks.step for turn in range(picks.count)]
    assert count_touched(picks, size) == len({element // size for element in elements})


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 50), st.integers(0, 40), st.integers(1, 20), st.integers(0, 10))
def test_covered_cells_are_counted_as_if_one_by_one(first: int, count: int, size: int, beyond: int) -> None:
    """A cell that the limit cuts off needs to be written up to the limit only."""
    limit = first + count + beyond
    written = set(range(first, first + count))
    cells = [range(start, min(start + size, limit)) for start in range(0, limit, size)]
    covered = sum(bool(cell) and written.issuperset(cell) for cell in cells)
    assert count_covered(Picks(first, count, 1), size, limit=limit) == covered
