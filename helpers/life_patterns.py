"""Draws well-known patterns of Conway's Game of Life, and others from a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["PATTERNS", "draw"]

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
