"""Draws writers of one chunk, tasks over chunks, and labels on the axes of a map (lessons 08 and 09)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Rectangle

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["draw_labels", "draw_pieces_over_chunks", "draw_task_graph", "draw_two_writers"]

# Light grey for what nobody wrote; blue, orange, bluish green, sky blue and vermilion of Okabe and Ito.
NOBODY, FIRST, SECOND, SAFE, UNSAFE = "#f2f2f2", "#56B4E9", "#E69F00", "#009E73", "#D55E00"
_WRITERS = (NOBODY, FIRST, SECOND)


def draw_two_writers(ax: Axes, order: Sequence[str], *, chunk: int = 8, border: int = 4, title: str = "") -> int:
    """Draw what two writers of one chunk hold, and what is stored, after each of their steps.

    Writer 1 owns the cells before the border and writes 1 into them, writer 2 owns the rest. Each reads the whole
    chunk, changes its own cells, and writes the whole chunk.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw. Time goes down.
    order : sequence of str
        What happens one after the other: "1 reads", "2 reads", "1 writes", "2 writes" in any order.
    chunk, border : int
        Cells of the chunk, and of writer 1.
    title : str
        What stands above the picture.

    Returns
    -------
    int
        How many cells are lost: not stored as their owner wrote them.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_two_writers(ax, ["1 reads", "2 reads", "1 writes", "2 writes"])
    4
    >>> plt.close(fig)
    """
    left, middle, right = 0, chunk + 2, 2 * (chunk + 2)
    for x, name in ((left, "writer 1 holds"), (middle, "the store holds"), (right, "writer 2 holds")):
        ax.text(x + chunk / 2, -0.35, name, ha="center", va="bottom", fontsize=11)
    owned = np.where(np.arange(chunk) < border, 1, 2)
    stored, held = np.zeros(chunk, int), {}
    for row, step in enumerate(order):
        writer = int(step[0])
        if step.endswith("reads"):
            held[writer] = np.where(owned == writer, writer, stored)
        else:
            stored = held[writer]
        _draw_cells(ax, stored, x=middle, y=row)
        _draw_cells(ax, held[writer], x=left if writer == 1 else right, y=row)
        _draw_step(ax, step, y=row, chunk=chunk)
    lost = np.flatnonzero(stored != owned).tolist()
    for n in lost:
        ax.add_patch(Rectangle((middle + n, len(order) - 0.9), 1, 0.6, fill=False, edgecolor=UNSAFE, linewidth=3))
    ax.set_title(f"{title}: {len(lost)} cells lost".lstrip(": "))
    ax.set(xlim=(-0.5, right + chunk + 0.5), ylim=(len(order) + 0.1, -1))
    ax.axis("off")
    return len(lost)


def _draw_cells(ax: Axes, cells: np.ndarray, *, x: float, y: float) -> None:
    for n, cell in enumerate(cells):
        ax.add_patch(Rectangle((x + n, y + 0.1), 1, 0.6, facecolor=_WRITERS[cell], edgecolor="white"))
        ax.text(x + n + 0.5, y + 0.4, str(cell), ha="center", va="center", fontsize=10)


def _draw_step(ax: Axes, step: str, *, y: float, chunk: int) -> None:
    """Draw an arrow between a writer and the store: towards the one that gets the chunk."""
    left = chunk + 0.1 if step[0] == "1" else 2 * chunk + 2.1
    right = left + 1.8
    to_the_right = step in ("1 writes", "2 reads")
    start, end = (left, right) if to_the_right else (right, left)
    ax.annotate("", (end, y + 0.4), (start, y + 0.4), arrowprops={"arrowstyle": "-|>", "lw": 2, "color": "black"})
    ax.text((left + right) / 2, y + 0.32, step[2:], ha="center", va="bottom", fontsize=10)


def draw_task_graph(ax: Axes, pieces: Sequence[int], *, chunk: int, title: str = "") -> int:
    """Draw which stored chunks each task of a read fetches, for one dimension.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw. Arrows go from what is stored up to the task that reads it.
    pieces : sequence of int
        Cells of each task, such as ``x.chunks[0]`` of a Dask array.
    chunk : int
        Cells of a stored chunk.
    title : str
        What stands above the picture.

    Returns
    -------
    int
        How many arrows there are: a request each.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_task_graph(ax, (6, 6, 6, 6), chunk=8)
    6
    >>> plt.close(fig)
    """
    starts = list(itertools.accumulate(pieces, initial=0))
    chunks = _spans(starts[-1], chunk)
    arrows = 0
    for n, task in enumerate(itertools.pairwise(starts)):
        _draw_box(ax, task, y=2, name=f"task {n}", color=FIRST)
        for stored in chunks:
            if task[0] < stored[1] and stored[0] < task[1]:
                tip, tail = (sum(task) / 2, 2), (sum(stored) / 2, 0.6)
                ax.annotate("", tip, tail, arrowprops={"arrowstyle": "-|>", "lw": 1.8, "color": "black"})
                arrows += 1
    for n, stored in enumerate(chunks):
        _draw_box(ax, stored, y=0, name=f"chunk {n}", color=NOBODY)
    tasks = f"{len(pieces)} tasks, {len(chunks)} chunks, {arrows} requests"
    ax.set(xlim=(0, starts[-1]), ylim=(-0.05, 2.65), title=f"{title}: {tasks}".lstrip(": "))
    ax.axis("off")
    return arrows


def draw_pieces_over_chunks(ax: Axes, pieces: Sequence[int], *, chunk: int, title: str = "") -> int:
    """Draw Dask's pieces above what Zarr writes, and mark each chunk or shard that has more than one writer.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    pieces : sequence of int
        Cells of each Dask chunk along one dimension.
    chunk : int
        Cells along it of what is written: a Zarr chunk, or a shard where there are shards.
    title : str
        What stands above the picture.

    Returns
    -------
    int
        How many chunks or shards have more than one writer: there data can be lost.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_pieces_over_chunks(ax, (4, 4, 4, 4), chunk=8), draw_pieces_over_chunks(ax, (8, 8), chunk=4)
    (2, 0)
    >>> plt.close(fig)
    """
    starts = list(itertools.accumulate(pieces, initial=0))
    for piece in itertools.pairwise(starts):
        _draw_box(ax, piece, y=1, name="", color=FIRST)
    shared = 0
    for written in _spans(starts[-1], chunk):
        writers = sum(start < written[1] and written[0] < stop for start, stop in itertools.pairwise(starts))
        shared += writers > 1
        _draw_box(ax, written, y=0, name=str(writers), color=UNSAFE if writers > 1 else SAFE)
    ax.set(xlim=(0, starts[-1]), ylim=(-0.1, 1.7), title=f"{title}: {shared} with more than one writer".lstrip(": "))
    ax.set_yticks([1.3, 0.3], ["Dask", "Zarr"])
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return shared


def _spans(length: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, length)) for start in range(0, length, size)]


def _draw_box(ax: Axes, span: tuple[int, int], *, y: float, name: str, color: str) -> None:
    start, stop = span
    ax.add_patch(Rectangle((start, y), stop - start, 0.6, facecolor=color, edgecolor="white", linewidth=2))
    ax.text((start + stop) / 2, y + 0.3, name, ha="center", va="center", fontsize=10)


def draw_labels(ax: Axes, field: xr.DataArray, *, lat: slice, lon: slice) -> tuple[int, int]:
    """Draw a map with its places on two sides and its labels on the two others, and frame a selection by label.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    field : xarray.DataArray
        A map of dimensions ``lat`` and ``lon``.
    lat, lon : slice
        The selection, in degrees, both ends included.

    Returns
    -------
    tuple of int
        Rows and columns of the selection.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from helpers.data import air_temperature
    >>> fig, ax = plt.subplots()
    >>> draw_labels(ax, air_temperature()["air"][0], lat=slice(50, 30), lon=slice(240, 260))
    (9, 9)
    >>> plt.close(fig)
    """
    rows, columns = (field.get_index(name).slice_indexer(each.start, each.stop) for name, each in _named(lat, lon))
    image = ax.imshow(field, aspect="auto")
    ax.grid(visible=False)
    size = (rows.stop - rows.start, columns.stop - columns.start)
    corner = (columns.start - 0.5, rows.start - 0.5)
    ax.add_patch(Rectangle(corner, size[1], size[0], fill=False, edgecolor=UNSAFE, linewidth=3))
    ax.set_xticks(range(0, field.sizes["lon"], 8), field.lon.values[::8].astype(int))
    ax.set_yticks(range(0, field.sizes["lat"], 4), field.lat.values[::4].astype(int))
    ax.set(xlabel="coordinate lon: labels in °E", ylabel="coordinate lat: labels in °N")
    places = ax.secondary_xaxis("top")
    places.set_xticks(range(0, field.sizes["lon"], 8))
    places.set_xlabel("dimension lon: places")
    places = ax.secondary_yaxis("right")
    places.set_yticks(range(0, field.sizes["lat"], 4))
    places.set_ylabel("dimension lat: places")
    ax.figure.colorbar(image, ax=ax, label=f"{field.name}, {field.attrs.get('units', '')}", pad=0.02)
    return size


def _named(lat: slice, lon: slice) -> list[tuple[str, slice]]:
    return [("lat", lat), ("lon", lon)]
