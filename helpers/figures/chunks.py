"""Draws which chunks a selection touches, in colours that colour-blind readers can tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from matplotlib.colors import ListedColormap

from helpers.cost import plan_read

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from helpers.cost import Indexer, Selection

__all__ = ["draw_chunks"]


# Light grey, and sky blue and vermilion of Okabe and Ito (https://jfly.uni-koeln.de/color/).
UNTOUCHED, TOUCHED, WANTED = "#F2F2F2", "#56B4E9", "#D55E00"


def draw_chunks(
    ax: Axes,
    shape: tuple[int, int],
    *,
    chunks: tuple[int, int],
    selection: Selection,
    title: str = "",
    indexer: Indexer = "basic",
) -> int:
    """Draw a two-dimensional array: its chunks, those that a selection touches, and the selection itself.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw, best 2.5 inches wide or more.
    shape, chunks : tuple of int
        Rows and columns of the array and of a chunk.
    selection : selection
        What stands between the brackets; `numpy.s_` writes it down.
    title : str
        What stands above the picture, before the number of chunks.
    indexer : {"basic", "oindex", "vindex", "blocks"}
        What stands before the brackets.

    Returns
    -------
    int
        How many chunks are touched, as `helpers.cost.plan_read` counts them.

    Raises
    ------
    IndexError, ValueError
        As for `helpers.cost.plan_read`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_chunks(ax, (8, 8), chunks=(4, 2), selection=np.s_[0])
    4
    >>> plt.close(fig)
    """
    plan = plan_read(shape, "u1", chunks, selection, indexer=indexer)
    array = zarr.create_array({}, shape=shape, chunks=chunks, dtype=bool)
    setters: Any = {"basic": array, "oindex": array.oindex, "vindex": array.vindex, "blocks": array.blocks}
    setters[indexer][selection] = True
    wanted = np.asarray(array[:])
    cells = wanted.astype(np.uint8)
    for row in range(0, shape[0], chunks[0]):
        for column in range(0, shape[1], chunks[1]):
            chunk = np.s_[row : row + chunks[0], column : column + chunks[1]]
            cells[chunk] += wanted[chunk].any()
    ax.imshow(cells, cmap=ListedColormap([UNTOUCHED, TOUCHED, WANTED]), vmin=0, vmax=2, interpolation="nearest")
    ax.set_xticks(np.arange(0, shape[1] + 1, chunks[1]) - 0.5, labels=[])
    ax.set_yticks(np.arange(0, shape[0] + 1, chunks[0]) - 0.5, labels=[])
    ax.grid(color="black", linewidth=1)
    ax.set_axisbelow(False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(True)
    of_all = plan_read(shape, "u1", chunks, ...).chunks
    ax.set_title(f"{title}\n{plan.chunks} of {of_all} chunks".strip())
    return plan.chunks
