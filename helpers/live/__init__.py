"""FRONT live."""

from helpers.live.machine import COLUMNS, load_curves, machine_load, machine_view
from helpers.live.origins import knock
from helpers.live.plots import (
    KINDS,
    hear_in_turn,
    life_image,
    life_view,
    load_bokeh,
    population,
    population_curve,
    shrink,
)
from helpers.live.view import LiveControls, LiveView

__all__ = [
    "COLUMNS",
    "KINDS",
    "LiveControls",
    "LiveView",
    "hear_in_turn",
    "knock",
    "life_image",
    "life_view",
    "load_bokeh",
    "load_curves",
    "machine_load",
    "machine_view",
    "population",
    "population_curve",
    "shrink",
]
