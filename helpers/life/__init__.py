"""Conway's Game of Life, the simulation whose frames the lessons stream.

`step`, `random_grid` and `place` make grids; `run` publishes one generation after the other to whatever has an
``append``; ``python -m helpers.life`` is the program that streams them into Redis, and `ensure_life` finds one that
runs, or starts it. `array_per_step` is the early design that lesson 10 takes apart.

Lesson 10 analyses the stream, lesson 11 draws it live. Importing this package imports neither Redis nor Zarr.
"""

from helpers.life import array_per_step
from helpers.life.grids import PATTERNS, place, random_grid, step
from helpers.life.program import ensure_life, run

__all__ = ["PATTERNS", "array_per_step", "ensure_life", "place", "random_grid", "run", "step"]
