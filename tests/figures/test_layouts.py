"""Tests of helpers.figures.layouts: what is drawn is what was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import zarr
from zarr.storage import MemoryStore

from helpers.cost import plan_read, suggest_chunks
from helpers.counting import CountingStore
from helpers.figures import draw_chain, draw_codecs, draw_shard, draw_shuffle, draw_suggestions

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = np.random.default_rng(7).random((1024, 1024))


@pytest.fixture(autouse=True)
def _figures() -> Iterator[None]:
    yield
    plt.close("all")


def texts(place: int) -> list[str]:
    """Return what is written in one of the axes of the figure."""
    return [text.get_text() for text in plt.gcf().axes[place].texts]


@pytest.mark.parametrize("selection", [np.s_[0], np.s_[:, 0], np.s_[300, 300:700], np.s_[0, 0]])
def test_the_ranges_of_a_shard_are_those_that_zarr_asks_for(selection: Any) -> None:
    """As many requests, and as many bytes, as are counted and planned."""
    objects: dict[str, Any] = {}
    store = CountingStore(MemoryStore(objects))
    array = zarr.create_array(store, data=PAGE, chunks=(256, 256), shards=(1024, 1024), compressors=None, zarr_format=3)
    wanted = np.zeros(PAGE.shape, dtype=bool)
    wanted[selection] = True
    cells = np.argwhere(wanted.reshape(4, 256, 4, 256).any(axis=(1, 3))).tolist()
    touched = [(row, column) for row, column in cells]
    store.reset()
    _ = array[selection]
    drawn = draw_shard(objects["c/0/0"].to_bytes(), cells=(4, 4), touched=touched)
    plan = plan_read(PAGE.shape, PAGE.dtype, (256, 256), selection, shards=(1024, 1024))
    assert len(drawn) == store.reads == plan.requests
    assert sum(drawn) == store.bytes_read == plan.nbytes_read
    assert texts(1)[:17] == [*map(str, range(16)), "index"]


def test_suggestions_are_drawn_with_their_objects() -> None:
    """Fewest and most of each group; the best is named with its chunks."""
    reads: list[tuple[Any, float]] = [(np.s_[0], 1), (np.s_[:, 0], 1)]
    alone = suggest_chunks((1000, 1000), "f8", reads, target_nbytes=2**14)
    shards = suggest_chunks((1000, 1000), "f8", reads, target_nbytes=2**14, shard_nbytes=2**20)
    counts = draw_suggestions({"alone": alone, "shards": shards}, reads=("row", "column"))
    assert counts["alone"] == [min(one.objects for one in alone), max(one.objects for one in alone)]
    assert counts["shards"][1] < counts["alone"][0]
    assert texts(0) == [f"alone: {alone[0].chunks}", f"shards: {shards[0].chunks}"]


def test_a_chain_says_the_bytes_between_its_codecs() -> None:
    """One label for each place, one box for each codec."""
    assert draw_chain({"array": 4000, "bytes": 4000, "zstd": 700}) == ["4.0 kB", "4.0 kB", "700 B"]
    assert {"array", "bytes", "zstd", "write", "read"} <= set(texts(0))


def test_a_shuffle_puts_bytes_place_by_place() -> None:
    """As NumPy's transposition does."""
    numbers = PAGE[0, :5].astype("<f4")
    before, after = draw_shuffle(numbers)
    assert bytes.fromhex("".join(before)) == numbers.tobytes()
    assert bytes.fromhex("".join(after)) == numbers.view("u1").reshape(5, 4).T.tobytes()


def test_codecs_are_ordered_by_what_they_save() -> None:
    """In each panel; every codec is labelled with its ratio, and joined from write to read."""
    columns = {"ratio": [1.0, 3.25, 2.0], "write_MBps": [900.0, 10, 100], "read_MBps": [950.0, 40, 400]}
    table = pd.DataFrame(columns, index=["none", "slow", "fast"])
    assert draw_codecs({"a": table, "b": table.iloc[:2]}) == {"a": ["slow", "fast", "none"], "b": ["slow", "none"]}
    left = plt.gcf().axes[0]
    assert [label.get_text() for label in left.get_yticklabels()] == ["none  1", "fast  2", "slow  3.2"]
    (lines,) = left.collections
    assert len(lines.get_paths()) == 3
