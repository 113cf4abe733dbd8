"""Tests of helpers.life: the rule on the torus, and the grids it starts from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers.life import place, random_grid, require_cells, step

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    type Grid = npt.NDArray[np.uint8]

GRIDS = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 1))
NOT_GRIDS: list[tuple[Any, type[Exception], str]] = [
    ([[0, 1]], TypeError, "the grid is a list. It must be a NumPy array"),
    (np.zeros((3, 3)), TypeError, "the grid holds float64. It must hold bool or uint8: `grid.astype('uint8')`"),
    (np.zeros((3, 3), int), TypeError, "the grid holds int64"),
    (np.zeros(3, np.uint8), ValueError, "the grid has shape (3,). It needs two dimensions, rows and columns"),
    (np.zeros((2, 2, 2), bool), ValueError, "the grid has shape (2, 2, 2)"),
    (np.zeros((0, 4), bool), ValueError, "the grid has shape (0, 4)"),
    (np.array([[0, 255]], np.uint8), ValueError, "the grid holds 255. A cell is 0 (dead) or 1 (alive)"),
]


def by_loops(grid: Grid) -> Grid:
    """Compute the next generation cell by cell, from the words of the rule."""
    height, width = grid.shape
    following = np.zeros_like(grid)
    for row in range(height):
        for column in range(width):
            around = sum(
                int(grid[(row + i) % height, (column + j) % width])
                for i in (-1, 0, 1)
                for j in (-1, 0, 1)
                if (i, j) != (0, 0)
            )
            following[row, column] = around == 3 or (around == 2 and grid[row, column])
    return following


@given(GRIDS)
def test_a_step_is_what_the_rule_says(grid: Grid) -> None:
    """For all small shapes, in which a cell can be its own neighbour."""
    assert np.array_equal(step(grid), by_loops(grid))


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 3), (2, 2), (2, 3), (3, 2), (3, 3), (1, 6), (6, 1)])
def test_every_grid_of_a_small_shape_steps_as_the_rule_says(shape: tuple[int, int]) -> None:
    """All states of the shapes on which the torus wraps onto itself."""
    size = shape[0] * shape[1]
    for number in range(2**size):
        grid = np.array([number >> bit & 1 for bit in range(size)], np.uint8).reshape(shape)
        assert np.array_equal(step(grid), by_loops(grid))


@pytest.mark.parametrize("shape", [(37, 100), (64, 64), (1, 1000), (200, 2)])
def test_larger_grids_step_as_the_rule_says(shape: tuple[int, int]) -> None:
    """Over twenty generations, from a random grid."""
    grid = random_grid(shape, seed=7)
    for _ in range(2 if grid.size > 1000 else 20):
        following = step(grid)
        assert np.array_equal(following, by_loops(grid))
        grid = following


@given(GRIDS, st.integers(-9, 9), st.integers(-9, 9))
def test_the_torus_has_no_edge(grid: Grid, down: int, right: int) -> None:
    """A grid that is moved steps to what is moved."""
    moved = np.roll(grid, (down, right), axis=(0, 1))
    assert np.array_equal(step(moved), np.roll(step(grid), (down, right), axis=(0, 1)))


@pytest.mark.parametrize("turn", [np.flipud, np.fliplr, np.rot90, np.transpose])
@given(grid=GRIDS)
def test_no_direction_is_special(turn: Callable[[Grid], Grid], grid: Grid) -> None:
    """A grid that is reflected, rotated or transposed, without being copied, steps to what is."""
    assert np.array_equal(step(turn(grid)), turn(step(grid)))


@given(GRIDS)
def test_bool_and_uint8_agree(grid: Grid) -> None:
    """Each comes back as it was given, in a new array; what was given stays."""
    before = grid.copy()
    cells, truths = step(grid), step(grid.astype(bool))
    assert cells.dtype == np.uint8
    assert truths.dtype == np.bool
    assert np.array_equal(cells, truths)
    assert cells.max() <= 1
    assert not np.shares_memory(cells, grid)
    assert cells.flags.c_contiguous
    assert cells.flags.writeable
    assert np.array_equal(grid, before)


def test_a_step_reads_views_and_read_only_arrays() -> None:
    """Every second cell of a larger array, in Fortran order, not writeable."""
    large = np.asfortranarray(random_grid((20, 30), seed=7))
    view = large[::2, ::3]
    view.flags.writeable = False
    assert np.array_equal(step(view), step(view.copy()))


@pytest.mark.parametrize(("grid", "error", "message"), NOT_GRIDS)
@pytest.mark.parametrize("use", [require_cells, step, lambda grid: place(grid, "#")])
def test_what_is_no_grid_is_refused(
    use: Callable[[Any], object], grid: Any, error: type[Exception], message: str
) -> None:
    """The error names what was given and what is needed."""
    with pytest.raises(error, match=re.escape(message)):
        use(grid)


def test_a_random_grid_is_made_by_its_seed() -> None:
    """The same for the same seed, about as dense as asked for."""
    grid = random_grid((200, 300), seed=7, density=0.2)
    assert grid.shape == (200, 300)
    assert grid.dtype == np.uint8
    assert np.array_equal(grid, random_grid((200, 300), seed=7, density=0.2))
    assert not np.array_equal(grid, random_grid((200, 300), seed=8, density=0.2))
    assert grid.mean() == pytest.approx(0.2, abs=0.01)


def test_a_random_grid_may_be_empty_or_full() -> None:
    """At the ends of what is allowed."""
    assert random_grid((30, 30), seed=7, density=0).sum() == 0
    assert random_grid((30, 30), seed=7, density=1).sum() == 900


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"shape": (0, 5)}, ValueError, "shape=(0, 5) is not allowed. It must be rows and columns, each 1 or more"),
        ({"shape": (5,)}, ValueError, "shape=(5,)"),
        ({"shape": 5}, ValueError, "shape=5"),
        ({"shape": (5.0, 5)}, ValueError, "shape=(5.0, 5)"),
        ({"seed": -1}, ValueError, "seed=-1 is not allowed. It must be 0 or more"),
        ({"seed": "x"}, TypeError, "seed='x' is a str"),
        ({"density": 1.5}, ValueError, "density=1.5 is not allowed. It must be from 0 to 1"),
        ({"density": float("nan")}, ValueError, "density=nan"),
        ({"density": "half"}, TypeError, "density='half' is a str"),
    ],
)
def test_a_random_grid_that_makes_no_sense_is_refused(
    wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The error names the value and what is allowed."""
    right: dict[str, Any] = {"shape": (5, 5), "seed": 7}
    with pytest.raises(error, match=re.escape(message)):
        random_grid(**right | wrong)


