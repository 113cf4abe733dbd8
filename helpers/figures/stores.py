"""Draws where keys and values lie, what consolidation copies, who calls whom, and requests as bars in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import zarr
from matplotlib.patches import FancyBboxPatch
from zarr.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import WrapperStore

from helpers.units import format_count, format_nbytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from zarr.abc.store import ByteRequest, Store
    from zarr.core.buffer import Buffer, BufferPrototype

    from helpers.cost import Selection

__all__ = ["draw_read", "draw_requests", "draw_tree"]

# Blue, sky blue, orange and vermilion of Okabe and Ito (https://jfly.uni-koeln.de/color/), and their light tints.
GROUP, ARRAY, COPY = "#F6E3B4", "#CFE8F7", "#F7D5BF"
LINE, QUESTION, ANSWER = "#666666", "#0072B2", "#D55E00"
# Ends and begins that are so close, in seconds, are one after the other.
SAME_S = 1e-6
KINDS = {"GET": "#0072B2", "LIST": "#E69F00", "HEAD": "#CC79A7", "PUT": "#009E73", "POST": "#56B4E9"}


def draw_tree(store: Store, *, copies: bool = False) -> dict[str, int]:
    """Draw the groups and arrays of an archive with their metadata documents, and the copies that the root holds.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the archive lies, its root at the top.
    copies : bool, default False
        Draw the consolidated metadata as well, which the root then must have.

    Returns
    -------
    dict of str to int
        The bytes of each ``zarr.json``, by the path of its node; the root is ``""``.

    Examples
    --------
    >>> from zarr.storage import MemoryStore
    >>> store = MemoryStore()
    >>> _ = zarr.create_group(store).create_group("climate")
    >>> draw_tree(store)
    {'': 66, 'climate': 66}
    >>> plt.close()
    """
    root = zarr.open_group(store, mode="r", zarr_format=3, use_consolidated=False)
    nodes = {"": root, **dict(sorted(root.members(max_depth=None)))}
    rows = {path: -float(row) for row, path in enumerate(nodes)}
    _, ax = plt.subplots(figsize=(8, 0.9 + 0.36 * len(nodes)))
    ax.set(xlim=(0, 10.2), ylim=(-len(nodes) + 0.3, 1))
    ax.set_title("What the root copies" if copies else "An archive, node by node")
    ax.axis("off")
    sizes = {}
    for path, node in nodes.items():
        sizes[path] = len(_document(store, path))
        _draw_node(ax, path, node, rows=rows, nbytes=sizes[path])
        if isinstance(node, zarr.Array) and not copies:
            stored = format_count(node.nchunks_initialized, "chunk")
            ax.text(
                7.4,
                rows[path],
                f"{stored}, {format_nbytes(node.nbytes_stored() - sizes[path])}",
                va="center",
                fontsize=10,
            )
    if copies:
        _draw_copies(ax, zarr.open_group(store, mode="r", use_consolidated=True), rows=rows)
    return sizes


def _document(store: Store, path: str) -> bytes:
    value = sync(store.get(f"{path}/zarr.json".lstrip("/"), default_buffer_prototype()))
    return value.to_bytes() if value is not None else b""


def _draw_node(ax: Axes, path: str, node: object, *, rows: Mapping[str, float], nbytes: int) -> None:
    """Draw one row: the branch that leads to it, a box with its name, and its document."""
    depth, row = (path.count("/") + 1 if path else 0), rows[path]
    left = 0.1 + 0.45 * depth
    if path:
        parent = rows[path.rpartition("/")[0]]
        ax.plot([left - 0.25, left - 0.25, left], [parent - 0.36, row, row], color=LINE, linewidth=1, zorder=0)
    label = path.rpartition("/")[2] or "/"
    if isinstance(node, zarr.Array):
        label += f"  {node.shape}".replace(",)", ")")
    _box(ax, (left, row - 0.36), (3.4, 0.72), label, color=ARRAY if isinstance(node, zarr.Array) else GROUP)
    ax.text(4.95, row, f"zarr.json, {format_nbytes(nbytes)}", va="center", fontsize=10, color="black")


def _draw_copies(ax: Axes, root: zarr.Group, *, rows: Mapping[str, float]) -> None:
    """Draw the document of the root, a box as high as the tree, with a line for each document that it copies."""
    held = root.metadata.consolidated_metadata
    names = [] if held is None else sorted(held.flattened_metadata)
    low = min(rows.values())
    outline = FancyBboxPatch((7.2, low - 0.42), 2.9, -low + 0.9, boxstyle="round,pad=0", fc="white", ec=ANSWER, lw=1.5)
    ax.add_patch(outline)
    ax.text(7.35, 0.12, "zarr.json of the root", va="center", fontsize=10, weight="bold")
    for name in names:
        _box(ax, (7.35, rows[name] - 0.32), (2.6, 0.64), name, color=COPY)
        arrow = {"arrowstyle": "->", "color": ANSWER, "linewidth": 1}
        ax.annotate("", (7.3, rows[name]), (6.75, rows[name]), arrowprops=arrow)


def _box(ax: Axes, corner: tuple[float, float], size: tuple[float, float], label: str, *, color: str) -> None:
    ax.add_patch(
        FancyBboxPatch(corner, *size, boxstyle="round,pad=0,rounding_size=0.1", facecolor=color, edgecolor=LINE)
    )
    ax.text(corner[0] + 0.12, corner[1] + size[1] / 2, label, va="center", fontsize=10)


class _Trace(WrapperStore[Any]):
    """Notes which keys are asked for, and how many bytes come."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.got: dict[str, int] = {}

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        value = await super().get(key, prototype, byte_range)
        self.got[key] = 0 if value is None else len(value)
        return value


