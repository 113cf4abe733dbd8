"""Measures how busy this machine is, processor and memory, and draws it while it is measured."""

from __future__ import annotations

import asyncio
import time
from itertools import repeat
from typing import TYPE_CHECKING

import holoviews as hv  # type: ignore[import-untyped]
import holoviews.plotting.bokeh  # type: ignore[import-untyped] # knows the options of figures
import pandas as pd
import panel as pn
import psutil

from helpers.live.view import FASTEST, LiveView

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["COLUMNS", "load_curves", "machine_load", "machine_view"]


COLUMNS = ("seconds", "processor", "memory")
EVERY_S = 0.5
COLORS = {"processor": "#0072B2", "memory": "#D55E00"}  # of Okabe and Ito (https://jfly.uni-koeln.de/color/)


async def machine_load(*, every_s: float = EVERY_S, count: int | None = None) -> AsyncGenerator[pd.DataFrame]:
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
    for _ in repeat(None) if count is None else repeat(None, count):
        await asyncio.sleep(every_s)
        row = time.monotonic() - start, psutil.cpu_percent(), psutil.virtual_memory().percent
        yield pd.DataFrame([row], columns=list(COLUMNS))


def load_curves(data: pd.DataFrame) -> hv.Overlay:
    """Draw processor and memory over time.

    Parameters
    ----------
    data : pandas.DataFrame
        Rows as `machine_load` yields them.

    Returns
    -------
    holoviews.Overlay
        Two curves, from 0 to 100 %.

    Examples
    --------
    >>> [curve.label for curve in load_curves(pd.DataFrame([(0.5, 12.0, 40.0)], columns=COLUMNS))]
    ['processor', 'memory']
    """
    time_axis, share = hv.Dimension("seconds", unit="s"), hv.Dimension("share", unit="%", range=(0, 100))
    curves = [
        hv.Curve((data["seconds"], data[name]), time_axis, share, label=name).opts(color=color)
        for name, color in COLORS.items()
    ]
    return hv.Overlay(curves)


def machine_view(*, every_s: float = EVERY_S, length: int = 120) -> LiveView[pd.DataFrame]:
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
    rows = hv.streams.Buffer(pd.DataFrame(columns=list(COLUMNS), dtype=float), length=length, index=False)
    curves = hv.DynamicMap(load_curves, streams=[rows]).opts(
        title="Load of this machine",
        frame_width=420,
        frame_height=220,
        framewise=True,
        legend_position="right",
        toolbar=None,
    )
    return LiveView(
        pn.Row(curves),
        source=lambda: machine_load(every_s=every_s),
        show=rows.send,
        title="This machine",
        speed=FASTEST,
    )
