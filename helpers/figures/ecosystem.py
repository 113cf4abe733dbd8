"""Draws how Zarr reads what others wrote (lesson 14): byte ranges of files as chunks, and a pyramid of levels."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from matplotlib.patches import ConnectionPatch, Rectangle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

__all__ = ["draw_pyramid", "draw_references"]

_FILL, _EDGE, _READ = "#DDDDDD", "#333333", "#D55E00"
_FILES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")


def draw_references(
    fig: Figure, references: Sequence[tuple[str, int, int]], sizes: Mapping[str, int]
) -> dict[str, list[int]]:
    """Draw which bytes of which file each chunk of a virtual array is.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        An empty figure, about 9 by 4 inches.
    references : sequence of (str, int, int)
        For each chunk, in order: file, first byte, number of bytes.
    sizes : mapping of str to int
        The size of each file in bytes.

    Returns
    -------
    dict of str to list of int
        The numbers of the chunks that lie in each file.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig = plt.figure()
    >>> draw_references(fig, [("a.nc", 8, 4), ("a.nc", 12, 4), ("b.nc", 8, 4)], {"a.nc": 20, "b.nc": 16})
    {'a.nc': [0, 1], 'b.nc': [2]}
    >>> plt.close(fig)
    """
    top, bottom = fig.subplots(2, 1, height_ratios=[len(sizes), 1])
    files, held = {name: row for row, name in enumerate(sizes)}, {name: list[int]() for name in sizes}
    for name, row in files.items():
        top.add_patch(Rectangle((0, row - 0.3), sizes[name], 0.6, facecolor=_FILL, edgecolor=_EDGE))
    for chunk, (name, start, length) in enumerate(references):
        colour = _FILES[files[name] % len(_FILES)]
        held[name].append(chunk)
        top.add_patch(Rectangle((start, files[name] - 0.3), length, 0.6, facecolor=colour, edgecolor="white"))
        bottom.add_patch(Rectangle((chunk, 0), 1, 1, facecolor=colour, edgecolor="white"))
        bottom.text(chunk + 0.5, 0.5, str(chunk), ha="center", va="center", color="white", fontweight="bold")
        ends = (start + length / 2, files[name] + 0.3), (chunk + 0.5, 1)
        fig.add_artist(ConnectionPatch(*ends, top.transData, bottom.transData, color=colour, lw=1, zorder=-1))
    top.set(xlim=(0, max(sizes.values())), ylim=(len(sizes) - 0.5, -0.5), xlabel="place in the file (MB)")
    top.set_yticks(range(len(sizes)), [*sizes])
    top.set_title(f"{len(references)} byte ranges of {len(sizes)} files, one array")
    top.xaxis.set_major_formatter(lambda byte, _: f"{byte / 1e6:g}")
    top.xaxis.tick_top()
    top.xaxis.set_label_position("top")
    top.grid(visible=False)
    for ax in (top, bottom):
        ax.patch.set_visible(False)  # the lines lie behind
    bottom.set(xlim=(0, len(references)), ylim=(0, 1), yticks=[], xticks=[])
    bottom.set_xlabel("chunk of the virtual array, along time")
    return held


def draw_pyramid(
    fig: Figure, shapes: Sequence[tuple[int, int]], *, chunks: tuple[int, int], read: Sequence[int]
) -> list[int]:
    """Draw the levels of a pyramid with their chunks, those that were read in colour.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        An empty figure, about 9 by 3 inches.
    shapes : sequence of (int, int)
        Rows and columns of each level, in pixels, the finest first.
    chunks : tuple of int
        Rows and columns of a chunk, the same for all levels.
    read : sequence of int
        How many chunks of each level were read; 0 for none.

    Returns
    -------
    list of int
        How many chunks each level has.

    Raises
    ------
    ValueError
        When more chunks were read than a level has.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig = plt.figure()
    >>> draw_pyramid(fig, [(256, 256), (128, 128)], chunks=(64, 64), read=[16, 0])
    [16, 4]
    >>> plt.close(fig)
    """
    counts = [-(-rows // chunks[0]) * -(-columns // chunks[1]) for rows, columns in shapes]
    if any(some > all_ for some, all_ in zip(read, counts, strict=True)):
        msg = f"{list(read)} chunks were read, but the levels have {counts}."
        raise ValueError(msg)
    axs = fig.subplots(1, len(shapes), width_ratios=[1.0] * len(shapes))
    for level, (ax, (rows, columns), some) in enumerate(zip(axs, shapes, read, strict=True)):
        for number, (y, x) in enumerate(product(range(0, rows, chunks[0]), range(0, columns, chunks[1]))):
            size = min(chunks[1], columns - x), min(chunks[0], rows - y)
            colour = _READ if number < some else _FILL
            ax.add_patch(Rectangle((x, y), *size, facecolor=colour, edgecolor="white", linewidth=2))
        ax.set(xlim=(0, shapes[0][1]), ylim=(shapes[0][0], 0), aspect="equal")
        ax.set_title(f"level {level}", loc="center")
        ax.set_xlabel(f"{rows} by {columns} pixels\nchunks: {counts[level]}, read: {some}")
        ax.set(xticks=[], yticks=[], frame_on=False)
    return counts
