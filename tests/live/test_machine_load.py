"""Tests of helpers.live: plausible numbers, in time."""

from __future__ import annotations

import holoviews as hv  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import panel as pn
import psutil
import pytest

from helpers.live import COLUMNS, load_curves, machine_load, machine_view


async def test_rows_come_in_time_with_percentages() -> None:
    """As many as asked for; memory is what psutil says, but for what changes in a moment."""
    rows = pd.concat([row async for row in machine_load(every_s=0.05, count=4)])
    assert tuple(rows.columns) == COLUMNS
    assert len(rows) == 4
    assert np.diff(rows["seconds"]).min() >= 0.04
    shares = rows[["processor", "memory"]].to_numpy()
    assert shares.min() >= 0
    assert shares.max() <= 100
    assert rows["memory"].iloc[-1] == pytest.approx(psutil.virtual_memory().percent, abs=20)


def test_both_curves_go_from_0_to_100_percent() -> None:
    """Whatever the numbers are."""
    overlay = load_curves(pd.DataFrame([(0.5, 12.0, 40.0), (1.0, 13.0, 41.0)], columns=list(COLUMNS)))
    assert [(curve.label, curve.vdims[0].range, curve.vdims[0].unit) for curve in overlay] == [
        ("processor", (0, 100), "%"),
        ("memory", (0, 100), "%"),
    ]


async def test_the_page_gets_the_newest_rows() -> None:
    """No more of them than `length`."""
    view = machine_view(every_s=0.02, length=3)
    (pane,) = view.layout.select(pn.pane.HoloViews)  # type: ignore[no-untyped-call]
    plot = hv.renderer("bokeh").get_plot(pane.object)
    view.start()
    assert await view.pictures(5) == 5
    view.stop()
    await view.ended()
    for curve in plot.subplots.values():
        assert len(curve.handles["source"].data["seconds"]) == 3
