"""Tests of helpers.live.still: the picture shows what the live figure holds, under its titles and colours."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import holoviews as hv  # type: ignore[import-untyped]
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import LogNorm

from helpers.live import last_frame
from helpers.live.still import draw

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = pd.DataFrame({"t": [1, 2, 3], "x": [4.0, 6.0, 5.0], "step": [7, 8, 9]})


@pytest.fixture(autouse=True)
def look() -> Iterator[None]:
    """The look of the lessons."""
    with plt.style.context("helpers.figures.lessons"):
        yield


def axes_of(figure: Any) -> list[Any]:
    """Return what is drawn."""
    return list(draw(figure, height=3).axes)


def follow(callback: Any, data: Any) -> tuple[Any, Any]:
    """Return a stream, and a live figure on it."""
    pipe = hv.streams.Pipe(data=data)
    return pipe, hv.DynamicMap(callback, streams=[pipe])


def test_it_shows_the_newest_data_with_title_labels_and_limits() -> None:
    """Not what the figure began with."""
    pipe, live = follow(lambda data: hv.Curve(data, "t", hv.Dimension("x", unit="m")), TABLE)
    live.opts(title="Height", color="#D55E00", line_width=1, xlim=(0, 9), ylabel="up")
    pipe.send(TABLE.assign(x=[1.0, 2.0, 4.0]))
    (ax,) = axes_of(live)
    (line,) = ax.lines
    assert line.get_xydata().tolist() == [[1, 1], [2, 2], [3, 4]]
    assert (ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()) == ("Height", "t", "up")
    assert (ax.get_xlim(), line.get_color(), line.get_linewidth()) == ((0, 9), "#D55E00", 1)


def test_a_picture_is_as_wide_as_the_lessons_ask_and_is_shown_once() -> None:
    """At least 750 pixels; Matplotlib does not hold it, so a notebook does not show it a second time."""
    picture = last_frame(hv.Curve(TABLE, "t", "x"), height=2)
    assert matplotlib.image.imread(io.BytesIO(picture.data)).shape[:2] == (220, 880)
    assert len(picture.data) < 20_000
    assert plt.get_fignums() == []


def test_cells_stand_as_the_page_has_them() -> None:
    """The first row at the top, within the limits of the colours, without axes."""
    cells = np.array([[1, 0, 0], [0, 0, 0]], "uint8")
    _, live = follow(lambda data: hv.Image(data, bounds=(0, 0, 3, 2)), cells)
    live.opts(cmap="gray_r", clim=(0, 1), data_aspect=1, xaxis=None, yaxis=None)
    (ax,) = axes_of(live)
    (image,) = ax.images
    np.testing.assert_array_equal(np.asarray(image.get_array())[::-1], cells)  # its origin is below
    assert (image.origin, image.get_clim(), image.get_cmap().name) == ("lower", (0, 1), "gray_r")
    assert (ax.get_aspect(), list(ax.get_xticks())) == (1, [])


def test_counts_have_a_logarithmic_bar() -> None:
    """With the name of what is counted."""
    image = hv.Image(np.array([[1.0, 1000.0], [10.0, 10.0]]), vdims="Count").opts(cnorm="log", colorbar=True)
    ax, bar = axes_of(image)
    assert isinstance(ax.images[0].norm, LogNorm)
    assert bar.get_ylabel() == "Count"


@pytest.mark.parametrize("kind", [hv.Points, hv.Scatter])
def test_points_are_coloured_by_a_column(kind: Any) -> None:
    """And a line may lie under them."""
    dimensions = (["t", "x"], "step") if kind is hv.Points else ("t", ["x", "step"])
    dots = kind(TABLE, *dimensions).opts(color="step", colorbar=True)
    ax, bar = axes_of((hv.Curve(TABLE, "t", "x").opts(color="grey") * dots).opts(title="Both"))
    (scatter,) = ax.collections
    assert np.asarray(scatter.get_array()).tolist() == [7, 8, 9]
    assert np.asarray(scatter.get_offsets()).tolist() == TABLE[["t", "x"]].to_numpy().tolist()
    assert (bar.get_ylabel(), ax.get_title(loc="left"), len(ax.lines)) == ("step", "Both", 1)


def test_curves_with_names_have_a_legend() -> None:
    """Each curve its own."""
    (ax,) = axes_of(hv.Curve(TABLE, "t", "x", label="raw") * hv.Curve(TABLE, "t", "x", label="mean"))
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["raw", "mean"]


def test_parts_stand_side_by_side() -> None:
    """A table of numbers beside a box of the same."""
    left, right = axes_of(hv.Table(TABLE, "t", "x") + hv.BoxWhisker(TABLE, [], "x").opts(title="Box"))
    cells = left.tables[0].get_celld()
    assert [cells[row, 1].get_text().get_text() for row in range(4)] == ["x", "4", "6", "5"]
    assert right.get_title(loc="left") == "Box"
    assert [5, 5] in [line.get_ydata().tolist() for line in right.lines]  # the median


def test_bars_and_areas_have_the_heights_of_the_data() -> None:
    """Areas lie on top of each other."""
    (bars,) = axes_of(hv.Histogram(np.histogram([1, 1, 3], bins=[0, 2, 4])))
    assert bars.patches[0].get_data().values.tolist() == [2, 1]
    areas = [hv.Area(([0, 1], high), "t", "share", label=name) for name, high in (("a", [1, 2]), ("b", [9, 8]))]
    (ax,) = axes_of(hv.Area.stack(hv.Overlay(areas)))
    assert [path.get_extents().y1 for area in ax.collections for path in area.get_paths()] == [2, 10]


def test_arrows_have_their_angles() -> None:
    """And the colours of their lengths."""
    field = hv.VectorField(([0, 1], [0, 1], [0, np.pi], [1.0, 2.0])).opts(colorbar=True)
    ax, bar = axes_of(field)
    (arrows,) = ax.collections
    np.testing.assert_allclose(arrows.U, [1, -2])
    assert bar.get_ylabel() == "Magnitude"


def test_what_is_not_drawn_is_said() -> None:
    """With what is."""
    with pytest.raises(TypeError, match=r"does not draw a Bars\. It draws Area, BoxWhisker, Curve"):
        axes_of(hv.Bars(TABLE, "t", "x"))