@given(GRIDS, st.integers(-20, 20), st.integers(-20, 20))
@example(np.zeros((1, 1), np.uint8), 0, 0)
def test_a_pattern_wraps_around_the_torus(grid: Grid, row: int, column: int) -> None:
    """What is placed at a place is what is placed at the origin of the moved grid; the given grid stays."""
    picture = "#." if grid.shape[1] > 1 else "#"
    before = grid.copy()
    placed = place(grid, picture, at=(row, column))
    moved = np.roll(grid, (-row, -column), axis=(0, 1))
    moved[0, : len(picture)] = [letter == "#" for letter in picture]
    assert np.array_equal(placed, np.roll(moved, (row, column), axis=(0, 1)))
    assert np.array_equal(grid, before)
    assert not np.shares_memory(placed, grid)


def test_a_pattern_is_placed_in_the_middle_and_keeps_the_dtype() -> None:
    """Without a place, in a grid of bool; the whole picture counts, its dead cells too."""
    placed = place(np.ones((4, 5), bool), "#.#")
    assert placed.dtype == np.bool
    assert placed.tolist() == [[True] * 5, [True, True, False, True, True], [True] * 5, [True] * 5]


@pytest.mark.parametrize("shape", [(2, 3), (3, 2)])
def test_a_pattern_that_does_not_fit_is_refused(shape: tuple[int, int]) -> None:
    """It would overlap itself."""
    with pytest.raises(ValueError, match=re.escape(f"(3, 3) cells does not fit a grid of {shape}")):
        place(np.zeros(shape, np.uint8), "glider")


@pytest.mark.parametrize("at", [(1,), (1, 2, 3), 1, (0.5, 1)])
def test_a_place_that_is_none_is_refused(at: Any) -> None:
    """It takes a row and a column."""
    with pytest.raises(ValueError, match=re.escape(f"at={at} is not allowed. It must be a row and a column")):
        place(np.zeros((5, 5), np.uint8), "glider", at=at)
