"""What lesson 11 says of HoloViews, and the traps of it that it shows.

A trap's test that fails is good news: something was mended upstream, and the lesson can say so.
"""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

import holoviews as hv  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
from holoviews.operation import histogram  # type: ignore[import-untyped]

from tools.lessons import read_lessons

(LESSON,) = (lesson for lesson in read_lessons() if lesson.number == "11")
SOURCES = [cell.source for cell in LESSON.cells("code")]


def defined(*names: str) -> dict[str, Any]:
    """Return functions of the lesson, from its own cells."""
    lesson: dict[str, Any] = {"np": np, "pd": pd, "hv": hv, **__import__("collections").__dict__}
    for source in SOURCES:
        if any(f"def {name}(" in source for name in names):
            exec(source, lesson)
    return lesson


def figures(calls: str) -> set[str]:
    """Return the names of what is given to a function, in all cells."""
    trees = [node for source in SOURCES for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return {
        call.args[0].id
        for call in trees
        if isinstance(call.func, ast.Name) and call.func.id == calls and isinstance(call.args[0], ast.Name)
    }


def test_every_live_figure_leaves_a_picture() -> None:
    """Each that a cell shows, by itself or in a view, is drawn by `last_frame`, in a cell with a picture."""
    shown = figures("LiveView")
    for cell in LESSON.cells("code"):
        text = "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        if text.startswith((":DynamicMap", ":Layout")):
            shown.add(re.split(r"\W", cell.source.splitlines()[-1])[0])
    assert len(shown) == 11
    assert shown == figures("last_frame")
    drawn = [cell for cell in LESSON.cells("code") if "last_frame(" in cell.source]
    assert all(any("image/png" in output.get("data", {}) for output in cell.outputs) for cell in drawn)


def test_chain_of_functions_computes_as_over_the_whole_past() -> None:
    """However the rows are cut into pieces; from the cells of the lesson."""
    lesson = defined("cumulative", "rolling_mean")
    x = np.random.default_rng(7).random(300) - 0.5
    sums: list[Any] = []
    means: list[Any] = []
    emit = lesson["cumulative"](lesson["each"](sums.append, lesson["rolling_mean"](20, means.append)))
    for piece in np.split(x, [1, 2, 50, 51, 200]):
        emit(pd.DataFrame({"x": piece}))
    expected = pd.Series(x).cumsum()
    np.testing.assert_allclose(pd.concat(sums).x, expected)
    np.testing.assert_allclose(pd.concat(means).x, expected.rolling(20, min_periods=1).mean())


def test_holoviews_has_no_support_for_streamz_any_more() -> None:
    """And `index=` of a Buffer, which was for it, does nothing."""
    assert "streamz" not in inspect.getsource(hv.streams)
    table = pd.DataFrame({"x": [1.0]}, index=[7])
    for index in (True, False):
        assert [*hv.streams.Buffer(table, index=index).contents["data"]] == ["x"]


def test_a_table_of_the_rows_of_a_buffer_fails() -> None:
    """A copy does not: the lesson rounds."""
    rows = pd.DataFrame({"x": [0.25]})
    for callback, fails in ((hv.Table, True), (lambda data: hv.Table(data.round(3)), False)):
        buffer = hv.streams.Buffer(rows)
        plot = hv.renderer("bokeh").get_plot(hv.DynamicMap(callback, streams=[buffer]))
        if fails:
            with pytest.raises(AttributeError, match="'TablePlot' object has no attribute '_stream_count'"):
                buffer.send(rows)
        else:
            buffer.send(rows)
        plot.cleanup()


def test_a_histogram_keeps_the_bins_of_its_first_picture() -> None:
    """Unless it is told the edges."""
    counts = []
    for options in ({"num_bins": 16}, {"bins": np.linspace(0, 100, 17)}):
        buffer = hv.streams.Buffer(pd.DataFrame({"x": [1.0, 2.0]}))
        bars = histogram(hv.DynamicMap(hv.Dataset, streams=[buffer]), dimension="x", **options)
        plot = hv.renderer("bokeh").get_plot(bars)
        buffer.send(pd.DataFrame({"x": np.linspace(3, 99, 98)}))
        counts.append(int(plot.handles["source"].data["top"].sum()))
        plot.cleanup()
    assert counts == [2, 100]
