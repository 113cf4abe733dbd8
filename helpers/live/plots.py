"""The live views of the lessons: pure functions from numbers to figures, the streams that drive them, and a source."""

from __future__ import annotations

import asyncio
import time
from itertools import repeat
from typing import TYPE_CHECKING

import holoviews as hv  # type: ignore[import-untyped]
import holoviews.plotting.bokeh  # type: ignore[import-untyped] # knows the options of figures
import numpy as np
import pandas as pd
import panel as pn
import psutil
import xarray as xr

from helpers.live.view import LiveView

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import numpy.typing as npt

    from helpers.stream import FrameReader

__all__ = ["life_view", "machine_load", "machine_view"]

LARGEST = 256  # rows or columns of a picture
PATIENCE_S = 15  # without a frame, on a machine that may be busy
DEAD, ALIVE = "#f2f2f2", "#0072B2"  # light grey, and the blue of Okabe and Ito (https://jfly.uni-koeln.de/color/)
COLORS = {"processor": "#0072B2", "memory": "#D55E00"}  # of the same


def life_view(
    reader: FrameReader, *, title: str = "Life", speed: float = 5, length: int = 200
) -> LiveView[xr.DataArray]:
    """Make a view of a stream of Life: its newest frame, and the population beside it.

    Parameters
    ----------
    reader : helpers.stream.FrameReader
        Of the stream. Frames of more than 256 rows or columns are drawn as means of square blocks.
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
    >>> from helpers.redis import RedisStore
    >>> from helpers.servers import redis_server
    >>> from helpers.stream import FrameReader, FrameWriter
    >>> with redis_server() as server, FrameWriter(RedisStore(server.url), (64, 64), slots=10):
    ...     life_view(FrameReader(RedisStore(server.url)))
    <LiveView: Life>
    """
    cells = hv.streams.Pipe(data=np.zeros(reader.shape, reader.dtype))
    counts = hv.streams.Buffer(pd.DataFrame({"step": [], "population": []}, dtype=int), length=length, index=False)
    picture = hv.DynamicMap(draw_cells, streams=[cells]).opts(
        cmap=[DEAD, ALIVE],
        clim=(0, 1),
        frame_height=256,
        data_aspect=1,
        xaxis=None,
        yaxis=None,
        toolbar=None,
        title=f"{title}: {reader.shape[0]} x {reader.shape[1]} cells",
    )
    curve = hv.DynamicMap(lambda data: hv.Curve(data, "step", "population"), streams=[counts]).opts(
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
        counts.send(pd.DataFrame({"step": [int(frame.time)], "population": [int(frame.sum())]}))

    return LiveView(
        pn.Row(picture, curve), source=lambda: reader.afollow(timeout_s=PATIENCE_S), show=show, title=title, speed=speed
    )


async def machine_load(*, every_s: float = 0.5, count: int | None = None) -> AsyncGenerator[pd.DataFrame]:
    """Yield the load of this machine, again and again.

    Parameters
    ----------
    every_s : float, default 0.5
        Seconds between two measurements, above 0.
    count : int, optional
        Measurements in all. Without it there is no end.

    Yields
    ------
    pandas.DataFrame
        One row: ``seconds`` since the first call, ``processor``, the share of time in which its cores worked since the
        row before, and ``memory``, the share in use, both in percent.

    Notes
    -----
    In a container, as on Binder, these are numbers of the whole machine, which others use too. psutil measures the
    processor from one question to the next, so the first answer, which is meaningless, is not yielded.

    Examples
    --------
    >>> async def measure():
    ...     return pd.concat([row async for row in machine_load(every_s=0.1, count=2)])
    >>> rows = asyncio.run(measure())
    >>> len(rows), bool(rows[["processor", "memory"]].stack().between(0, 100).all())
    (2, True)
    """
    start = time.monotonic()
    psutil.cpu_percent()
    for _ in repeat(None) if count is None else range(count):
        await asyncio.sleep(every_s)
        row = time.monotonic() - start, psutil.cpu_percent(), psutil.virtual_memory().percent
        yield pd.DataFrame([row], columns=["seconds", *COLORS])


def machine_view(*, every_s: float = 0.5, length: int = 120) -> LiveView[pd.DataFrame]:
    """Make a view of the load of this machine.

    Parameters
    ----------
    every_s : float, default 0.5
        Seconds between two measurements, above 0.
    length : int, default 120
        Measurements that it goes back.

    Returns
    -------
    helpers.live.LiveView
        Not started yet.

    Examples
    --------
    >>> machine_view()
    <LiveView: This machine>
    """
    rows = hv.streams.Buffer(pd.DataFrame(columns=["seconds", *COLORS], dtype=float), length=length, index=False)
    curves = hv.DynamicMap(draw_load, streams=[rows]).opts(
        title="Load of this machine",
        frame_width=420,
        frame_height=220,
        framewise=True,
        legend_position="right",
        toolbar=None,
    )
    return LiveView(
        pn.Row(curves), source=lambda: machine_load(every_s=every_s), show=rows.send, title="This machine", speed=30
    )


def draw_cells(data: npt.NDArray[np.generic]) -> hv.Image:
    """Draw a grid of cells, the first row at the top; of a large one the means of square blocks."""
    rows, columns = data.shape
    side = -(-max(data.shape) // LARGEST)
    if side > 1:  # a block at the edge is the mean of what there is
        data = xr.DataArray(data, dims=("y", "x")).coarsen(y=side, x=side, boundary="pad").mean().to_numpy()
    return hv.Image(data, ["column", "row"], "alive", bounds=(0, 0, columns, rows))


def draw_load(data: pd.DataFrame) -> hv.Overlay:
    """Draw processor and memory over time, from 0 to 100 %."""
    time_axis, share = hv.Dimension("seconds", unit="s"), hv.Dimension("share", unit="%", range=(0, 100))
    return hv.Overlay(
        [
            hv.Curve((data["seconds"], data[name]), time_axis, share, label=name).opts(color=color)
            for name, color in COLORS.items()
        ]
    )
