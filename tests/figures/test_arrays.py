"""Tests of helpers.figures.arrays: the numbers that the diagrams of lessons 00 to 02 draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from zarr.storage import MemoryStore

from helpers.figures import (
    draw_files,
    draw_key_value,
    draw_order,
    draw_regions,
    draw_resize,
    draw_strides,
    draw_views,
    draw_workers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes


def words(ax: Axes) -> list[str]:
    """Return what is written in the picture."""
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_each_worker_takes_the_chunks_of_its_rows(ax: Axes) -> None:
    """Three rows of two chunks for two workers: the first gets the third row as well."""
    z = zarr.create_array({}, shape=(9, 6), chunks=(3, 3), dtype="i4")
    assert draw_workers(ax, z, workers=2) == {"worker 1": 4, "worker 2": 2}
    assert {"worker 1", "worker 2", "6 chunks", "9 by 6\nint32"} <= set(words(ax))


def test_the_bytes_of_a_chunk_are_those_in_the_store(ax: Axes) -> None:
    """Before and after its codecs, which are named; every key is written down with its bytes."""
    contents: dict[str, Any] = {}
    data = np.zeros((20, 30), "i4") + 5
    z = zarr.create_array(MemoryStore(contents), data=data, chunks=(10, 15))
    assert draw_key_value(ax, z, contents, chunk=(1, 0)) == [600, len(contents["c/1/0"])]
    assert {"zarr.json", "c/0/0", "c/0/1", "c/1/0", "c/1/1", f"{len(contents['c/1/0'])} bytes"} <= set(words(ax))
    assert any("BytesCodec\nZstdCodec" in text for text in words(ax))


@pytest.mark.parametrize(("chunk", "shared"), [(4, 0), (8, 2), (3, 2), (16, 1)])
def test_shared_chunks_are_counted(ax: Axes, chunk: int, shared: int) -> None:
    """Four bands of four rows, in chunks that fit and that do not."""
    regions = [slice(start, start + 4) for start in range(0, 16, 4)]
    assert draw_regions(ax, 16, chunk=chunk, regions=regions) == shared
    assert sum("shared by" in text for text in words(ax)) == shared


def test_chunks_that_nobody_writes_are_not_shared(ax: Axes) -> None:
    """One writer in the middle, and a chunk cut off by the edge."""
    assert draw_regions(ax, 10, chunk=4, regions=[slice(5, 6)]) == 0
    assert words(ax) == ["1", "one writer"]
    assert ax.get_title() == "0 shared chunks"


@pytest.mark.parametrize("shape", [(2, 3, 4), (4, 6)])
def test_strides_are_those_of_the_array(ax: Axes, shape: tuple[int, ...]) -> None:
    """A label for each axis."""
    array = np.arange(24, dtype="int16").reshape(shape)
    assert draw_strides(ax, array) == array.strides
    assert f"axis {len(shape) - 1}: 2 bytes" in words(ax)


@pytest.mark.parametrize(
    ("index", "shown"),
    [
        (np.s_[1], range(12, 24)),
        (np.s_[:, 1], [*range(4, 8), *range(16, 20)]),
        (np.s_[..., ::-2], range(1, 24, 2)),
        (np.s_[1, 2, 1:1], []),
    ],
)
def test_a_view_shows_the_numbers_where_they_lie(ax: Axes, index: Any, shown: Sequence[int]) -> None:
    """As many blue cells as the view has numbers, each where its value says, backwards too."""
    array = np.arange(24, dtype="int16").reshape(2, 3, 4)
    assert draw_views(ax, array, {"each": array[index]}) == {"each": len(shown)}
    cells = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert [cell.get_x() for cell in cells if to_hex(cell.get_facecolor()) == "#0072b2"] == list(shown)


def test_a_copy_has_cells_of_its_own(ax: Axes) -> None:
    """None in the memory of the array, and its values behind it."""
    array = np.arange(24).reshape(2, 3, 4)
    assert draw_views(ax, array, {"array[[1]]": array[[1]], "array.T": array.T}) == {"array[[1]]": 0, "array.T": 24}
    assert {"array[[1]]: a copy", "array.T: a view"} <= set(words(ax))
    assert words(ax).count("23") == 3


def test_what_a_row_and_a_column_fetch_depends_on_the_order(ax: Axes) -> None:
    """One piece along the order, one for each number across, two each in blocks of two by two."""
    rows = np.arange(16).reshape(4, 4)
    blocks = np.arange(16).reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4)
    assert [draw_order(ax, places) for places in (rows, rows.T, blocks)] == [(1, 4), (4, 1), (2, 2)]


def test_chunks_without_a_file_are_named(ax: Axes) -> None:
    """And every file with its bytes."""
    z = zarr.create_array({}, shape=(4, 4), chunks=(2, 2), dtype="u1")
    assert draw_files(ax, z, {"zarr.json": 600, "c/0/0": 1234, "c/1/1": 9}) == ["c/0/1", "c/1/0"]
    assert {"c/0/0   1,234 bytes", "c/0/1   no file", "zarr.json   600 bytes"} <= set(words(ax))


def test_numbers_beyond_the_edge_are_counted(ax: Axes) -> None:
    """Stored and not seen; seen and not stored is none."""
    steps = {"made": ([1, 2, 3], [1, 2, 3, 0]), "grown": ([1, 2, 3, 0, 0], [1, 2, 3, 0])}
    assert draw_resize(ax, steps, chunk=2) == {"made": 1, "grown": 0}
    assert words(ax).count("0") == 3
