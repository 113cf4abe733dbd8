"""Tests of helpers.life: the well-known patterns do what they are known for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.life import PATTERNS, draw, place, step


def alone(name: str, side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a square grid with one pattern in the middle."""
    return place(np.zeros((side, side), np.uint8), name)


def populations(name: str, *, side: int, at: list[int]) -> list[int]:
    """Return how many cells are alive in some generations of a pattern."""
    grid, counts = alone(name, side), []
    for age in range(max(at) + 1):
        if age in at:
            counts.append(int(grid.sum()))
        grid = step(grid)
    return counts


@pytest.mark.parametrize(
    ("name", "period"), [("block", 1), ("beehive", 1), ("blinker", 2), ("toad", 2), ("beacon", 2), ("pulsar", 3)]
)
def test_still_lives_and_oscillators_come_back(name: str, period: int) -> None:
    """After its period a pattern is as it was, and not before."""
    first = grid = alone(name, 20)
    for age in range(1, period + 1):
        grid = step(grid)
        assert np.array_equal(grid, first) == (age == period)


@pytest.mark.parametrize(("name", "way"), [("glider", (1, 1)), ("lightweight-spaceship", (0, -2))])
@given(row=st.integers(-20, 20), column=st.integers(-20, 20))
def test_spaceships_move_every_four_steps(name: str, way: tuple[int, int], row: int, column: int) -> None:
    """Wherever they begin, over the edges too."""
    first = grid = place(np.zeros((11, 13), np.uint8), name, at=(row, column))
    for _ in range(4):
        grid = step(grid)
    assert np.array_equal(grid, np.roll(first, way, axis=(0, 1)))


def test_the_gun_shoots_a_glider_every_thirty_steps() -> None:
    """The gun itself comes back, and five more cells are alive."""
    gun = draw("gosper-gun")
    grid = place(np.zeros((100, 100), np.uint8), "gosper-gun", at=(5, 5))
    for age in range(121):
        if age % 30 == 0:
            assert np.array_equal(grid[5:14, 5:41], gun)
            assert grid.sum() == gun.sum() + 5 * (age // 30)
        grid = step(grid)


def test_small_patterns_live_as_long_as_they_are_known_to() -> None:
    """The R-pentomino has 116 cells from step 1103 on (6 gliders among them); diehard dies at step 130."""
    assert populations("r-pentomino", side=640, at=[0, 1102, 1103, 1104]) == [5, 118, 116, 116]
    assert populations("diehard", side=100, at=[0, 129, 130]) == [7, 2, 0]


def test_the_acorn_is_drawn_as_known() -> None:
    """It grows for 5206 steps, which is too long for a test: its cells, and those of some generations."""
    assert populations("acorn", side=300, at=[0, 1, 2]) == [7, 8, 10]


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_are_pictures_of_two_letters(name: str) -> None:
    """Lines of one length, neither more lines nor more columns than there are living cells for."""
    lines = PATTERNS[name].split("\n")
    assert {cell for line in lines for cell in line} <= set(".#")
    cells = draw(name)
    assert cells.shape == (len(lines), len(lines[0]))
    assert all(edge.any() for edge in (cells[0], cells[-1], cells[:, 0], cells[:, -1]))


def test_a_picture_may_be_indented_and_drawn_with_the_letter_o() -> None:
    """As pictures are found on the web, and written in code."""
    picture = """
        .O.
        ..O
        OOO
    """
    assert np.array_equal(draw(picture), draw("glider"))


@pytest.mark.parametrize("pattern", ["glidr", "", "  \n", "#x#"])
def test_an_unknown_name_is_told_the_known_ones(pattern: str) -> None:
    """And how to draw a picture."""
    with pytest.raises(ValueError, match=r"no pattern is called .* There are block, beehive, .*diehard; or draw one"):
        draw(pattern)


def test_a_ragged_picture_is_refused() -> None:
    """A missing cell is not guessed."""
    with pytest.raises(ValueError, match=r"lines of the picture have \[3, 2\] cells"):
        draw("###\n##")
