"""Draws what lessons 03 and 04 say: a shard inside, suggested chunks, the way through codecs, and what codecs cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import zarr
from matplotlib.colors import LogNorm
from matplotlib.patches import Polygon, Rectangle

from helpers.units import format_nbytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes

    from helpers.cost import Suggestion

__all__ = ["draw_chain", "draw_codecs", "draw_shard", "draw_shuffle", "draw_suggestions"]

# Light grey, and orange, sky blue (lighter), green, vermilion and blue of Okabe and Ito (https://jfly.uni-koeln.de/color/).
_OTHER, _WANTED, _GAP, _INDEX = "#EEEEEE", "#E69F00", "#9ED2F2", "#009E73"
_WRITE, _READ = "#D55E00", "#0072B2"
_PLACES = ("#CFE8F7", "#9ED2F2", "#F6E3B4", "#E69F00")


def draw_shard(shard: bytes, *, cells: tuple[int, int], touched: Iterable[tuple[int, int]]) -> list[int]:
    """Draw the chunks of a shard twice, where they lie in the array and where in the object, and what a read takes.

    Parameters
    ----------
    shard : bytes
        The object, with its index of plain numbers and a checksum at the end, as zarr writes it unless told otherwise.
    cells : tuple of int
        Chunks of the shard in each of two dimensions.
    touched : iterable of (row, column)
        The chunks that are wanted.

    Returns
    -------
    list of int
        Bytes of each request: the index, then ranges, merged where zarr merges them.

    Examples
    --------
    >>> from zarr.storage import MemoryStore
    >>> objects = {}
    >>> cut = {"chunks": (2, 2), "shards": (4, 4), "compressors": None}
    >>> _ = zarr.create_array(MemoryStore(objects), data=np.ones((4, 4)), **cut)
    >>> draw_shard(objects["c/0/0"].to_bytes(), cells=(2, 2), touched=[(0, 0), (0, 1)])
    [68, 96]
    >>> plt.close()
    """
    nbytes = 16 * cells[0] * cells[1] + 4
    data = len(shard) - nbytes
    index = np.frombuffer(shard[data:-4], "<u8").astype(int).reshape(*cells, 2)
    wanted = set(touched)
    ranges = _merge(sorted((int(index[cell][0]), int(index[cell].sum())) for cell in wanted))
    _, (left, right) = plt.subplots(1, 2, figsize=(8, 2.7), width_ratios=[1, 3.2])
    for number, cell in enumerate(sorted(np.ndindex(cells), key=lambda cell: index[cell][0])):
        begin, length = index[cell].tolist()
        taken = any(start <= begin < end for start, end in ranges)
        colour = _WANTED if cell in wanted else _GAP if taken else _OTHER
        _box(left, (cell[1], cell[0], 1, 1), colour, str(number))
        _box(right, (begin, 0, length, 1), colour, str(number))
    _box(right, (data, 0, data / 9, 1), _INDEX, "index")
    for begin, end in ranges:
        _bracket(right, (begin, end), _READ, format_nbytes(end - begin))
    _bracket(right, (data, data * 10 / 9), _INDEX, format_nbytes(nbytes))
    left.set(xlim=(-0.05, cells[1] + 0.05), ylim=(cells[0] + 0.05, -0.05), aspect="equal", title="In the array")
    right.set(xlim=(0, data * 10 / 9), ylim=(-0.6, 2.1), title=f"In the object: {format_nbytes(len(shard))}")
    right.text(
        0,
        -0.2,
        "orange: wanted · blue: a gap, read as well · grey: not read · index: drawn larger",
        va="top",
        fontsize=10,
    )
    for ax in (left, right):
        ax.axis("off")
    return [nbytes, *(end - begin for begin, end in ranges)]


def draw_suggestions(groups: Mapping[str, Sequence[Suggestion]], *, reads: tuple[str, str]) -> dict[str, list[int]]:
    """Draw what two readers wait with every suggestion, coloured by how many objects there would be.

    Parameters
    ----------
    groups : mapping of str to sequence of Suggestion
        What `helpers.cost.suggest_chunks` returned, the best first, with a name for each of one or two calls.
    reads : tuple of str
        What the two readers want.

    Returns
    -------
    dict of str to list of int
        For each name the fewest and the most objects.

    Examples
    --------
    >>> from helpers.cost import suggest_chunks
    >>> found = suggest_chunks((100, 100), "f8", [(np.s_[0], 1), (np.s_[:, 0], 1)], target_nbytes=800)
    >>> draw_suggestions({"alone": found}, reads=("row", "column"))
    {'alone': [100, 144]}
    >>> plt.close()
    """
    fig, ax = plt.subplots(figsize=(8, 4.5))
    counts = {name: [one.objects for one in group] for name, group in groups.items()}
    norm = LogNorm(min(map(min, counts.values())), max(map(max, counts.values())))
    # The first is labelled above its point, the second below.
    labels = [("o", (12, 10), "left"), ("s", (-12, -24), "right")]
    for (name, group), (marker, offset, side) in zip(groups.items(), labels, strict=False):
        x, y = np.array([one.each_seconds for one in group]).T
        points = ax.scatter(x, y, c=counts[name], norm=norm, marker=marker, edgecolor="black", linewidth=0.3, s=36)
        ax.plot(x[0], y[0], marker, mfc="none", mec=_WRITE, mew=2.5, ms=15)
        ax.annotate(
            f"{name}: {group[0].chunks}", (x[0], y[0]), offset, textcoords="offset points", ha=side, weight="bold"
        )
    fig.colorbar(points, label="objects in the archive")
    ax.set(xscale="log", yscale="log", xlabel=f"{reads[0]} (s)", ylabel=f"{reads[1]} (s)")
    ax.set_title("What two readers wait, for every suggestion")
    return {name: [min(each), max(each)] for name, each in counts.items()}


def draw_chain(stations: Mapping[str, int]) -> list[str]:
    """Draw the way of a chunk through its codecs: a pipe, as wide at each place as there are bytes.

    Parameters
    ----------
    stations : mapping of str to int
        Bytes after each codec, by its name; first what there is before any, such as ``"array"``.

    Returns
    -------
    list of str
        The bytes between the codecs, as the picture says them.

    Examples
    --------
    >>> draw_chain({"array": 8000, "bytes": 8000, "zstd": 1200})
    ['8.0 kB', '8.0 kB', '1.2 kB']
    >>> plt.close()
    """
    names, sizes = list(stations), np.array(list(stations.values()))
    labels = [format_nbytes(size) for size in sizes.tolist()]
    _, ax = plt.subplots(figsize=(8, 3))
    for place, (name, size, label) in enumerate(zip(names, sizes, labels, strict=True)):
        half = max(size / sizes.max(), 0.015)
        colour = _WANTED if place == 0 else _GAP
        ax.add_patch(Polygon([(place, -half), (place + 1, -half), (place + 1, half), (place, half)], color=colour))
        ax.text(place + 0.56, half + 0.08, label, ha="center", va="bottom")
        if place:
            _box(ax, (place - 0.14, -1.15, 0.28, 2.3), "#F2F2F2", name, rotation=90)
    ax.text(0.43, 0, names[0], ha="center", va="center")
    ax.annotate("write", (len(names), 1.6), (0.05, 1.6), arrowprops={"arrowstyle": "->", "color": _WRITE}, va="center")
    ax.annotate(
        "read", (0, -1.6), (len(names) - 0.45, -1.6), arrowprops={"arrowstyle": "->", "color": _READ}, va="center"
    )
    ax.set(xlim=(0, len(names) + 0.05), ylim=(-1.85, 1.85), title="The way of a chunk through its codecs")
    ax.axis("off")
    return labels


def draw_shuffle(numbers: npt.NDArray[np.generic]) -> tuple[list[str], list[str]]:
    """Draw the bytes of some numbers as they lie in a chunk, and as a shuffle puts them.

    Parameters
    ----------
    numbers : numpy.ndarray
        Up to six numbers of up to four bytes.

    Returns
    -------
    tuple of (list of str, list of str)
        The bytes before and after, in hexadecimal.

    Examples
    --------
    >>> draw_shuffle(np.array([1, 258], dtype="<u2"))
    (['01', '00', '02', '01'], ['01', '02', '00', '01'])
    >>> plt.close()
    """
    size = numbers.dtype.itemsize
    table = np.ascontiguousarray(numbers).view("u1").reshape(-1, size)
    places = np.broadcast_to(np.arange(size), table.shape)
    _, ax = plt.subplots(figsize=(8, 3))
    rows = []
    for row, (values, colours) in enumerate([(table, places), (table.T, places.T)]):
        rows.append([f"{value:02x}" for value in values.ravel()])
        for place, (text, colour) in enumerate(zip(rows[-1], colours.ravel(), strict=True)):
            _box(ax, (place, 2.4 * row, 1, 1), _PLACES[colour], text)
    for number, value in enumerate(numbers.ravel().tolist()):
        _bracket(ax, (size * number + 0.1, size * number + size - 0.1), "#666666", f"{value:.6g}", top=-0.2, gap=-0.12)
    for place in range(size):
        middle = (place + 0.5) * len(numbers.ravel())
        ax.text(middle, 3.6, f"byte {place} of each", ha="center", va="top")
    ax.text(0, 2.3, "after the shuffle", va="bottom", weight="bold")
    ax.set(xlim=(-0.1, table.size + 0.1), ylim=(4.1, -1.2), title="The same bytes, number by number and place by place")
    ax.axis("off")
    return rows[0], rows[1]


def draw_codecs(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[str]]:
    """Draw how fast each codec writes and reads, the two joined by a line, with the ratio beside its name.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        What `helpers.measure.compare_codecs` returned, by the name of the data: a panel for each.

    Returns
    -------
    dict of str to list of str
        The codecs of each panel from the top down: the one that saves most comes first.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = {"ratio": [1.0, 4.0], "write_MBps": [900, 100], "read_MBps": [950, 400]}
    >>> draw_codecs({"temperature": pd.DataFrame(columns, index=["none", "zstd"])})
    {'temperature': ['zstd', 'none']}
    >>> plt.close()
    """
    fig, axes = plt.subplots(1, len(tables), figsize=(4.2 * len(tables) + 0.6, 4.6), squeeze=False)
    order = {}
    for ax, (name, table) in zip(axes[0], tables.items(), strict=True):
        table = table.sort_values("ratio", kind="stable")  # noqa: PLW2901
        rows = range(len(table))
        ax.hlines(rows, table["write_MBps"], table["read_MBps"], color="#999999", zorder=1)
        ax.plot(table["write_MBps"], rows, "o", color=_WRITE, label="write")
        ax.plot(table["read_MBps"], rows, "s", color=_READ, label="read")
        ax.set_yticks(rows, [f"{codec}  {ratio:.2g}" for codec, ratio in table["ratio"].items()])
        ax.set(xscale="log", xlabel="MB/s", title=f"{name}: ratio, speed")
        order[name] = table.index[::-1].tolist()
    fig.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return order


def _merge(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merge sorted ranges as zarr does, with the gaps between them."""
    gap = zarr.config.get("array.sharding_coalesce_max_gap_bytes")
    merged = ranges[:1]
    for begin, end in ranges[1:]:
        if begin - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    return merged


def _box(ax: Axes, place: tuple[float, float, float, float], colour: str, text: str, rotation: int = 0) -> None:
    x, y, width, height = place
    ax.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="black", linewidth=0.8, zorder=2))
    ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", rotation=rotation, fontsize=10, zorder=3)


def _bracket(ax: Axes, ends: tuple[float, float], colour: str, text: str, top: float = 1.2, gap: float = 0.12) -> None:
    ax.plot(ends, (top, top), color=colour, linewidth=4, solid_capstyle="butt")
    ax.text(sum(ends) / 2, top + gap, text, ha="center", va="bottom", fontsize=10)
