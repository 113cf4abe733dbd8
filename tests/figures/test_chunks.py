"""Tests of helpers.figures.chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.image import AxesImage

from helpers.figures import draw_chunks

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def test_touched_chunks_are_coloured_whole_and_the_selection_on_top(ax: Axes) -> None:
    """A cell has one colour of three: untouched, in a touched chunk, asked for."""
    assert draw_chunks(ax, (4, 6), chunks=(2, 3), selection=np.s_[0, :2], title="a row") == 1
    (image,) = ax.images
    assert isinstance(image, AxesImage)
    expected = [[2, 2, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0], [0] * 6, [0] * 6]
    assert np.array_equal(np.asarray(image.get_array()), expected)
    assert ax.get_title() == "a row\n1 of 4 chunks"


def test_chunks_at_the_edge_count_and_are_drawn(ax: Axes) -> None:
    """Five columns in chunks of three are two chunks wide."""
    assert draw_chunks(ax, (2, 5), chunks=(2, 3), selection=...) == 2
    assert np.asarray(ax.images[0].get_array()).min() == 2


def test_a_selection_out_of_bounds_is_refused(ax: Axes) -> None:
    """What the array does not hold cannot be drawn, and nothing is."""
    with pytest.raises(IndexError):
        draw_chunks(ax, (4, 4), chunks=(2, 2), selection=np.s_[9])
    assert not ax.images
