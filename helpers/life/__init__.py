"""FRONT life."""

from helpers.life.array_per_step import CHUNKS, array_name, populations, publish
from helpers.life.ensure import life_at_hand
from helpers.life.grids import PATTERNS, draw, require_cells
from helpers.life.program import place, random_grid, run, step

__all__ = [
    "CHUNKS",
    "PATTERNS",
    "array_name",
    "draw",
    "life_at_hand",
    "place",
    "populations",
    "publish",
    "random_grid",
    "require_cells",
    "run",
    "step",
]
