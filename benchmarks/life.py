"""Measures how fast `step` runs Life, and compares it with other ways to write it in NumPy.

Run as `python -m benchmarks.life`. The forms take turns, so that what else the machine does falls on all of them
alike; the figures are medians.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import numpy as np

from helpers.life import random_grid, step
from helpers.measure import seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    type Grid = npt.NDArray[np.uint8]
    type Words = npt.NDArray[np.uint64]

SHAPE = (1024, 1024)
CELLS_PER_S, RATIO = 2e9, 1.2


def rows(*, repeats: int = 101) -> list[dict[str, str | bool]]:
    """Measure `step` and the other forms.

    Parameters
    ----------
    repeats : int, default 101
        How often each form takes a step.

    Returns
    -------
    list of dict
        Rows with keys `name`, `figure`, `limit` and `ok`; those of the other forms have no limit.

    Raises
    ------
    AssertionError
        When a form gives another grid than `step`.
    """
    grid = random_grid(SHAPE, seed=7)
    forms: dict[str, Callable[[Grid], Grid]] = {"step": step, **OTHERS}
    for name, form in forms.items():
        if not np.array_equal(form(grid), step(grid)):
            msg = f"the form {name!r} gives another grid than step."
            raise AssertionError(msg)
    turns = [{name: seconds_of(form, grid) for name, form in forms.items()} for _ in range(repeats)]
    seconds = {name: statistics.median(turn[name] for turn in turns) for name in forms}
    rates = {name: grid.size / each for name, each in seconds.items()}
    best = min(OTHERS, key=seconds.__getitem__)
    ratio = seconds["step"] / seconds[best]
    size = f"{SHAPE[0]} x {SHAPE[1]} cells"
    return [
        _row(
            f"step, {size}, per second", f"{rates['step']:.2g}", f">= {CELLS_PER_S:.0e}", rates["step"] >= CELLS_PER_S
        ),
        _row("step, time against the fastest form below", f"{ratio:.2f} x", f"<= {RATIO} x", ratio <= RATIO),
        *(_row(f"  {name}", f"{rates[name]:.2g}", "", ok=True) for name in OTHERS),
    ]


def rolled(grid: Grid) -> Grid:
    """Roll the grid eight ways: what one writes first."""
    shifts = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    n = sum(np.roll(grid, shift, axis=(0, 1)) for shift in shifts)
    alive: Grid = ((n == 3) | ((n == 2) & (grid == 1))).view(np.uint8)
    return alive


def padded(grid: Grid) -> Grid:
    """Add eight slices of a padded grid."""
    p = np.pad(grid, 1, mode="wrap")
    n = p[:-2, :-2] + p[:-2, 1:-1] + p[:-2, 2:] + p[1:-1, :-2]
    n += p[1:-1, 2:] + p[2:, :-2] + p[2:, 1:-1] + p[2:, 2:]
    alive: Grid = ((n == 3) | ((n == 2) & (grid == 1))).view(np.uint8)
    return alive


def separated(grid: Grid) -> Grid:
    """Add three rows, then three columns, of a padded grid: nine cells with the one in the middle."""
    height, width = grid.shape
    p = np.empty((height + 2, width + 2), np.uint8)
    p[1:-1, 1:-1], p[0, 1:-1], p[-1, 1:-1] = grid, grid[-1], grid[0]
    p[:, 0], p[:, -1] = p[:, -2], p[:, 1]
    threes = p[:-2] + p[1:-1]
    threes += p[2:]
    n = threes[:, :-2] + threes[:, 1:-1]
    n += threes[:, 2:]
    alive: Grid = ((n == 3) | ((n == 4) & (grid == 1))).view(np.uint8)
    return alive


def kept(grid: Grid) -> Grid:
    """Do as `step`, without checks, in buffers that are kept from step to step."""
    around, threes = BUFFERS
    np.add(grid[:-2], grid[2:], out=around[1:-1])
    np.add(grid[-1], grid[1], out=around[0])
    np.add(grid[-2], grid[0], out=around[-1])
    np.add(around, grid, out=threes)
    first = around[:, 0] + threes[:, -1] + threes[:, 1]
    last = around[:, -1] + threes[:, -2] + threes[:, 0]
    around.reshape(-1)[1:] += threes.reshape(-1)[:-1]
    around.reshape(-1)[:-1] += threes.reshape(-1)[1:]
    around[:, 0], around[:, -1] = first, last
    np.bitwise_or(around, grid, out=around)
    alive: Grid = (around == 3).view(np.uint8)
    return alive


def packed(grid: Grid) -> Grid:
    """Pack 64 cells into a word and add bit by bit, in buffers that are kept; needs rows of whole words."""
    x = np.packbits(grid, bitorder="little").view(np.uint64)
    left, right, carry, either, both = WORDS
    _beside(x, left=left, right=right)
    # Every number is a pair of bits: `ones` and `twos` of left, middle and right; `either` and `both` without middle.
    np.bitwise_xor(left, right, out=either)
    np.bitwise_and(left, right, out=both)
    ones, twos = ONES[IN_ROW:-IN_ROW], TWOS[IN_ROW:-IN_ROW]
    np.bitwise_xor(either, x, out=ones)
    np.bitwise_and(either, x, out=twos)
    np.bitwise_or(twos, both, out=twos)
    for bits in (ONES, TWOS):
        bits[:IN_ROW], bits[-IN_ROW:] = bits[-2 * IN_ROW : -IN_ROW], bits[IN_ROW : 2 * IN_ROW]
    above, below = ONES[: -2 * IN_ROW], ONES[2 * IN_ROW :]
    np.bitwise_xor(above, below, out=left)
    np.bitwise_and(above, below, out=carry)
    np.bitwise_and(left, either, out=right)
    np.bitwise_or(carry, right, out=carry)
    np.bitwise_xor(either, left, out=either)
    # Two or three neighbours: exactly one of four twos. Of these live the threes, and the twos of a living cell.
    above, below = TWOS[: -2 * IN_ROW], TWOS[2 * IN_ROW :]
    np.bitwise_or(either, x, out=either)
    np.bitwise_xor(above, below, out=left)
    np.bitwise_and(above, below, out=right)
    alive = left
    alive ^= both ^ carry
    alive &= either
    alive &= ~(right | (both & carry))
    return np.unpackbits(alive.view(np.uint8), bitorder="little").reshape(grid.shape)


BUFFERS = np.empty(SHAPE, np.uint8), np.empty(SHAPE, np.uint8)
IN_ROW = SHAPE[1] // 64
WORDS = [np.empty(SHAPE[0] * IN_ROW, np.uint64) for _ in range(5)]
ONES, TWOS = (np.empty((SHAPE[0] + 2) * IN_ROW, np.uint64) for _ in range(2))
OTHERS: dict[str, Callable[[Grid], Grid]] = {
    "np.roll": rolled,
    "slices of a padded grid": padded,
    "rows, then columns, of a padded grid": separated,
    "as step, unchecked, in buffers that are kept": kept,
    "64 cells a word, with packing and unpacking": packed,
}


def _beside(x: Words, *, left: Words, right: Words) -> None:
    """Write for each cell the one on its left, and the one on its right."""
    np.left_shift(x, 1, out=left)
    np.right_shift(x, 1, out=right)
    over, under = x >> 63, x << 63
    first = left[::IN_ROW] | over[IN_ROW - 1 :: IN_ROW]
    last = right[IN_ROW - 1 :: IN_ROW] | under[::IN_ROW]
    np.bitwise_or(left[1:], over[:-1], out=left[1:])
    np.bitwise_or(right[:-1], under[1:], out=right[:-1])
    left[::IN_ROW], right[IN_ROW - 1 :: IN_ROW] = first, last


def _row(name: str, figure: str, limit: str, ok: bool) -> dict[str, str | bool]:
    return {"name": name, "figure": figure, "limit": limit, "ok": ok}


if __name__ == "__main__":
    for row in rows():
        print(row)
