"""Figures that move beside the cells of a notebook, and do not hold them up.

`load_bokeh` gives the page what draws them, without a network (lessons 09, 11 and 12). In lesson 11, `LiveView` gives a
figure and the code that moves it buttons to start and stop; `last_frame` leaves a picture for pages without a kernel;
`websocket_statuses` shows why a figure served on a second port does not arrive.
"""

from helpers.live.page import load_bokeh, websocket_statuses
from helpers.live.still import last_frame
from helpers.live.view import LiveView

__all__ = ["LiveView", "last_frame", "load_bokeh", "websocket_statuses"]
