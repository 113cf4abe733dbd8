"""Tests of helpers.append: every value in one block, every chunk in one task."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.append import Block, cut, run


@settings(max_examples=50)
@given(
    places=st.sets(st.integers(0, 30), max_size=12).map(sorted),
    begin=st.integers(0, 30),
    chunk=st.tuples(st.integers(1, 9), st.integers(1, 4)),
    axis=st.integers(0, 1),
)
def test_blocks_cover_each_place_once(places: list[int], begin: int, chunk: tuple[int, int], axis: int) -> None:
    """Each step falls into one block, no chunk has two, and all from the beginning of the new on are touched."""
    shape, grid = ((31, 4), chunk) if axis == 0 else ((4, 31), chunk[::-1])
    blocks = cut(shape, grid, axis=axis, places=np.array(places, np.int64), begin=begin)
    assert len({tuple(s.start for s in block.window) for block in blocks}) == len(blocks)
    first = [block for block in blocks if block.window[1 - axis].start == 0]
    assert [int(place) for block in first for place in block.places] == places
    touched = {place for block in first for place in range(*block.window[axis].indices(31))}
    assert touched >= {*places, *range(begin, 31)}
    for block in blocks:
        assert all(block.window[axis].start <= place < block.window[axis].stop for place in block.places)
        assert len(block.places) == block.source[axis].stop - block.source[axis].start


@pytest.mark.parametrize("lazy", [False, True])
def test_tasks_get_the_values_of_their_block(lazy: bool) -> None:
    """In threads or in Dask, each task gets what belongs to it, and None where nothing does."""
    places = np.array([1, 2, 7, 11])
    values = np.arange(4 * 6).reshape(4, 6)
    variable = xr.Variable(("t", "x"), values)
    variable = variable.chunk({"t": 3, "x": 4}) if lazy else variable
    target = np.full((12, 6), -1)

    def write(part: np.ndarray | None, block: Block) -> int:
        if part is None:
            assert not block.places.size
            return 0
        target[block.places, block.window[1]] = part
        return part.size

    sizes = run([(variable, cut((12, 6), (4, 2), axis=0, places=places, begin=9), write)])
    assert sorted(sizes) == [2] * 6 + [4] * 3
    assert (target[places] == values).all()
    assert (target == -1).sum() == 8 * 6


def test_an_error_stops_what_has_not_begun() -> None:
    """The first error is raised, and does not wait for a thousand tasks."""
    began = []
    guard = threading.Lock()

    def fail(_: object, block: Block) -> None:
        with guard:
            began.append(block)
        time.sleep(0.005)
        msg = "disk full"
        raise OSError(msg)

    blocks = cut((1000, 1), (1, 1), axis=0, places=np.arange(1000))
    with pytest.raises(OSError, match="disk full"):
        run([(xr.Variable(("t", "x"), np.zeros((1000, 1))), blocks, fail)])
    assert len(began) < 500


def test_what_is_in_memory_is_handed_over_in_fewer_parts() -> None:
    """Neighbouring chunks that are filled become one block; those that are not, or stand apart, do not."""
    places = np.array([1, *range(2, 9), 12, 13, 14])
    blocks = cut((15, 4), (2, 2), axis=0, places=places, begin=11, together=True)
    windows = [(block.window[0].start, block.window[0].stop, block.window[1].stop) for block in blocks]
    assert windows == [(0, 2, 2), (0, 2, 4), (2, 8, 4), (8, 10, 2), (8, 10, 4), (10, 12, 2), (10, 12, 4), (12, 15, 4)]