def draw_read(array: zarr.Array[Any], selection: Selection, *, code: str, backend: str) -> dict[str, int]:
    """Draw who calls whom in one read: the array, its codec pipeline, the store, and what lies behind the store.

    Parameters
    ----------
    array : zarr.Array
        An array without shards.
    selection : selection
        What stands between the brackets.
    code : str
        How the reader writes it.
    backend : str
        What lies behind the store, such as "a folder".

    Returns
    -------
    dict of str to int
        The keys that were asked of the store, with the bytes that came.

    Examples
    --------
    >>> from zarr.storage import MemoryStore
    >>> z = zarr.create_array(MemoryStore(), data=np.arange(8, dtype="u1"), chunks=4, compressors=None)
    >>> draw_read(z, np.s_[2:6], code="z[2:6]", backend="a dict")
    {'c/0': 4, 'c/1': 4}
    >>> plt.close()
    """
    trace = _Trace(array.store)
    values = np.asarray(zarr.open_array(trace, path=array.path, mode="r+", zarr_format=3)[selection])  # type: ignore[index]
    got = {key: size for key, size in sorted(trace.got.items()) if not key.endswith("zarr.json")}
    keys = "\n".join(f"{key}: {format_nbytes(size)}" for key, size in got.items())
    chunk = format_nbytes(int(np.prod(array.chunks)) * array.dtype.itemsize)
    codecs = ", ".join(type(codec).__name__.removesuffix("Codec") for codec in (array.serializer, *array.compressors))
    layers = [
        ("Array", code, f"{values.size} numbers, {format_nbytes(values.nbytes)}"),
        ("Codec pipeline", codecs, f"{len(got)} chunks of {chunk}"),
        (f"Store: {type(array.store).__name__}", "get(key, prototype, byte_range)", keys),
        ("Key-value backend", backend, "keys and values, nothing else"),
    ]
    asked = ["which chunks?", "which keys?", "which bytes?"]
    answered = ["numbers", "encoded bytes", "bytes"]
    _draw_layers(layers, asked=asked, answered=answered)
    return got


