"""Tests of helpers.figures.stores: what is drawn is what is there."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pytest
import zarr
from matplotlib.patches import Rectangle
from zarr.storage import MemoryStore

from helpers.figures import draw_read, draw_requests, draw_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes


@pytest.fixture(autouse=True)
def figure() -> Iterator[None]:
    """Close what is drawn."""
    yield
    plt.close("all")


def words() -> list[str]:
    """Return the texts of the newest figure."""
    return [text.get_text() for ax in plt.gcf().axes for text in ax.texts]


def archive() -> MemoryStore:
    """Return three groups and two arrays."""
    store = MemoryStore()
    root = zarr.create_group(store)
    root.create_array("climate/air/temperature", data=np.arange(8.0), chunks=(4,))
    root.create_array("pictures", data=np.ones((2, 3)))
    return store


def test_every_node_has_its_document() -> None:
    """With its size, and the chunks of arrays."""
    store = archive()
    sizes = draw_tree(store)
    assert list(sizes) == ["", "climate", "climate/air", "climate/air/temperature", "pictures"]
    documents = {key: len(value) for key, value in store._store_dict.items() if key.endswith("zarr.json")}
    assert {f"{path}/zarr.json".lstrip("/"): size for path, size in sizes.items()} == documents
    said = words()
    assert [text for text in said if text.startswith("zarr.json")] == [f"zarr.json, {n} B" for n in sizes.values()]
    assert [text.partition(",")[0] for text in said if "chunk" in text] == ["2 chunks", "1 chunk"]


def test_every_document_but_the_root_s_is_copied() -> None:
    """A box and an arrow for each."""
    store = archive()
    with warnings.catch_warnings(action="ignore"):
        zarr.consolidate_metadata(store)
    sizes = draw_tree(store, copies=True)
    (ax,) = plt.gcf().axes
    assert sum(text.get_text() == "" for text in ax.texts) == len(sizes) - 1
    assert sizes[""] > sum(size for path, size in sizes.items() if path)
    assert {"climate", "climate/air", "climate/air/temperature", "pictures"} <= set(words())


def test_a_read_asks_for_the_chunks_it_touches() -> None:
    """And draws their keys and bytes, as stored."""
    store = MemoryStore()
    z = zarr.create_array(store, name="air", data=np.arange(12, dtype="f4"), chunks=4)
    got = draw_read(z, np.s_[3:6], code="air[3:6]", backend="a dict")
    assert got == {key: len(store._store_dict[key]) for key in ("air/c/0", "air/c/1")}
    assert {"3 numbers, 12 B", "2 chunks of 16 B", "Bytes, Zstd", "Store: MemoryStore"} <= set(words())


def bars_of(ax: Axes) -> list[tuple[float, float]]:
    """Return where the bars begin, and how long they are."""
    return sorted((bar.get_x(), bar.get_width()) for bar in ax.patches if isinstance(bar, Rectangle))


def test_bars_are_requests_and_lanes_are_those_at_once() -> None:
    """Each way begins at 0, on one axis of time."""
    spans = {
        "in turn": [("GET", 7.0, 8.0), ("LIST", 8.0, 9.0)],
        "at once": [("GET", 3.0, 4.0), ("GET", 3.0, 4.5), ("GET", 4.0, 5.0)],
        "nothing": [],
    }
    assert draw_requests(spans, title="Three ways") == {"in turn": (2, 1), "at once": (3, 2), "nothing": (0, 0)}
    first, second, third = plt.gcf().axes
    assert bars_of(first) == [(0, 1), (1, 1)]
    assert bars_of(second) == [(0, 1), (0, 1.5), (1, 1)]
    assert first.get_title(loc="left") + first.get_title() == "in turn: 2 requests, 2.0 s"
    assert not third.patches
    assert [text.get_text() for text in plt.gcf().legends[0].get_texts()] == ["GET", "LIST"]
