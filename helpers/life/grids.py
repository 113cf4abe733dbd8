"""Grids for Conway's Game of Life on a torus: known patterns, random cells, and the step to the next generation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["PATTERNS", "place", "random_grid", "step"]

# Run-length encoded, as https://conwaylife.com/wiki/Run_Length_Encoded has it: b is a dead cell, o a living one, $ ends
# a row, ! the pattern; a number repeats what follows.
PATTERNS = {
    "block": "2o$2o!",
    "beehive": "b2o$o2bo$b2o!",
    "blinker": "3o!",
    "toad": "b3o$3o!",
    "beacon": "2o$2o$2b2o$2b2o!",
    "pulsar": "2b3o3b3o2$o4bobo4bo$o4bobo4bo$o4bobo4bo$2b3o3b3o2$2b3o3b3o$o4bobo4bo$o4bobo4bo$o4bobo4bo2$2b3o3b3o!",
    "glider": "bo$2bo$3o!",
    "lightweight-spaceship": "bo2bo$o$o3bo$4o!",
    "gosper-gun": "24bo$22bobo$12b2o6b2o12b2o$11bo3bo4b2o12b2o$2o8bo5bo3b2o$2o8bo3bob2o4bobo$10bo5bo7bo$11bo3bo$12b2o!",
    "r-pentomino": "b2o$2o$bo!",
    "acorn": "bo$3bo$2o2b3o!",
    "diehard": "6bo$2o$bo3b3o!",
}


def step[Cell: (np.bool, np.uint8)](grid: npt.NDArray[Cell]) -> npt.NDArray[Cell]:
    """Compute the next generation of a grid whose edges meet.

    A cell is alive in the next generation if three of its eight neighbours are alive now, or if two are and the cell
    itself is.

    Parameters
    ----------
    grid : numpy.ndarray of bool or uint8
        The cells, of shape (rows, columns): true or 1 where alive.

    Returns
    -------
    numpy.ndarray
        A new grid of the same shape and dtype.

    Raises
    ------
    ValueError
        If `grid` is no array of bool or uint8 with two dimensions, has no cells, or holds other values than 0 and 1.

    Notes
    -----
    In a grid with fewer than three rows or columns a cell is its own neighbour, or is one twice, as the torus has it.
    ``benchmarks/life.py`` compares this with other ways to write it in NumPy.

    Examples
    --------
    >>> step(place(np.zeros((3, 5), "uint8"), "blinker"))
    array([[0, 0, 1, 0, 0],
           [0, 0, 1, 0, 0],
           [0, 0, 1, 0, 0]], dtype=uint8)
    """
    require_grid(grid)
    cells = np.ascontiguousarray(grid).view(np.uint8)
    around = _above_and_below(cells)
    threes = around + cells
    width = cells.shape[1]
    first = around[:, 0] + threes[:, -1] + threes[:, 1 % width]
    last = around[:, -1] + threes[:, -2 % width] + threes[:, 0]
    # One run through all rows is twice as fast as row by row. It takes the row before or after for the other end of
    # a row, in the first and last column: these are put right.
    around.reshape(-1)[1:] += threes.reshape(-1)[:-1]
    around.reshape(-1)[:-1] += threes.reshape(-1)[1:]
    around[:, 0], around[:, -1] = first, last
    # Three neighbours, or two and alive: only then are the bits of both together 0b11.
    around |= cells
    return np.equal(around, 3, out=around.view(np.bool)).view(grid.dtype)


def random_grid(shape: tuple[int, int], *, seed: int, density: float = 0.3) -> npt.NDArray[np.uint8]:
    """Fill a grid with cells that are alive by chance.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    seed : int
        The same seed gives the same grid.
    density : float, default 0.3
        The chance of each cell to be alive, from 0 to 1.

    Returns
    -------
    numpy.ndarray of uint8
        1 where a cell is alive, 0 where it is dead.

    Examples
    --------
    >>> random_grid((100, 100), seed=7).mean().round(2)
    np.float64(0.3)
    """
    return (np.random.default_rng(seed).random(shape) < density).astype(np.uint8)


def place[Cell: (np.bool, np.uint8)](
    grid: npt.NDArray[Cell], pattern: str, *, at: tuple[int, int] | None = None
) -> npt.NDArray[Cell]:
    """Draw a pattern into a copy of a grid.

    Parameters
    ----------
    grid : numpy.ndarray of bool or uint8
        The cells, of shape (rows, columns).
    pattern : str
        A name in `PATTERNS`, or any pattern in the same run-length encoding, as in ``"bo$2bo$3o!"``.
    at : tuple of int, optional
        Row and column of the pattern's upper left cell, on a torus: (-1, -1) is the last of each. Without it the
        pattern stands in the middle.

    Returns
    -------
    numpy.ndarray
        A new grid of the same shape and dtype. The whole rectangle of the pattern is drawn, dead cells too.

    Raises
    ------
    ValueError
        If `grid` is no grid, or `pattern` is unknown or larger than `grid`.

    Examples
    --------
    >>> place(np.zeros((3, 5), "uint8"), "blinker", at=(1, -1))
    array([[0, 0, 0, 0, 0],
           [1, 1, 0, 0, 1],
           [0, 0, 0, 0, 0]], dtype=uint8)
    """
    require_grid(grid)
    cells = _decode(PATTERNS.get(pattern, pattern))
    room = np.subtract(grid.shape, cells.shape)
    if min(room) < 0:
        msg = f"a pattern of {cells.shape} cells does not fit a grid of {grid.shape}. Give a larger grid."
        raise ValueError(msg)
    row, column = room // 2 if at is None else at
    # The grid is moved so that the pattern lies in its corner, and back.
    placed = np.roll(grid, (-row, -column), axis=(0, 1))
    placed[: cells.shape[0], : cells.shape[1]] = cells
    return np.roll(placed, (row, column), axis=(0, 1))


def require_grid(grid: npt.NDArray[np.generic]) -> None:
    """Raise ValueError unless an array is a grid of cells."""
    array = np.asarray(grid)
    if (
        array is not grid
        or array.ndim != 2
        or array.size == 0
        or array.dtype not in (bool, np.uint8)
        or array.max() > 1
    ):
        msg = (
            f"no grid of cells: a {type(grid).__name__} of {array.dtype}, shape {array.shape}. A grid is a NumPy array "
            "of bool or uint8, of shape (rows, columns), in which a dead cell is 0 and a living one 1."
        )
        raise ValueError(msg)


def _decode(rle: str) -> npt.NDArray[np.uint8]:
    letters = re.sub(r"(\d+)([bo$])", lambda run: int(run[1]) * run[2], rle.removesuffix("!"))
    if not letters or set(letters) - set("bo$"):
        msg = f"no pattern is called {rle!r}. There are {', '.join(PATTERNS)}; or give one in run-length encoding."
        raise ValueError(msg)
    rows = letters.split("$")
    width = max(map(len, rows))
    return np.array([[letter == "o" for letter in row.ljust(width, "b")] for row in rows], dtype=np.uint8)


def _above_and_below(cells: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height = len(cells)
    total = np.empty_like(cells)
    np.add(cells[:-2], cells[2:], out=total[1:-1])
    total[0] = cells[-1] + cells[1 % height]
    total[-1] = cells[-2 % height] + cells[0]
    return total
