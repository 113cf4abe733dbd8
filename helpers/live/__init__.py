"""Figures that move beside the cells of a notebook, and do not hold them up.

`load_bokeh` gives the page what draws them, without a network (lessons 09, 11 and 12). `LiveView` follows a source,
with buttons to start and stop it; `life_view` and `machine_view` are the two of lesson 11, and `machine_load` is the
source of one. `websocket_statuses` shows why a figure served on a second port does not arrive (lesson 11).
"""

from helpers.live.page import load_bokeh, websocket_statuses
from helpers.live.plots import life_view, machine_load, machine_view
from helpers.live.view import LiveView

__all__ = ["LiveView", "life_view", "load_bokeh", "machine_load", "machine_view", "websocket_statuses"]
