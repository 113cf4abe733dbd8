"""Draws the ring of a stream as it lies in its store: slots, labels, the newest frame, and the one to go next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import zarr
from matplotlib.patches import FancyArrowPatch, Rectangle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from zarr.abc.store import Store

__all__ = ["RingPicture", "draw_ring"]

# Blue and vermilion of Okabe and Ito (https://jfly.uni-koeln.de/color/), and a grey.
NEWEST, NEXT, OTHER = "#0072B2", "#D55E00", "#666666"
GAP = 0.06


class RingPicture(NamedTuple):
    """Hold what `draw_ring` drew.

    Attributes
    ----------
    labels : list of int
        The step in each slot, -1 where there is none.
    newest : int
        The newest step.
    next_slot : int
        Where the next frame goes.
    replaces : int
        The step that lies there now, -1 for none.
    """

    labels: list[int]
    newest: int
    next_slot: int
    replaces: int


def draw_ring(ax: Axes, store: Store) -> RingPicture:
    """Draw each slot of a ring of frames, with what lies in it.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; about 1.3 inches a slot are readable.
    store : zarr.abc.store.Store
        Holds the arrays ``frames``, ``time`` and ``newest`` (see `helpers.stream.Ring`).

    Returns
    -------
    RingPicture
        What was drawn, in numbers.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from zarr.storage import MemoryStore
    >>> root = zarr.create_group(store := MemoryStore())
    >>> frames = root.create_array("frames", data=np.ones((3, 2, 2), "uint8"))
    >>> labels = root.create_array("time", data=np.array([3, 4, 2]))
    >>> newest = root.create_array("newest", data=np.array(4))
    >>> fig, ax = plt.subplots()
    >>> draw_ring(ax, store)
    RingPicture(labels=[3, 4, 2], newest=4, next_slot=2, replaces=2)
    >>> plt.close(fig)
    """
    root: Any = zarr.open_group(store, mode="r")
    labels = np.asarray(root["time"][:]).tolist()
    newest = int(root["newest"][()])
    next_slot = (newest + 1) % len(labels)
    for slot, label in enumerate(labels):
        role = NEWEST if label == newest >= 0 else NEXT if slot == next_slot else OTHER
        _draw_slot(ax, slot, None if label < 0 else root["frames"][slot], label=label, color=role)
    ring = RingPicture(labels, newest, next_slot, labels[next_slot])
    _draw_turn(ax, ring)
    ax.set(xlim=(0, len(labels)), ylim=(-0.8, 1.85), aspect="equal")
    ax.axis("off")
    return ring


def _draw_slot(ax: Axes, slot: int, cells: object, *, label: int, color: str) -> None:
    left, right = slot + GAP, slot + 1 - GAP
    if cells is not None:
        grid = cast("np.ndarray[Any, Any]", cells)
        ax.imshow(grid, cmap="gray_r", extent=(left, right, GAP, 1 - GAP), interpolation="nearest")
    width = 1 if color == OTHER else 3
    ax.add_patch(Rectangle((left, GAP), right - left, 1 - 2 * GAP, fill=False, edgecolor=color, linewidth=width))
    ax.text(slot + 0.5, -0.1, f"slot {slot}", ha="center", va="center")
    ax.text(slot + 0.5, -0.35, f"frames/c/{slot}/0/0", ha="center", va="center", fontsize=10, family="monospace")
    ax.text(slot + 0.5, -0.62, f"time[{slot}] = {label}", ha="center", va="center", color=color, weight="bold")


def _draw_turn(ax: Axes, ring: RingPicture) -> None:
    """Draw what is newest, what the next frame replaces, and that the first slot comes after the last."""
    if ring.newest >= 0:
        slot = ring.newest % len(ring.labels)
        ax.text(slot + 0.5, 1.12, f"newest = {ring.newest}", ha="center", va="center", color=NEWEST, weight="bold")
    what = f"replaces {ring.replaces}" if ring.replaces >= 0 else "comes here"
    text = f"step {ring.newest + 1}\n{what}"
    ax.text(ring.next_slot + 0.5, 1.16, text, ha="center", va="center", color=NEXT, weight="bold")
    ends = (len(ring.labels) - 0.5, 1.3), (0.5, 1.3)
    curve = FancyArrowPatch(*ends, connectionstyle="arc3,rad=0.06", arrowstyle="-|>", mutation_scale=16, color=OTHER)
    ax.add_patch(curve)
    ax.text(len(ring.labels) / 2, 1.6, "after the last slot comes the first", ha="center", color=OTHER)