def _draw_layers(layers: Sequence[tuple[str, str, str]], *, asked: Sequence[str], answered: Sequence[str]) -> None:
    """Draw boxes below each other; a question goes down on the left, its answer comes up on the right."""
    _, ax = plt.subplots(figsize=(8, 4.6))
    ax.set(xlim=(0, 10), ylim=(-len(layers) * 1.7 + 1, 1), title="One read, from the top down and back")
    ax.axis("off")
    tints = [ARRAY, GROUP, COPY, "#E3E3E3"]
    for row, (name, does, has) in enumerate(layers):
        low = -1.7 * row - 0.4
        ax.add_patch(
            FancyBboxPatch((0.1, low), 9.8, 1, boxstyle="round,pad=0,rounding_size=0.1", fc=tints[row], ec=LINE)
        )
        ax.text(0.3, low + 0.5, name, va="center", weight="bold")
        ax.text(3.3, low + 0.5, does, va="center", fontsize=10, family="monospace")
        ax.text(9.7, low + 0.5, has, va="center", ha="right", fontsize=10)
    for row, (down, up) in enumerate(zip(asked, answered, strict=True)):
        high = -1.7 * row - 0.4
        for x, text, color, ends in (
            (2.6, down, QUESTION, (high, high - 0.7)),
            (6.4, up, ANSWER, (high - 0.7, high)),
        ):
            ax.annotate(
                "", (x, ends[1]), (x, ends[0]), arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 2}
            )
            ax.text(x + 0.15, high - 0.36, text, va="center", fontsize=10, color=color)


def draw_requests(spans: Mapping[str, Sequence[tuple[str, float, float]]], *, title: str) -> dict[str, tuple[int, int]]:
    """Draw requests as bars on one axis of time, a band for each way to read.

    Parameters
    ----------
    spans : mapping of str to sequence of (str, float, float)
        The kind, begin and end of each request in seconds, as `helpers.servers.CountingProxy.spans` has them, for each
        way. Each band begins at 0.
    title : str
        What stands above.

    Returns
    -------
    dict of str to (int, int)
        How many requests were drawn for each way, and in how many lanes: so many were under way at once.

    Examples
    --------
    >>> draw_requests({"in turn": [("GET", 0, 1), ("GET", 1, 2)]}, title="Two requests")
    {'in turn': (2, 1)}
    >>> plt.close()
    """
    fig, axes = plt.subplots(len(spans), sharex=True, figsize=(8, 0.8 + 0.85 * len(spans)))
    drawn = {}
    for ax, (way, bars) in zip(np.atleast_1d(axes), spans.items(), strict=True):
        start = min((begin for _, begin, _ in bars), default=0.0)
        lanes = _lanes(bars)
        for (kind, begin, end), lane in zip(sorted(bars, key=lambda bar: bar[1:]), lanes, strict=True):
            ax.barh(
                -lane, end - begin, left=begin - start, height=0.9, color=KINDS[kind], edgecolor="white", label=kind
            )
        ax.set(yticks=[], ylim=(-max(lanes, default=0) - 0.8, 0.8))
        last = max((end for *_, end in bars), default=0.0) - start
        ax.set_title(f"{way}: {format_count(len(bars), 'request')}, {last:.1f} s", fontsize=11)
        drawn[way] = len(bars), max(lanes, default=-1) + 1
    named = {kind: bar for ax in fig.axes for bar, kind in zip(*ax.get_legend_handles_labels(), strict=True)}
    fig.legend(named.values(), named.keys(), loc="upper right")
    fig.suptitle(title, x=0.01, ha="left", fontsize=13)
    np.atleast_1d(axes)[-1].set_xlabel("time (s)")
    return drawn


def _lanes(bars: Sequence[tuple[str, float, float]]) -> list[int]:
    """Return a lane for each bar, in the order of their begins: the first in which nothing is under way."""
    ends: list[float] = []
    lanes = []
    for _, begin, end in sorted(bars, key=lambda bar: bar[1:]):
        lane = next((number for number, free_at in enumerate(ends) if free_at <= begin + SAME_S), len(ends))
        ends[lane : lane + 1] = [end]
        lanes.append(lane)
    return lanes
