"""Draws what all this is about in one picture: `python -m tools.chunks_picture` writes images/chunks.png.

An array, the objects that its chunks become, and what a reader of a part fetches: written, read and counted with Zarr.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import zarr
from matplotlib.patches import ConnectionPatch, FancyBboxPatch, Rectangle
from zarr.storage import MemoryStore

from helpers.counting import CountingStore
from helpers.data import air_temperature
from helpers.units import format_nbytes

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE = Path(__file__).parent.parent / "images" / "chunks.png"
ROWS, COLUMNS = 24, 52
HIGH, WIDE = 6, 13  # rows and columns of a chunk, which holds all times
TOP, BOTTOM, LEFT, RIGHT = 8, 15, 18, 33  # what is asked for
QUIET, FETCHED, INK = "#E8E8E8", "#E69F00", "#1A1A1A"


@dataclass(frozen=True)
class Reading:
    """Hold one map of the year, the chunks that the read touches by row and column, and what was counted."""

    day: npt.NDArray[np.float32]
    touched: frozenset[tuple[int, int]]
    requests: int
    fetched_nbytes: int
    stored_nbytes: int


def read() -> Reading:
    """Write a year of maps in chunks, read all times of a region, and count."""
    air = air_temperature().air.values[:, :ROWS, :COLUMNS].astype("float32")
    counted = CountingStore(MemoryStore())
    array = zarr.create_array(counted, data=air, chunks=(len(air), HIGH, WIDE))
    counted.reset()
    region = np.s_[:, TOP:BOTTOM, LEFT:RIGHT]
    np.testing.assert_array_equal(array[region], air[region])
    rows, columns = range(TOP // HIGH, -(-BOTTOM // HIGH)), range(LEFT // WIDE, -(-RIGHT // WIDE))
    return Reading(
        day=air[83],
        touched=frozenset((row, column) for row in rows for column in columns),
        requests=counted.reads,
        fetched_nbytes=counted.bytes_read,
        stored_nbytes=array.nbytes_stored(),
    )


def draw(reading: Reading) -> Figure:
    """Draw the array, its objects and the reader, from left to right."""
    with plt.style.context("helpers.figures.lessons"):
        figure, axes = plt.subplots(1, 3, figsize=(9.6, 1.9), dpi=110)
        for ax in axes:
            ax.set_axis_off()
            ax.set_aspect("equal")
        _draw_array(axes[0], reading)
        _draw_objects(axes[1], reading)
        _draw_reader(axes[2], reading)
        for start, end, text in (axes[0], axes[1], "write"), (axes[1], axes[2], "read"):
            figure.add_artist(
                ConnectionPatch(
                    (1.01, 0.5),
                    (-0.01, 0.5),
                    "axes fraction",
                    "axes fraction",
                    axesA=start,
                    axesB=end,
                    arrowstyle="-|>",
                )
            )
            start.text(1.05, 0.56, text, transform=start.transAxes, color=INK)
    return figure


def _draw_array(ax: Axes, reading: Reading) -> None:
    ax.set_title("An array, cut into chunks")
    ax.imshow(reading.day, cmap="cividis", extent=(0, COLUMNS, ROWS, 0))
    for row in range(0, ROWS + 1, HIGH):
        ax.plot([0, COLUMNS], [row, row], color="white", linewidth=1.5)
    for column in range(0, COLUMNS + 1, WIDE):
        ax.plot([column, column], [0, ROWS], color="white", linewidth=1.5)
    ax.add_patch(
        Rectangle((LEFT, TOP), RIGHT - LEFT, BOTTOM - TOP, facecolor="none", edgecolor=FETCHED, linewidth=3, zorder=3)
    )


def _draw_objects(ax: Axes, reading: Reading) -> None:
    ax.set_title("Each chunk becomes an object")
    ax.set(xlim=(0, COLUMNS), ylim=(ROWS, 0))
    for row in range(ROWS // HIGH):
        for column in range(COLUMNS // WIDE):
            colour = FETCHED if (row, column) in reading.touched else QUIET
            corner = (column * WIDE + 1.4, row * HIGH + 1.1)
            ax.add_patch(FancyBboxPatch(corner, WIDE - 2.8, HIGH - 2.2, boxstyle="round,pad=0.5", color=colour))
            middle = (column * WIDE + WIDE / 2, row * HIGH + HIGH / 2)
            ax.text(*middle, f"c/0/{row}/{column}", ha="center", va="center", fontsize=10, color=INK)


def _draw_reader(ax: Axes, reading: Reading) -> None:
    ax.set_title("Readers fetch what they need")
    ax.set(xlim=(0, COLUMNS), ylim=(ROWS, 0))
    part = reading.day[TOP:BOTTOM, LEFT:RIGHT]
    high, wide = part.shape
    limits = float(reading.day.min()), float(reading.day.max())
    ax.imshow(part, cmap="cividis", vmin=limits[0], vmax=limits[1], extent=(0, 2.4 * wide, 0.5 + 2.4 * high, 0.5))
    ax.add_patch(Rectangle((0, 0.5), 2.4 * wide, 2.4 * high, facecolor="none", edgecolor=FETCHED, linewidth=3))
    told = f"{reading.requests} of {ROWS // HIGH * COLUMNS // WIDE} objects,"
    told += f" {format_nbytes(reading.fetched_nbytes)} of {format_nbytes(reading.stored_nbytes)}"
    ax.text(0, 21, told, ha="left", va="center", color=INK)


def main() -> None:
    """Write the picture."""
    draw(read()).savefig(PICTURE, metadata={"Software": None})


if __name__ == "__main__":
    main()
