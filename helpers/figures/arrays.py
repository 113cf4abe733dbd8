"""Draws what an array is made of: workers and chunks, keys and values, memory, files, and what a resize leaves behind.

Each function draws real things, an array or what lies in a store, and returns in numbers what it drew.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import numpy.typing as npt
    import zarr
    from matplotlib.axes import Axes

__all__ = [
    "draw_files",
    "draw_key_value",
    "draw_order",
    "draw_regions",
    "draw_resize",
    "draw_strides",
    "draw_views",
    "draw_workers",
]

# Of Okabe and Ito (https://jfly.uni-koeln.de/color/): four that stand apart, and three quiet ones.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
QUIET, HIDDEN, MISSING = "#EEEEEE", "#BBBBBB", "#FFFFFF"


class _Box(NamedTuple):
    """A rectangle: its lower left corner, width and height."""

    x: float
    y: float
    width: float
    height: float

    def cells(self, rows: int, columns: int) -> Iterator[tuple[int, int, _Box]]:
        """Cut it into rows, from the top, and columns."""
        width, height = self.width / columns, self.height / rows
        for row, column in product(range(rows), range(columns)):
            top = self.y + self.height - (row + 1) * height
            yield row, column, _Box(self.x + column * width, top, width, height)


def draw_workers(ax: Axes, z: zarr.Array[Any], *, workers: int = 4) -> dict[str, int]:
    """Draw how an array is cut into chunks, which workers take, and how what they make becomes an output.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw, best 8 by 3 inches.
    z : zarr.Array
        An array of two dimensions. Each row of chunks goes to one worker, in turn.
    workers : int
        At most four, one for each colour.

    Returns
    -------
    dict of str to int
        How many chunks each worker takes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt, zarr
    >>> z = zarr.create_array({}, shape=(8, 6), chunks=(2, 3), dtype="u1")
    >>> fig, ax = plt.subplots()
    >>> draw_workers(ax, z, workers=2)
    {'worker 1': 4, 'worker 2': 4}
    >>> plt.close(fig)
    """
    rows, columns = z.cdata_shape
    taken = {f"worker {n + 1}": 0 for n in range(workers)}
    _canvas(ax, 100, 36)
    _box(ax, _Box(0, 5, 22, 24), QUIET, f"{z.shape[0]:,} by {z.shape[1]:,}\n{z.dtype}")
    for place in (29, 78):
        for row, _, cell in _Box(place, 5, 22, 24).cells(rows, columns):
            _box(ax, cell, COLOURS[row % workers])
            taken[f"worker {row % workers + 1}"] += place == 29
    for (worker, colour), box in _in_rows(_Box(57, 4, 15, 26), list(zip(taken, COLOURS, strict=False))):
        _box(ax, box._replace(height=box.height - 1.5), colour, worker)
    for x in (22.5, 51.5, 72.5):
        _arrow(ax, (x, 17), (x + 5, 17))
    for x, title in ((11, "an array"), (40, f"{rows * columns} chunks"), (64.5, "workers"), (89, "the output")):
        ax.text(x, 32, title, ha="center", weight="bold")
    return taken


def draw_key_value(ax: Axes, z: zarr.Array[Any], contents: Mapping[str, Any], *, chunk: tuple[int, int]) -> list[int]:
    """Draw the way of one chunk: cut out of the array, through the codecs, to a value under a key of a store.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw, best 8 by 3 inches.
    z : zarr.Array
        An array of two dimensions in a store of memory.
    contents : mapping of str to Buffer
        What lies in that store.
    chunk : tuple of int
        Row and column of the chunk that is followed.

    Returns
    -------
    list of int
        Bytes of the chunk before and after its codecs.

    Examples
    --------
    >>> import matplotlib.pyplot as plt, zarr
    >>> contents = {}
    >>> z = zarr.create_array(
    ...     zarr.storage.MemoryStore(contents), data=np.ones((4, 4)), chunks=(2, 2), compressors=None
    ... )
    >>> fig, ax = plt.subplots()
    >>> draw_key_value(ax, z, contents, chunk=(0, 1))
    [32, 32]
    >>> plt.close(fig)
    """
    rows, columns = z.cdata_shape
    key = f"c/{chunk[0]}/{chunk[1]}"
    _canvas(ax, 100, 36)
    for row, column, cell in _Box(0, 5, 24, 24).cells(rows, columns):
        ours = (row, column) == chunk
        _box(ax, cell, COLOURS[0] if ours else QUIET, f"{row}, {column}")
    nbytes = [int(np.prod(z.chunks)) * z.dtype.itemsize, len(contents[key])]
    codecs = [type(codec).__name__ for codec in (z.serializer, *z.compressors)]
    _box(ax, _Box(34, 8, 22, 18), MISSING, f"{nbytes[0]:,} bytes\n\n" + "\n".join(codecs) + f"\n\n{nbytes[1]:,} bytes")
    for (name, value), box in _in_rows(_Box(66, 3, 34, 28), sorted(contents.items())):
        ours = name == key
        _box(ax, box._replace(width=16), COLOURS[0] if ours else QUIET, name)
        _box(ax, box._replace(x=82, width=18), COLOURS[0] if ours else QUIET, f"{len(value):,} bytes")
    _arrow(ax, (25, 17), (33, 17))
    _arrow(ax, (57, 17), (65, 17))
    for x, title in ((12, "array, in chunks"), (45, "codecs"), (74, "keys"), (91, "values")):
        ax.text(x, 33, title, ha="center", weight="bold")
    return nbytes


def draw_regions(ax: Axes, length: int, *, chunk: int, regions: Sequence[slice], title: str = "") -> int:
    """Draw who writes which elements of a strip, and outline the chunks that two or more writers share.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw, best 8 by 1.3 inches.
    length, chunk : int
        Elements of the array, of one dimension, and of a chunk.
    regions : sequence of slice
        What each writer writes, at most four of them.
    title : str
        What stands above the picture, before the number of shared chunks.

    Returns
    -------
    int
        How many chunks are shared.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_regions(ax, 8, chunk=4, regions=[slice(0, 2), slice(2, 8)])
    1
    >>> plt.close(fig)
    """
    writer = np.full(length, -1)
    for number, region in enumerate(regions):
        writer[region] = number
    _canvas(ax, length, 2)
    for place, number in enumerate(writer.tolist()):
        colour, name = (QUIET, "") if number < 0 else (COLOURS[number], f"{number + 1}")
        _box(ax, _Box(place, 0.9, 1, 1), colour, name)
    shared = 0
    for start in range(0, length, chunk):
        own = sorted(set(writer[start : start + chunk].tolist()) - {-1})
        shared += len(own) > 1
        wide = min(chunk, length - start)
        ax.add_patch(Rectangle((start, 0.9), wide, 1, fill=False, linewidth=4))
        said = f"shared by {' and '.join(str(number + 1) for number in own)}" if len(own) > 1 else "one writer"
        ax.text(start + wide / 2, 0.6, said if own else "", ha="center", va="top")
    ax.set_title(f"{title}: {shared} shared chunk{'s' * (shared != 1)}".lstrip(": "))
    return shared


def draw_strides(ax: Axes, array: npt.NDArray[Any]) -> tuple[int, ...]:
    """Draw an array of two or three dimensions as it lies in memory, and the step along each axis.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw, best 8 by 2.4 inches.
    array : numpy.ndarray
        Numbers in C order, few enough to be read: their values are written down.

    Returns
    -------
    tuple of int
        The strides, in bytes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_strides(ax, np.arange(24, dtype="int32").reshape(2, 3, 4))
    (48, 16, 4)
    >>> plt.close(fig)
    """
    _canvas(ax, array.size, 7)
    row = array.shape[-1]
    for place, value in enumerate(array.ravel().tolist()):
        colour = COLOURS[place // row % array.shape[-2] % 4]
        _box(ax, _Box(place, 0.8, 1, 1.2), colour, f"{value}")
        if place % row == 0:
            ax.text(place, 0.5, f"{place * array.itemsize}", ha="center", va="top")
    ax.text(array.size, 0.5, f"{array.nbytes} bytes", ha="right", va="top")
    for axis, step in enumerate(array.strides):
        end, y = step / array.itemsize + 0.5, 6 - 1.6 * axis
        _arrow(ax, (0.4, y), (end + 0.1, y))
        ax.plot([end, end], [2, y], color="black", linewidth=1)
        ax.text(0.4, y + 0.25, f"axis {axis}: {step} bytes", va="bottom")
    return array.strides


def draw_views(ax: Axes, array: npt.NDArray[Any], results: Mapping[str, npt.NDArray[Any]]) -> dict[str, int]:
    """Draw which numbers of an array each result shows where they lie, or the memory of its own that a copy has.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw, best 9 inches by 0.9 for each result.
    array : numpy.ndarray
        Numbers in C order, few enough to be read: their values are written down.
    results : mapping of str to numpy.ndarray
        Views of `array` and copies of a part of it, by the line that made them.

    Returns
    -------
    dict of str to int
        How many numbers of each result lie in the memory of `array`: all of them, or none.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> numbers = np.arange(6)
    >>> fig, ax = plt.subplots()
    >>> draw_views(ax, numbers, {"numbers[::2]": numbers[::2], "numbers[[0, 2]]": numbers[[0, 2]]})
    {'numbers[::2]': 3, 'numbers[[0, 2]]': 0}
    >>> plt.close(fig)
    """
    views = {name: _places(array, result) for name, result in results.items() if np.shares_memory(array, result)}
    width = array.size + 1 + max(result.size for result in results.values())
    _canvas(ax, width, 2 * len(results))
    for (name, result), box in _in_rows(_Box(0, 0, width, 2 * len(results)), results.items()):
        shown = views.get(name, set())
        for place, value in enumerate(array.ravel().tolist()):
            _box(ax, _Box(place, box.y + 0.1, 1, 1), COLOURS[0] if place in shown else QUIET, f"{value}")
        own = [] if name in views else result.ravel().tolist()
        for place, value in enumerate(own, start=array.size + 1):
            _box(ax, _Box(place, box.y + 0.1, 1, 1), COLOURS[1], f"{value}")
        ax.text(0, box.y + 1.3, f"{name}: a {'view' if name in views else 'copy'}", va="bottom")
    return {name: len(views.get(name, ())) for name in results}


def draw_order(ax: Axes, places: npt.NDArray[np.integer[Any]], *, title: str = "") -> tuple[int, int]:
    """Draw in which order the elements of a table lie in memory: the table, and the strip.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw, best 2.6 by 3 inches.
    places : numpy.ndarray
        Where each element of a table of four rows or less lies, counted from 0.
    title : str
        What stands above the picture.

    Returns
    -------
    tuple of (int, int)
        If memory is fetched in pieces as long as a row: how many hold a part of the first row, and of the first
        column.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_order(ax, np.arange(16).reshape(4, 4))
    (1, 4)
    >>> plt.close(fig)
    """
    rows, columns = places.shape
    _canvas(ax, 16, 16)
    strip = [cell for _, _, cell in _Box(0, 0, 16, 2).cells(1, places.size)]
    for row, column, cell in _Box(2, 4, 12, 11).cells(rows, columns):
        place = int(places[row, column])
        _box(ax, cell, COLOURS[row], f"{place}")
        _box(ax, strip[place], COLOURS[row], "•" * (column == 0))
    ax.text(8, 2.3, "in memory (• first column)", ha="center")
    ax.set_title(title, loc="center")
    return len(set((places[0] // columns).tolist())), len(set((places[:, 0] // columns).tolist()))


def draw_files(ax: Axes, z: zarr.Array[Any], files: Mapping[str, int]) -> list[str]:
    """Draw an array, its chunks, and the files in which they lie beside `zarr.json`.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw, best 8 by 3 inches.
    z : zarr.Array
        An array of two dimensions, in four chunks or less.
    files : mapping of str to int
        The files of its folder and their bytes.

    Returns
    -------
    list of str
        The keys of chunks without a file.

    Examples
    --------
    >>> import matplotlib.pyplot as plt, zarr
    >>> z = zarr.create_array({}, shape=(4, 4), chunks=(2, 4), dtype="u1")
    >>> fig, ax = plt.subplots()
    >>> draw_files(ax, z, {"zarr.json": 600, "c/0/0": 90})
    ['c/1/0']
    >>> plt.close(fig)
    """
    rows, columns = z.cdata_shape
    keys = [f"c/{row}/{column}" for row, column in product(range(rows), range(columns))]
    colours = dict(zip(keys, COLOURS, strict=False))
    _canvas(ax, 100, 36)
    _box(ax, _Box(0, 4, 25, 25), QUIET, f"{z.shape[0]} by {z.shape[1]}\n{z.dtype}")
    for row, column, cell in _Box(35, 4, 25, 25).cells(rows, columns):
        _box(ax, cell, colours[f"c/{row}/{column}"], f"{row}, {column}")
    for name, box in _in_rows(_Box(70, 2, 30, 29), ["zarr.json", *keys]):
        there, colour = name in files, colours.get(name, QUIET)
        label = f"{name}   {files[name]:,} bytes" if there else f"{name}   no file"
        _box(ax, box._replace(height=box.height - 1), colour if there else MISSING, label)
    _arrow(ax, (26, 16.5), (34, 16.5))
    _arrow(ax, (61, 16.5), (69, 16.5))
    for x, title in ((12.5, "one array"), (47.5, f"{len(keys)} chunks"), (85, "files")):
        ax.text(x, 33, title, ha="center", weight="bold")
    return [key for key in keys if key not in files]


def draw_resize(ax: Axes, steps: Mapping[str, tuple[Sequence[int], Sequence[int]]], *, chunk: int) -> dict[str, int]:
    """Draw a strip of numbers before and after each resize: what is seen, and what is stored unseen beyond the edge.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw, best 8 by 3 inches.
    steps : mapping of str to (sequence of int, sequence of int)
        For each step the numbers that a reader gets, and those in the chunks that are stored, in their order.
    chunk : int
        Numbers in a chunk.

    Returns
    -------
    dict of str to int
        How many numbers are stored beyond the edge at each step.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_resize(ax, {"made": ([1, 2, 3], [1, 2, 3, 0]), "shrunk": ([1], [1, 2])}, chunk=2)
    {'made': 1, 'shrunk': 1}
    >>> plt.close(fig)
    """
    longest = max(max(len(seen), len(stored)) for seen, stored in steps.values())
    _canvas(ax, longest + 4, 1.5 * len(steps))
    hidden = {}
    for (label, (seen, stored)), box in _in_rows(_Box(4, 0, longest, 1.5 * len(steps)), steps.items()):
        ax.text(3.7, box.y + 0.6, label, ha="right", va="center")
        hidden[label] = max(len(stored) - len(seen), 0)
        for place in range(max(len(seen), len(stored))):
            value = seen[place] if place < len(seen) else stored[place]
            face = MISSING if place >= len(stored) else COLOURS[0] if place < len(seen) else HIDDEN
            _box(ax, _Box(4 + place, box.y + 0.1, 1, 1), face, f"{value}")
        for start in range(0, len(stored), chunk):
            ax.add_patch(Rectangle((4 + start, box.y + 0.1), chunk, 1, fill=False, linewidth=3))
    ax.set_title("Blue: seen and stored. Grey: stored, not seen. White: seen, not stored.")
    return hidden


def _places(array: npt.NDArray[Any], view: npt.NDArray[Any]) -> set[int]:
    """Return where in `array`, counted in numbers, those of a view of it begin."""
    steps = np.tensordot(view.strides, np.indices(view.shape), axes=1)
    return set(((view.ctypes.data - array.ctypes.data + steps) // array.itemsize).ravel().tolist())


def _canvas(ax: Axes, width: float, height: float) -> None:
    """Make a page without axes that fills its place."""
    ax.set(xlim=(-0.01 * width, 1.01 * width), ylim=(-0.02 * height, 1.02 * height))
    ax.axis("off")


def _box(ax: Axes, box: _Box, face: str, text: str = "") -> None:
    ink = "white" if face in COLOURS[:3] else "black"
    ax.add_patch(Rectangle(box[:2], *box[2:], facecolor=face, edgecolor="black", linewidth=0.8))
    ax.text(box.x + box.width / 2, box.y + box.height / 2, text, ha="center", va="center", color=ink)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=18, linewidth=2, color="black"))


def _in_rows[T](box: _Box, items: Collection[T]) -> Iterator[tuple[T, _Box]]:
    """Give each item a row of `box`, from the top."""
    for item, (_, _, cell) in zip(items, box.cells(len(items), 1), strict=True):
        yield item, cell
