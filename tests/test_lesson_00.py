"""Tests of lesson 00: the memory that its text promises to keep to, measured; its slides are tested in test_slides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import nbformat
import zarr

from helpers.measure import peak_memory
from tools.lessons import NOTEBOOKS

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOK = nbformat.read(NOTEBOOKS / "00_see_why_zarr.ipynb", as_version=4)


def cell_with(text: str) -> str:
    """Return the source of the first cell that holds `text`."""
    return next(str(cell.source) for cell in NOTEBOOK.cells if text in cell.source)


def test_the_mean_keeps_to_the_memory_that_the_text_names(tmp_path: Path) -> None:
    """An array of ten times the limit goes through a process that never holds more than the limit."""
    (megabytes,) = re.findall(r"allowed \*\*(\d+) MB\*\*", cell_with("### 1. Larger than memory"))
    (limit,) = re.findall(r"limit = ([\d_]+)", cell_with("limit = "))
    assert int(limit) == int(megabytes) * 10**6
    # As in a notebook, so that the function travels with what it refers to.
    cell: dict[str, Any] = {"__name__": "__main__", "zarr": zarr}
    exec(cell_with("def write_and_average"), cell)
    measured = peak_memory(cell["write_and_average"], str(tmp_path / "large.zarr"))
    assert measured.result == (10 * int(limit), 124.5)
    assert measured.nbytes < int(limit)
