"""Tests of helpers.life.grids: the rule on the torus, known patterns, and the grids it starts from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers.life import place, random_grid, step

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    type Grid = npt.NDArray[np.uint8]

GRIDS = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 1))
NOT_GRIDS: list[tuple[Any, str]] = [
    ([[0, 1]], "a list of int64, shape (1, 2)"),
    (np.zeros((3, 3)), "a ndarray of float64"),
    (np.zeros(3, np.uint8), "shape (3,)"),
    (np.zeros((0, 4), bool), "shape (0, 4)"),
    (np.array([[0, 255]], np.uint8), "in which a dead cell is 0 and a living one 1"),
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


def alone(name: str, side: int) -> Grid:
    """Return a square grid with one pattern in the middle."""
    return place(np.zeros((side, side), np.uint8), name)


def after(grid: Grid, steps: int) -> Grid:
    """Return the grid that many steps later."""
    for _ in range(steps):
        grid = step(grid)
    return grid


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
    before.flags.writeable = grid.flags.writeable = False
    cells, truths = step(grid), step(grid.astype(bool))
    assert [cells.dtype, truths.dtype] == ["uint8", "bool"]
    assert np.array_equal(cells, truths)
    assert not np.shares_memory(cells, grid)
    assert cells.flags.c_contiguous
    assert cells.flags.writeable
    assert np.array_equal(grid, before)


@pytest.mark.parametrize(("grid", "message"), NOT_GRIDS)
@pytest.mark.parametrize("use", [step, lambda grid: place(grid, "o!")])
def test_what_is_no_grid_is_refused(use: Callable[[Any], object], grid: Any, message: str) -> None:
    """The error names what was given and what is needed."""
    with pytest.raises(ValueError, match=re.escape(message)):
        use(grid)


def test_a_random_grid_is_made_by_its_seed() -> None:
    """The same for the same seed, about as dense as asked for."""
    grid = random_grid((200, 300), seed=7, density=0.2)
    assert grid.shape == (200, 300)
    assert grid.dtype == np.uint8
    assert np.array_equal(grid, random_grid((200, 300), seed=7, density=0.2))
    assert not np.array_equal(grid, random_grid((200, 300), seed=8, density=0.2))
    assert grid.mean() == pytest.approx(0.2, abs=0.01)


@given(GRIDS, st.integers(-20, 20), st.integers(-20, 20))
@example(np.zeros((1, 1), np.uint8), 0, 0)
def test_a_pattern_wraps_around_the_torus(grid: Grid, row: int, column: int) -> None:
    """What is placed at a place is what is placed at the origin of the moved grid; the given grid stays."""
    cells = [1, 0] if grid.shape[1] > 1 else [1]
    before = grid.copy()
    placed = place(grid, "ob!" if len(cells) == 2 else "o!", at=(row, column))
    moved = np.roll(grid, (-row, -column), axis=(0, 1))
    moved[0, : len(cells)] = cells
    assert np.array_equal(placed, np.roll(moved, (row, column), axis=(0, 1)))
    assert np.array_equal(grid, before)
    assert not np.shares_memory(placed, grid)


def test_a_pattern_is_placed_in_the_middle_and_keeps_the_dtype() -> None:
    """Without a place, in a grid of bool; the whole rectangle counts, its dead cells too.

    Dead cells at the end of a row of run lengths are left out, and an empty row is one more ``$``.
    """
    rows = [[0, 0, 1, 1], [1, 0, 0, 1], [0, 0, 0, 1], [0, 1, 1, 1]]
    assert place(np.ones((4, 4), np.uint8), "2bo$o2$b2o!", at=(0, 0)).tolist() == rows
    placed = place(np.ones((4, 5), bool), "obo!")
    assert placed.dtype == np.bool
    assert placed.tolist() == [[True] * 5, [True, True, False, True, True], [True] * 5, [True] * 5]


@pytest.mark.parametrize("shape", [(2, 3), (3, 2)])
def test_a_pattern_that_does_not_fit_is_refused(shape: tuple[int, int]) -> None:
    """It would overlap itself."""
    with pytest.raises(ValueError, match=re.escape(f"(3, 3) cells does not fit a grid of {shape}")):
        place(np.zeros(shape, np.uint8), "glider")


@pytest.mark.parametrize("pattern", ["glidr", "", "!", "2x"])
def test_an_unknown_name_is_told_the_known_ones(pattern: str) -> None:
    """And how else to give a pattern."""
    with pytest.raises(ValueError, match=r"no pattern is called .* There are block, .*diehard; or give one in run-len"):
        place(np.zeros((9, 9), np.uint8), pattern)


@pytest.mark.parametrize(
    ("name", "period"), [("block", 1), ("beehive", 1), ("blinker", 2), ("toad", 2), ("beacon", 2), ("pulsar", 3)]
)
def test_still_lives_and_oscillators_come_back(name: str, period: int) -> None:
    """After its period a pattern is as it was, and not before."""
    first = alone(name, 20)
    same = [np.array_equal(after(first, age), first) for age in range(1, period + 1)]
    assert same == [False] * (period - 1) + [True]


@pytest.mark.parametrize(("name", "way"), [("glider", (1, 1)), ("lightweight-spaceship", (0, -2))])
@given(row=st.integers(-20, 20), column=st.integers(-20, 20))
def test_spaceships_move_every_four_steps(name: str, way: tuple[int, int], row: int, column: int) -> None:
    """Wherever they begin, over the edges too."""
    grid = place(np.zeros((11, 13), np.uint8), name, at=(row, column))
    assert np.array_equal(after(grid, 4), np.roll(grid, way, axis=(0, 1)))


def test_the_gun_shoots_a_glider_every_thirty_steps() -> None:
    """The gun itself comes back, and five more cells are alive."""
    first = grid = place(np.zeros((100, 100), np.uint8), "gosper-gun", at=(5, 5))
    for shot in range(1, 5):
        grid = after(grid, 30)
        assert np.array_equal(grid[5:14, 5:41], first[5:14, 5:41])
        assert grid.sum() == first.sum() + 5 * shot


@pytest.mark.parametrize(
    ("name", "side", "populations"),
    [
        ("r-pentomino", 640, {0: 5, 1102: 118, 1103: 116, 1104: 116}),  # stable from 1103 on, 6 gliders among them
        ("diehard", 100, {0: 7, 129: 2, 130: 0}),
        ("acorn", 300, {0: 7, 1: 8, 2: 10}),  # it grows for 5206 steps, too long for a test
    ],
)
def test_small_patterns_live_as_long_as_they_are_known_to(name: str, side: int, populations: dict[int, int]) -> None:
    """Their populations after some steps."""
    grid, age = alone(name, side), 0
    for at, cells in populations.items():
        grid, age = after(grid, at - age), at
        assert grid.sum() == cells
