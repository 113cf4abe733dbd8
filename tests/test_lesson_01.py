"""Tests of lesson 01: what "In practice" says of Zarr and NumPy and no cell shows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import zarr

SHAPE = (10**10, 10**10)


@pytest.fixture
def z() -> zarr.Array[Any]:
    """Make an array of four rows in four chunks."""
    return zarr.create_array({}, shape=(4, 6), chunks=(2, 3), dtype="i8")


def test_zarr_refuses_negative_steps(z: zarr.Array[Any]) -> None:
    """NumPy gives a view."""
    with pytest.raises(IndexError, match="step >= 1"):
        z[::-1]


def test_zarr_does_not_stretch_a_row_over_several(z: zarr.Array[Any]) -> None:
    """Stretched by NumPy it fits, and so does a number, or the row where one row is meant."""
    row = np.arange(6)
    with pytest.raises(IndexError):
        z[1:3] = row
    z[1:3] = np.broadcast_to(row, (2, 6))
    z[3] = row
    z[0] = 7
    assert np.array_equal(z[:], np.stack([np.full(6, 7), row, row, row]))


def test_the_product_of_numpy_wraps_around() -> None:
    """Without an error, where that of `math` is exact."""
    assert int(np.prod(SHAPE)) != math.prod(SHAPE) == 10**20


def test_reshape_can_be_told_not_to_copy() -> None:
    """A transposed table has no strides for one row."""
    with pytest.raises(ValueError, match="copy"):
        np.arange(6).reshape(2, 3).T.reshape(-1, copy=False)
