"""Draws archives that grow: one append change by change, its last chunk, several writers, and their commits."""

from __future__ import annotations

from collections import Counter
from textwrap import fill
from typing import TYPE_CHECKING

from matplotlib.patches import Patch, Rectangle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

__all__ = ["draw_append", "draw_commits", "draw_last_chunk", "draw_writers"]

# Okabe and Ito (https://jfly.uni-koeln.de/color/), light enough for black text.
GREY, BLUE, ORANGE, GREEN, RED = "#EFEFEF", "#56B4E9", "#E69F00", "#2FBE97", "#F08A4B"
KINDS = {"chunk": BLUE, "array metadata": ORANGE, "group metadata": GREEN}
WRITERS = (BLUE, ORANGE, GREEN, "#CC79A7", "#F0E442", RED)


def draw_append(ax: Axes, keys: Sequence[str], readers: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Draw the changes that one append makes to a store, and what readers see before, between and after them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    keys : sequence of str
        The keys that were written, in their order.
    readers : mapping of str to sequence of str
        What each reader sees: before the first change, and after each. A sight is red if it holds the word "torn"
        or "cannot", grey if it is the first one, green otherwise.

    Returns
    -------
    dict of str to int
        How many of the changes are chunks, array metadata and group metadata.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_append(ax, ["rain/c/1", "zarr.json"], {"a reader": ["4 steps", "4 steps", "8 steps"]})
    {'chunk': 1, 'array metadata': 0, 'group metadata': 1}
    >>> plt.close(fig)
    """
    kinds = [_kind(key) for key in keys]
    for place, (key, kind) in enumerate(zip(keys, kinds, strict=True)):
        _box(ax, (place + 0.56, place + 1.44), 0, KINDS[kind], key.replace("/", "/\n", 1))
        ax.axvline(place + 1, color="black", lw=0.8, ls=":", zorder=0)
    for row, sights in enumerate(readers.values(), 1):
        for place, sight in enumerate(sights):
            colour = RED if "torn" in sight or "cannot" in sight else GREY if sight == sights[0] else GREEN
            _box(ax, (max(place, 0.5) + 0.02, place + 0.98), row, colour, fill(sight, 9 if place else 6))
    _rows(ax, ["written", *readers], len(keys) + 1)
    _legend(ax, KINDS)
    return {kind: kinds.count(kind) for kind in KINDS}


def draw_last_chunk(ax: Axes, length: int, *, chunk: int, batch: int) -> dict[str, int]:
    """Draw the chunks that a batch of steps goes into, from the first step of the first of them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    length : int
        Steps that the archive has.
    chunk, batch : int
        Steps in a chunk, and in the batch.

    Returns
    -------
    dict of str to int
        Steps that are ``kept`` (read and written again), ``new`` and ``empty`` in the chunks that are written.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_last_chunk(ax, 16, chunk=40, batch=8)
    {'kept': 16, 'new': 8, 'empty': 16}
    >>> plt.close(fig)
    """
    start, stop = length // chunk * chunk, -(-(length + batch) // chunk) * chunk
    state = ["kept" if step < length else "new" if step < length + batch else "empty" for step in range(start, stop)]
    colours = {"kept": GREY, "new": BLUE, "empty": "white"}
    for step, each in enumerate(state, start):
        ax.add_patch(Rectangle((step, 0), 1, 1, facecolor=colours[each], edgecolor="#999999", lw=0.6))
    for border in range(start, stop, chunk):
        ax.add_patch(Rectangle((border, 0), chunk, 1, facecolor="none", edgecolor="black", lw=2.5))
    ax.set(xlim=(start - 0.5, stop + 0.5), ylim=(-0.1, 1.1), yticks=[], xlabel="step")
    ax.grid(visible=False)
    ax.spines[["left", "bottom"]].set_visible(False)
    words = {"kept": "there: read and written again", "new": "new", "empty": "still empty"}
    _legend(ax, {words[each]: colours[each] for each in words})
    counts = Counter(state)
    return {each: counts[each] for each in words}


def draw_writers(ax: Axes, writers: Iterable[int], *, chunk: int) -> int:
    """Draw which of several writers wrote each step of an archive, and the borders of its chunks.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    writers : iterable of int
        For each step the number of its writer, from 1; 0 where nobody's value is there.
    chunk : int
        Steps in a chunk.

    Returns
    -------
    int
        Chunks that hold steps of two writers or more.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_writers(ax, [1, 1, 2, 3], chunk=2)
    1
    >>> plt.close(fig)
    """
    colours, owners = ["white", *WRITERS], list(map(int, writers))
    for step, writer in enumerate(owners):
        ax.add_patch(Rectangle((step, 0), 1, 1, facecolor=colours[writer], edgecolor="#999999", lw=0.6))
        ax.text(step + 0.5, 0.5, str(writer) if writer else "?", ha="center", va="center", fontsize=10)
    borders = range(0, len(owners), chunk)
    for border in borders:
        ax.add_patch(Rectangle((border, 0), chunk, 1, facecolor="none", edgecolor="black", lw=2.5))
    ax.set(xlim=(-0.3, borders[-1] + chunk + 0.3), ylim=(-0.1, 1.1), yticks=[], xlabel="step")
    ax.grid(visible=False)
    ax.spines[["left", "bottom"]].set_visible(False)
    return sum(len(set(owners[border : border + chunk]) - {0}) > 1 for border in borders)


def draw_commits(ax: Axes, lanes: Mapping[str, Sequence[str]], history: Sequence[str]) -> list[str]:
    """Draw the commits of a branch in their order, each in the lane of whoever made it.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    lanes : mapping of str to sequence of str
        Whose commits have which messages.
    history : sequence of str
        The messages of all commits, the earliest first.

    Returns
    -------
    list of str
        Whose each commit is.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> fig, ax = plt.subplots()
    >>> draw_commits(ax, {"one": ["a", "c"], "other": ["b"]}, ["a", "b", "c"])
    ['one', 'other', 'one']
    >>> plt.close(fig)
    """
    owner_of = {message: name for name, messages in lanes.items() for message in messages}
    owners = [owner_of[message] for message in history]
    rows = [list(lanes).index(owner) for owner in owners]
    ax.plot(range(len(rows)), rows, color="#999999", lw=1.5, zorder=1)
    for place, (row, message) in enumerate(zip(rows, history, strict=True)):
        colour = WRITERS[row % len(WRITERS)]
        ax.text(place, row, message, ha="center", va="center", bbox={"boxstyle": "round,pad=0.35", "facecolor": colour})
    ax.set(xlim=(-0.7, len(rows) - 0.3), ylim=(len(lanes) - 0.4, -0.6), xticks=range(len(rows)), xlabel="commit")
    ax.set_yticks(range(len(lanes)), labels=list(lanes))
    return owners


def _kind(key: str) -> str:
    """Return which of `KINDS` a key of a store is."""
    return "group metadata" if key == "zarr.json" else "array metadata" if key.endswith("/zarr.json") else "chunk"


def _box(ax: Axes, span: tuple[float, float], row: int, colour: str, text: str) -> None:
    first, last = span
    ax.add_patch(Rectangle((first, row - 0.36), last - first, 0.72, facecolor=colour, edgecolor="black", lw=0.8))
    ax.text((first + last) / 2, row, text, ha="center", va="center", fontsize=10)


def _rows(ax: Axes, names: Sequence[str], width: float) -> None:
    ax.set(xlim=(0.48, width), ylim=(len(names) - 0.5, -0.5), xticks=[])
    ax.set_yticks(range(len(names)), labels=names)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[["left", "bottom"]].set_visible(False)


def _legend(ax: Axes, colours: Mapping[str, str]) -> None:
    handles = [Patch(facecolor=colour, edgecolor="black", label=name) for name, colour in colours.items()]
    # To the right above the picture; the title stands to the left.
    ax.legend(handles=handles, ncols=len(handles), loc="lower right", bbox_to_anchor=(1.01, 0.98), borderpad=0)
