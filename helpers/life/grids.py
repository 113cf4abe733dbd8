"""Conway's Game of Life on a torus: patterns, grids and steps.

Draws well-known patterns of Conway's Game of Life, and others from a picture.

Makes grids of cells for Conway's Game of Life, and the generation that follows one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from helpers.units import is_integer, require_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["PATTERNS", "draw", "place", "random_grid", "require_cells", "step"]


_PICTURES = {
    "block": """
##
##
""",
    "beehive": """
.##.
#..#
.##.
""",
    "blinker": """
###
""",
    "toad": """
.###
###.
""",
    "beacon": """
##..
##..
..##
..##
""",
    "pulsar": """
..###...###..
.............
#....#.#....#
#....#.#....#
#....#.#....#
..###...###..
.............
..###...###..
#....#.#....#
#....#.#....#
#....#.#....#
.............
..###...###..
""",
    "glider": """
.#.
..#
###
""",
    "lightweight-spaceship": """
.#..#
#....
#...#
####.
""",
    "gosper-gun": """
........................#...........
......................#.#...........
............##......##............##
...........#...#....##............##
##........#.....#...##..............
##........#...#.##....#.#...........
..........#.....#.......#...........
...........#...#....................
............##......................
""",
    "r-pentomino": """
.##
##.
.#.
""",
    "acorn": """
.#.....
...#...
##..###
""",
    "diehard": """
