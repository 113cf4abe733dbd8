"""Tests of helpers.figures.parallel: the numbers of the diagrams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
import zarr
from matplotlib.patches import Rectangle
from zarr.storage import MemoryStore

from helpers.counting import CountingStore
from helpers.data import air_temperature
from helpers.figures import draw_labels, draw_pieces_over_chunks, draw_task_graph, draw_two_writers

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@pytest.mark.parametrize(
    ("order", "lost"),
    [
        ("1 reads, 2 reads, 1 writes, 2 writes", 3),
        ("1 reads, 2 reads, 2 writes, 1 writes", 5),
        ("1 reads, 1 writes, 2 reads, 2 writes", 0),
        ("2 reads, 2 writes, 1 reads, 1 writes", 0),
    ],
)
def test_who_writes_first_loses_what_both_had_read_before(ax: Axes, order: str, lost: int) -> None:
    """Of a chunk of eight cells, three belong to writer 1."""
    assert draw_two_writers(ax, order.split(", "), border=3, title="An order") == lost
    assert ax.get_title(loc="left") + ax.get_title() == f"An order: {lost} cells lost"
    framed = [patch for patch in ax.patches if isinstance(patch, Rectangle) and not patch.get_fill()]
    assert len(framed) == lost


@pytest.mark.parametrize(("pieces", "requests"), [((8,) * 3, 3), ((6,) * 4, 6), ((24,), 3), ((2,) * 12, 12)])
def test_a_task_asks_for_each_chunk_that_it_touches(ax: Axes, pieces: tuple[int, ...], requests: int) -> None:
    """The arrows are counted, and a store counts the same."""
    assert draw_task_graph(ax, pieces, chunk=8) == requests
    store = CountingStore(MemoryStore())
    z = zarr.create_array(store, data=np.arange(24), chunks=8)
    x = da.from_zarr(z, chunks=(pieces,))  # type: ignore[no-untyped-call]
    store.reset()
    x.compute(scheduler="synchronous")
    assert store.reads == requests


def test_what_has_two_writers_is_marked(ax: Axes) -> None:
    """Twelve Dask chunks of 124 steps over Zarr chunks of 124, of 100 and of 62."""
    pieces = (124,) * 11 + (96,)
    assert [draw_pieces_over_chunks(ax, pieces, chunk=chunk) for chunk in (124, 100, 62)] == [0, 11, 0]
    names = [text.get_text() for text in ax.texts]
    assert names.count("2") == 11


def test_the_frame_holds_what_the_labels_select(ax: Axes) -> None:
    """As many rows and columns as xarray selects, at their places."""
    field = air_temperature()["air"][0]
    lat, lon = slice(50, 30), slice(240, 260)
    assert draw_labels(ax, field, lat=lat, lon=lon) == field.sel(lat=lat, lon=lon).shape
    (frame,) = ax.patches
    assert isinstance(frame, Rectangle)
    assert frame.get_xy() == (15.5, 9.5)
