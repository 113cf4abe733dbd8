"""Live views of a stream, and Bokeh loaded for them.

Lets a kernel hear what its page says in turn with the cells, not in a thread beside them.

Draws what streams bring: pure functions that turn numbers into figures, and the live views they drive.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import holoviews as hv  # type: ignore[import-untyped]
import holoviews.plotting.bokeh  # type: ignore[import-untyped] # knows the options of figures
import numpy as np
import pandas as pd
import panel as pn
from IPython.core.getipython import get_ipython

from helpers.live.view import LiveView

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import xarray as xr

    from helpers.stream import FrameReader

__all__ = ["hear_in_turn", "life_image", "life_view", "load_bokeh", "population", "population_curve", "shrink"]


KINDS = ("comm_open", "comm_msg", "comm_close")


def hear_in_turn(handlers: dict[str, Callable[..., object]] | None = None) -> None:
    """Handle clicks, zooms and the like in the event loop that runs the cells.

    Parameters
    ----------
    handlers : dict, optional
        What the kernel does on a message, for each kind of message. Without it those of the kernel that runs this;
        where none does, nothing happens.

    Raises
    ------
    RuntimeError
        If there is a kernel, and no event loop that runs.

    Notes
    -----
    JupyterLab since 4.4 and ipykernel since 7 speak through subshells: what the page says is handled in a thread of its
    own while cells run. HoloViews, Panel and Matplotlib do not expect that (jupyterlab #19719). When two threads send
    parts of a message at once, the page gets garbage; a figure may stand still from then on, and what a cell prints may
    be lost. All of that was seen here, on a busy machine. Heard in turn, a click waits until a cell awaits or ends.

    Examples
    --------
    >>> async def hear():
    ...     handlers = {"comm_msg": lambda stream, identities, message: print(message)}
    ...     hear_in_turn(handlers)
    ...     await handlers["comm_msg"](None, None, "Stop was clicked")
    >>> asyncio.run(hear())
    Stop was clicked
    """
    if handlers is None:
        kernel = getattr(get_ipython(), "kernel", None)
        if kernel is None:
            return
        handlers = kernel.shell_handlers
    loop = asyncio.get_running_loop()
    for kind in KINDS:
        handler = handlers.get(kind)
        if handler is not None and not isinstance(handler, _InTurn):
            handlers[kind] = _InTurn(handler, loop)


class _InTurn:
    """A handler of messages that runs in one event loop, whichever thread calls it."""

    def __init__(self, handler: Callable[..., object], loop: asyncio.AbstractEventLoop) -> None:
        self._handler = handler
        self._loop = loop

    async def __call__(self, *message: object) -> None:
        if asyncio.get_running_loop() is self._loop:
            await self._handle(message)
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._handle(message), self._loop))

    async def _handle(self, message: tuple[Any, ...]) -> None:
        result = self._handler(*message)
        if inspect.isawaitable(result):
            await result


LARGEST = 256  # rows or columns of a picture
PATIENCE_S = 15  # without a frame, on a machine that may be busy
DEAD, ALIVE = "#f2f2f2", "#0072B2"  # light grey, and the blue of Okabe and Ito (https://jfly.uni-koeln.de/color/)


def load_bokeh() -> None:
    """Give the page of a notebook the JavaScript that draws HoloViews and Panel figures, from this environment.

    Call it once in a notebook, before the first figure.

    Notes
    -----
    HoloViews' own default is to let the page fetch it from public addresses: without a network, nothing is drawn. Panel
    1.10 first asks Jupyter for it, at an address that lacks the base URL: on Binder and JupyterHub the page shows a red
    message, and then fetches it from public addresses too. Carried in the notebook it always works. The price is 7 MB
    of output in the open notebook, until that is cleared; the lessons here are stored without.
    """
    pn.config.inline = True  # type: ignore[misc] # it can be set, and is told to be
    pn.config.notebook_resources = "cdn"  # type: ignore[misc] # not Jupyter, and with `inline` nothing else either
    hv.extension("bokeh", inline=True, logo=False)
    hear_in_turn()
    hv.Store.set_display_hook("html+js", hv.core.dimension.LabelledData, _as_panel_shows_it)


def shrink(frame: npt.NDArray[np.generic], *, most: int = LARGEST) -> npt.NDArray[np.generic]:
    """Reduce a frame that is larger than a screen needs, by the mean of square blocks.

    Parameters
    ----------
    frame : numpy.ndarray
        Numbers of shape (rows, columns).
    most : int, default 256
        Rows and columns that the result has at most.

    Returns
    -------
    numpy.ndarray
        The frame itself if it is small enough; else float32, each value the mean of a block. A block at the lower or
        right edge is the mean of the cells that it has.

    Examples
    --------
    >>> shrink(np.array([[1, 1, 0, 0, 1], [1, 0, 0, 0, 1]]), most=3)
    array([[0.75, 0.  , 1.  ]], dtype=float32)
    """
    side = -(-max(frame.shape) // most)
    if side <= 1:
        return frame
    starts = [np.arange(0, length, side) for length in frame.shape]
    sums = np.add.reduceat(np.add.reduceat(frame.astype("float32"), starts[0], axis=0), starts[1], axis=1)
    rows, columns = (np.diff(np.append(start, n)) for start, n in zip(starts, frame.shape, strict=True))
    means: npt.NDArray[np.generic] = sums / np.outer(rows, columns).astype("float32")
    return means


def life_image(data: npt.NDArray[np.generic]) -> hv.Image:
    """Draw a grid of cells.

    Parameters
    ----------
    data : numpy.ndarray
        The cells, of shape (rows, columns): 1 where alive. Of a large grid blocks are drawn, see `shrink`.

    Returns
    -------
    holoviews.Image
        With the first row at the top.

    Examples
    --------
    >>> life_image(np.eye(3, dtype="uint8")).dimension_values("alive", flat=False)[::-1]
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 0, 1]], dtype=uint8)
    """
    rows, columns = data.shape
    return hv.Image(shrink(data), ["column", "row"], "alive", bounds=(0, 0, columns, rows))


def population(frame: xr.DataArray) -> pd.DataFrame:
    """Count the living cells of a frame.

    Parameters
    ----------
    frame : xarray.DataArray
        As `helpers.stream.FrameReader` yields it, with its step as the coordinate ``time``.

    Returns
    -------
    pandas.DataFrame
        One row: ``step`` and ``population``, as `population_curve` takes them.

    Examples
    --------
    >>> import xarray as xr
    >>> population(xr.DataArray(np.eye(3), {"time": 812}, ("y", "x"))).to_dict("records")
    [{'step': 812, 'population': 3}]
    """
    return pd.DataFrame({"step": [int(frame["time"])], "population": [int(frame.sum())]})


def population_curve(data: pd.DataFrame) -> hv.Curve:
    """Draw the population over the steps.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns ``step`` and ``population``, a row for each frame.

    Returns
    -------
    holoviews.Curve
        One point for each row.

    Examples
    --------
    >>> len(population_curve(pd.DataFrame({"step": [3, 4], "population": [5, 6]})))
    2
    """
    return hv.Curve(data, "step", "population")


def life_view(
    reader: FrameReader, *, title: str = "Life", speed: float = 5, length: int = 200
) -> LiveView[xr.DataArray]:
    """Make a view of a stream of Life: its newest frame, and the population beside it.

    Parameters
    ----------
    reader : helpers.stream.FrameReader
        Of the stream.
    title : str, default "Life"
        Stands above the cells. Of the views with one title, one runs at a time.
    speed : float, default 5
        Pictures per second at most, from 1 to 30. Frames that come faster are skipped, not queued.
    length : int, default 200
        Pictures that the curve of the population goes back.

    Returns
    -------
    helpers.live.LiveView
        Not started yet.

    Examples
    --------
    >>> from zarr.storage import MemoryStore
    >>> from helpers.stream import FrameReader, FrameWriter
    >>> store = MemoryStore()
    >>> writer = FrameWriter(store, (64, 64), slots=10)
    >>> life_view(FrameReader(store))
    <LiveView: Life>
    """
    cells = hv.streams.Pipe(data=np.zeros(reader.shape, reader.dtype))
    none = pd.DataFrame({"step": np.zeros(0, int), "population": np.zeros(0, int)})
    counts = hv.streams.Buffer(none, length=length, index=False)
    picture = hv.DynamicMap(life_image, streams=[cells]).opts(
        cmap=[DEAD, ALIVE],
        clim=(0, 1),
        frame_height=256,
        data_aspect=1,
        xaxis=None,
        yaxis=None,
        toolbar=None,
        title=f"{title}: {reader.shape[0]} x {reader.shape[1]} cells",
    )
    curve = hv.DynamicMap(population_curve, streams=[counts]).opts(
        color=ALIVE,
        frame_width=256,
        frame_height=220,
        framewise=True,
        toolbar=None,
        ylabel="population (cells alive)",
        title=f"Population, last {length} pictures",
    )

    def show(frame: xr.DataArray) -> None:
        cells.send(frame.values)
        counts.send(population(frame))

    return LiveView(
        pn.Row(picture, curve), source=lambda: reader.afollow(timeout_s=PATIENCE_S), show=show, title=title, speed=speed
    )


def _as_panel_shows_it(figure: hv.core.dimension.LabelledData) -> tuple[dict[str, object], dict[str, object]]:
    """Return what a notebook shows of a figure. HoloViews' own way asks public addresses for style sheets."""
    data, metadata = pn.pane.HoloViews(figure)._repr_mimebundle_()  # type: ignore[no-untyped-call]
    return {**data, "text/plain": repr(figure)}, metadata
