"""Tests of helpers.figures.ecosystem: the pictures show the numbers that they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from helpers.figures import draw_pyramid, draw_references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@pytest.fixture
def fig() -> Iterator[Figure]:
    """Give a figure that is closed afterwards."""
    fig = plt.figure()
    yield fig
    plt.close(fig)


def boxes(ax: Axes) -> list[tuple[float, float, float, str]]:
    """Return first, row, width and colour of each box."""
    found = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    return [(*box.get_xy(), box.get_width(), to_hex(box.get_facecolor()).upper()) for box in found]


def test_each_reference_is_drawn_where_its_bytes_lie(fig: Figure) -> None:
    """A box in its file as wide as the chunk is long, and one in the row of chunks, in the colour of the file."""
    references = [("a", 8, 4), ("b", 100, 30)]
    assert draw_references(fig, references, {"a": 20, "b": 150}) == {"a": [0], "b": [1]}
    top, bottom = fig.axes
    assert boxes(top)[2:] == [(8, -0.3, 4, "#0072B2"), (100, 0.7, 30, "#E69F00")]
    assert boxes(bottom) == [(0, 0, 1, "#0072B2"), (1, 0, 1, "#E69F00")]
    assert [text.get_text() for text in top.get_yticklabels()] == ["a", "b"]


def test_a_pyramid_shows_which_chunks_were_read(fig: Figure) -> None:
    """Chunks at the edge are drawn as small as they are."""
    assert draw_pyramid(fig, [(100, 130), (50, 65)], chunks=(64, 64), read=[6, 1]) == [6, 2]
    assert [box[2] for box in boxes(fig.axes[0])] == [64, 64, 2, 64, 64, 2]
    assert [box[3] for box in boxes(fig.axes[1])] == ["#D55E00", "#DDDDDD"]
    assert "chunks: 2, read: 1" in fig.axes[1].get_xlabel()


def test_more_reads_than_chunks_is_refused(fig: Figure) -> None:
    """A count that cannot be is a mistake of the caller."""
    with pytest.raises(ValueError, match=r"\[3\] chunks were read, but the levels have \[2\]"):
        draw_pyramid(fig, [(50, 65)], chunks=(64, 64), read=[3])