......#.
##......
.#...###
""",
}

# For each name its picture: one line a row, "#" where a cell is alive and "." where it is dead.
PATTERNS: Mapping[str, str] = {name: picture.strip() for name, picture in _PICTURES.items()}


def draw(pattern: str) -> npt.NDArray[np.uint8]:
    """Turn a pattern into cells.

    Parameters
    ----------
    pattern : str
        A name in `PATTERNS`, or a picture: one line a row, ``#`` or ``O`` where a cell is alive and ``.`` where it is
        dead.

    Returns
    -------
    numpy.ndarray of uint8
        A new array as large as the picture: 1 where a cell is alive, 0 where it is dead.

    Raises
    ------
    ValueError
        If `pattern` is neither a name nor a picture, or the lines of the picture differ in length.

    Examples
    --------
    >>> draw("glider")
    array([[0, 1, 0],
           [0, 0, 1],
           [1, 1, 1]], dtype=uint8)
    """
    lines = PATTERNS.get(pattern, pattern).split()
    if not lines or set("".join(lines)) - set(".#O"):
        msg = (
            f"no pattern is called {pattern!r}. There are {', '.join(PATTERNS)}; or draw one: a line for each row, "
            f"of '#' (alive) and '.' (dead)."
        )
        raise ValueError(msg)
    if len({len(line) for line in lines}) > 1:
        msg = f"the lines of the picture have {[len(line) for line in lines]} cells. Give all of them the same number."
        raise ValueError(msg)
    return np.array([[cell != "." for cell in line] for line in lines], dtype=np.uint8)


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
    TypeError, ValueError
        If `grid` is no array of bool or uint8 with two dimensions, has no cells, or holds other values than 0 and 1.

    Notes
    -----
    In a grid with fewer than three rows or columns a cell is its own neighbour, or is one twice, as the torus has it.
    ``benchmarks/life.py`` compares this with other ways to write it in NumPy.

    Examples
    --------
    >>> blinker = place(np.zeros((3, 5), "uint8"), "blinker")
    >>> step(blinker)
    array([[0, 0, 1, 0, 0],
           [0, 0, 1, 0, 0],
           [0, 0, 1, 0, 0]], dtype=uint8)
    """
    require_cells(grid)
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
        Rows and columns, each at least 1.
    seed : int
        The same seed gives the same grid.
    density : float, default 0.3
        The chance of each cell to be alive, from 0 to 1.

    Returns
    -------
    numpy.ndarray of uint8
        1 where a cell is alive, 0 where it is dead.

    Raises
    ------
    TypeError
        If `seed` or `density` is not a number.
    ValueError
        If `shape`, `seed` or `density` is out of range.

    Examples
    --------
    >>> grid = random_grid((100, 100), seed=7)
    >>> grid.mean().round(2)
    np.float64(0.3)
    """
    _require_pair("shape", shape, least=1, allowed="rows and columns, each 1 or more")
    require_number("seed", seed, ok=lambda n: n >= 0, allowed="0 or more")
    require_number("density", density, ok=lambda x: 0 <= x <= 1, allowed="from 0 to 1")
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
        A name or a picture, as `helpers.life.draw` takes them.
    at : tuple of int, optional
        Row and column of the pattern's upper left cell, on a torus: (-1, -1) is the last of each. Without it the
        pattern stands in the middle.

    Returns
    -------
    numpy.ndarray
        A new grid of the same shape and dtype. The whole rectangle of the picture is drawn, dead cells too.

    Raises
    ------
    TypeError
        If `grid` is neither bool nor uint8.
    ValueError
        If `grid` is no grid, `pattern` is unknown, badly drawn or larger than `grid`, or `at` is not two integers.

    Examples
    --------
    >>> place(np.zeros((3, 5), "uint8"), "blinker", at=(1, -1))
    array([[0, 0, 0, 0, 0],
           [1, 1, 0, 0, 1],
           [0, 0, 0, 0, 0]], dtype=uint8)
    """
    require_cells(grid)
    cells = draw(pattern)
    if any(size > length for size, length in zip(cells.shape, grid.shape, strict=True)):
        msg = f"a pattern of {cells.shape} cells does not fit a grid of {grid.shape}. Give a larger grid."
        raise ValueError(msg)
    if at is not None:
        _require_pair("at", at, least=-math.inf, allowed="a row and a column")
    middle = [(length - size) // 2 for size, length in zip(cells.shape, grid.shape, strict=True)]
    rows, columns = (
        (start + np.arange(size)) % length
        for start, size, length in zip(at or middle, cells.shape, grid.shape, strict=True)
    )
    placed = grid.copy()
    placed[np.ix_(rows, columns)] = cells
    return placed


def require_cells(grid: npt.NDArray[np.bool] | npt.NDArray[np.uint8]) -> None:
    """Raise an error unless an array is a grid of cells.

    Parameters
    ----------
    grid : numpy.ndarray
        What was given.

    Raises
    ------
    TypeError
        If it is no array, or of another dtype than bool or uint8.
    ValueError
        If it has not two dimensions, has no cells, or holds other values than 0 and 1.

    Examples
    --------
    >>> require_cells(np.array([[0, 255]], "uint8"))
    Traceback (most recent call last):
        ...
    ValueError: the grid holds 255. A cell is 0 (dead) or 1 (alive): `(grid != 0).astype("uint8")` makes it so.
    """
    if not isinstance(grid, np.ndarray):
        msg = f"the grid is a {type(grid).__name__}. It must be a NumPy array: `np.array(grid, dtype='uint8')`."
        raise TypeError(msg)
    if grid.dtype not in (np.bool, np.uint8):
        msg = f"the grid holds {grid.dtype}. It must hold bool or uint8: `grid.astype('uint8')`."
        raise TypeError(msg)
    if grid.ndim != 2 or grid.size == 0:
        msg = f"the grid has shape {grid.shape}. It needs two dimensions, rows and columns, each 1 or more long."
        raise ValueError(msg)
    if (largest := grid.max()) > 1:
        msg = f'the grid holds {largest}. A cell is 0 (dead) or 1 (alive): `(grid != 0).astype("uint8")` makes it so.'
        raise ValueError(msg)


def _require_pair(name: str, pair: object, *, least: float, allowed: str) -> None:
    given = tuple(pair) if isinstance(pair, Iterable) else (pair,)
    if len(given) != 2 or not all(is_integer(number) and number >= least for number in given):
        msg = f"{name}={pair!r} is not allowed. It must be {allowed}."
        raise ValueError(msg)


def _above_and_below(cells: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height = len(cells)
    total = np.empty_like(cells)
    np.add(cells[:-2], cells[2:], out=total[1:-1])
    total[0] = cells[-1] + cells[1 % height]
    total[-1] = cells[-2 % height] + cells[0]
    return total
