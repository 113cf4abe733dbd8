"""Tests of helpers.figures.streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import zarr
from zarr.storage import MemoryStore

from helpers.figures import draw_ring

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def ring_of(labels: list[int], *, newest: int) -> MemoryStore:
    """Return a store with a ring in which each frame holds its own label."""
    root = zarr.create_group(store := MemoryStore())
    frames = np.ones((len(labels), 2, 2), "int64") * np.array(labels)[:, None, None]
    root.create_array("frames", data=frames)
    root.create_array("time", data=np.array(labels))
    root.create_array("newest", data=np.array(newest))
    return store


def texts(ax: Axes) -> list[str]:
    """Return what is written in a picture."""
    return [text.get_text() for text in ax.texts]


def test_the_frame_after_the_newest_replaces_the_oldest(ax: Axes) -> None:
    """Ten frames went through a ring of four: 8 and 9 lie before 6 and 7."""
    ring = draw_ring(ax, ring_of([8, 9, 6, 7], newest=9))
    assert ring == ([8, 9, 6, 7], 9, 2, 6)
    assert {"newest = 9", "step 10\nreplaces 6", "time[2] = 6", "frames/c/2/0/0"} <= set(texts(ax))


def test_each_slot_shows_the_frame_that_lies_in_it(ax: Axes) -> None:
    """The pictures are read from the store, not made up."""
    draw_ring(ax, ring_of([8, 9, 6, 7], newest=9))
    assert [int(np.asarray(image.get_array()).max()) for image in ax.images] == [8, 9, 6, 7]


def test_a_slot_without_a_frame_is_empty(ax: Axes) -> None:
    """Where the label is -1 no frame is drawn, and nothing is replaced."""
    ring = draw_ring(ax, ring_of([0, 1, -1], newest=1))
    assert (ring.next_slot, ring.replaces) == (2, -1)
    assert len(ax.images) == 2
    assert "step 2\ncomes here" in texts(ax)


def test_a_ring_without_frames_has_no_newest(ax: Axes) -> None:
    """The first frame comes into slot 0."""
    assert draw_ring(ax, ring_of([-1, -1], newest=-1)) == ([-1, -1], -1, 0, -1)
    assert not any(text.startswith("newest") for text in texts(ax))
