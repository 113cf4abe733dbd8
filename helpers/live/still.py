"""Draws what a live figure shows now as a picture that stays: by Matplotlib, for pages on which no JavaScript runs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import holoviews as hv  # type: ignore[import-untyped]
import holoviews.plotting.bokeh  # type: ignore[import-untyped] # knows the options of figures
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from IPython.display import Image
from matplotlib.colors import LogNorm, Normalize
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["last_frame"]

_WIDTH = 8.0  # inches
_COLORS = 128


def last_frame(figure: hv.Dimensioned, *, height: float = 4.0) -> Image:
    r"""Draw what a figure of HoloViews shows now as a picture that stays.

    A live figure needs JavaScript and a kernel. This is what a stored notebook, GitHub and a static site show of it.

    Parameters
    ----------
    figure : holoviews.DynamicMap, Layout, Overlay or Element
        The figure. Parts that stand side by side stay side by side.
    height : float, default 4
        Of the picture, in inches; it is 8 inches wide.

    Returns
    -------
    IPython.display.Image
        A PNG with the data, titles, labels and colours that the figure has at this moment. Its palette has 128 colours:
        a notebook with a dozen of them stays small.

    Raises
    ------
    TypeError
        If there is an element in it that the lessons do not use.

    Notes
    -----
    HoloViews has a Matplotlib backend of its own. Options are given to it separately from those for Bokeh, so each
    figure would have to be styled twice. This function takes those for Bokeh, as far as the lessons use them.

    Examples
    --------
    >>> pipe = hv.streams.Pipe(data=[1, 4, 9])
    >>> live = hv.DynamicMap(hv.Curve, streams=[pipe])
    >>> pipe.send([1, 8, 27])
    >>> last_frame(live).data[:4]
    b'\x89PNG'
    """
    written = io.BytesIO()
    draw(figure, height=height).savefig(written, format="png")
    with PIL.Image.open(written) as picture, io.BytesIO() as small:
        picture.convert("RGB").quantize(_COLORS).save(small, "png", optimize=True, dpi=(110, 110))
        return Image(data=small.getvalue())  # type: ignore[no-untyped-call]


def draw(figure: hv.Dimensioned, *, height: float) -> Figure:
    """Draw each part of a figure on axes of its own."""
    parts = list(figure) if isinstance(figure, hv.Layout) else [figure]
    fig, axes = plt.subplots(1, len(parts), figsize=(_WIDTH, height), squeeze=False)
    plt.close(fig)  # or a notebook shows it twice
    for ax, part in zip(axes[0], parts, strict=True):
        frame = part[()] if isinstance(part, hv.DynamicMap) else part
        _label(ax, frame)
        elements = list(frame) if isinstance(frame, hv.Overlay) else [frame]
        for element in elements:
            _DRAW.get(type(element), _refuse)(ax, element)
        if len(elements) > 1 and all(element.label for element in elements):
            ax.legend(frameon=True)
    return fig


def _options(element: hv.Dimensioned, group: str) -> dict[str, Any]:
    options: dict[str, Any] = hv.Store.lookup_options("bokeh", element, group).kwargs
    return options


def _label(ax: Axes, frame: hv.Dimensioned) -> None:
    """Give the axes the title, labels and limits of a frame."""
    first = next(iter(frame)) if isinstance(frame, hv.Overlay) else frame
    names = [dimension.pprint_label for dimension in first.dimensions()]
    options = _options(first, "plot") | _options(frame, "plot")
    x, y = [*names, "", ""][:2] if first.kdims else ("", names[0])
    ax.set(title=options.get("title", ""), xlabel=options.get("xlabel", x), ylabel=options.get("ylabel", y))
    ax.set(**{name: options[name] for name in ("xlim", "ylim") if name in options})
    if options.get("data_aspect"):
        ax.set_aspect(options["data_aspect"])
    if options.get("xaxis", True) is None:
        ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
        ax.grid(visible=False)


def _color(element: hv.Element) -> str | None:
    color = _options(element, "style").get("color")
    return color if isinstance(color, str) and color not in element else None


def _scale(element: hv.Element) -> dict[str, Any]:
    """Return the colour map of an element, and its limits."""
    options = _options(element, "plot")
    # hvPlot gives its `clim` to the dimension, not to the plot.
    low, high = options.get("clim", element.vdims[0].range if isinstance(element, hv.Image) else (None, None))
    norm = (LogNorm if options.get("cnorm") == "log" else Normalize)(low, high)
    cmap = _options(element, "style").get("cmap")
    return {"cmap": cmap if cmap in mpl.colormaps else "cividis", "norm": norm}


def _bar(ax: Axes, element: hv.Element, drawn: Any, label: str) -> None:
    if _options(element, "plot").get("colorbar"):
        ax.figure.colorbar(drawn, ax=ax, label=label)


def _image(ax: Axes, image: hv.Image) -> None:
    left, bottom, right, top = image.bounds.lbrt()
    cells = image.dimension_values(2, flat=False)
    ax.grid(visible=False)
    drawn = ax.imshow(cells, origin="lower", extent=(left, right, bottom, top), aspect=ax.get_aspect(), **_scale(image))
    _bar(ax, image, drawn, image.vdims[0].pprint_label)


def _points(ax: Axes, points: hv.Element) -> None:
    x, y = (points.dimension_values(place) for place in (0, 1))
    color = str(_options(points, "style").get("color", "C0"))
    if color not in points:
        ax.scatter(x, y, s=12, color=color)
        return
    drawn = ax.scatter(x, y, c=points.dimension_values(color), s=12, **_scale(points))
    _bar(ax, points, drawn, color)


def _curve(ax: Axes, curve: hv.Curve) -> None:
    width = _options(curve, "style").get("line_width", 2)
    x, y = (curve.dimension_values(place) for place in (0, 1))
    ax.plot(x, y, label=curve.label, linewidth=width, color=_color(curve))


def _area(ax: Axes, area: hv.Area) -> None:
    x, top, *base = area.columns().values()
    ax.fill_between(x, top, *base, label=area.label, color=_color(area))


def _histogram(ax: Axes, histogram: hv.Histogram) -> None:
    ax.stairs(histogram.dimension_values(1), histogram.edges, fill=True, edgecolor="white", color=_color(histogram))


def _boxes(ax: Axes, boxes: hv.BoxWhisker) -> None:
    groups = boxes.groupby(boxes.kdims).data if boxes.kdims else {(boxes.vdims[0].pprint_label,): boxes}
    values = [group.dimension_values(group.vdims[0]) for group in groups.values()]
    ax.boxplot(values, tick_labels=[str(*name) for name in groups], widths=0.5)


def _table(ax: Axes, table: hv.Table) -> None:
    columns = table.columns()
    rows = [[f"{value:.5g}" for value in row] for row in zip(*columns.values(), strict=True)]
    ax.axis("off")
    ax.table(rows, colLabels=[*columns], loc="center", bbox=Bbox.unit())


def _arrows(ax: Axes, field: hv.VectorField) -> None:
    x, y, angle, size = field.columns().values()
    drawn = ax.quiver(x, y, size * np.cos(angle), size * np.sin(angle), size, cmap=_scale(field)["cmap"])
    _bar(ax, field, drawn, field.vdims[1].pprint_label)


def _refuse(_: Axes, element: hv.Element) -> None:
    names = ", ".join(kind.__name__ for kind in _DRAW)
    msg = f"last_frame does not draw a {type(element).__name__}. It draws {names}."
    raise TypeError(msg)


_DRAW: dict[type, Callable[[Axes, Any], None]] = {
    hv.Area: _area,
    hv.BoxWhisker: _boxes,
    hv.Curve: _curve,
    hv.Histogram: _histogram,
    hv.Image: _image,
    hv.Points: _points,
    hv.Scatter: _points,
    hv.Table: _table,
    hv.VectorField: _arrows,
}
