"""Tests of lesson 01: what it says of Zarr, NumPy and the operating system and no cell shows."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

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


def pages_in_memory(mapped: npt.NDArray[Any]) -> int:
    """Ask Linux how many pages of a memory map are in memory."""
    answers = (ctypes.c_ubyte * -(-mapped.nbytes // mmap.PAGESIZE))()
    asked = ctypes.CDLL(None).mincore(ctypes.c_void_p(mapped.ctypes.data), ctypes.c_size_t(mapped.nbytes), answers)
    assert asked == 0
    return sum(answer & 1 for answer in answers)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which pages are in memory")
def test_a_line_costs_its_pages_at_least(tmp_path: Path) -> None:
    """Told not to read ahead, Linux brings in the 200 pages that a line along time touches; untold, many more."""
    path = tmp_path / "field.bin"
    np.ones((200, 200, 200)).tofile(path)
    counts = {}
    with path.open("rb") as file:
        os.fsync(file.fileno())
        for advice in (mmap.MADV_NORMAL, mmap.MADV_RANDOM):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            mapped = np.memmap(path, dtype="float64", mode="r", shape=(200, 200, 200))
            mapped._mmap.madvise(advice)  # type: ignore[attr-defined]
            if pages_in_memory(mapped):
                pytest.skip("the file system keeps the file in memory")
            assert mapped[:, 100, 100].sum() == 200
            counts[advice] = pages_in_memory(mapped)
            del mapped
    assert counts[mmap.MADV_RANDOM] == 200 * 4096 // mmap.PAGESIZE < counts[mmap.MADV_NORMAL]
