"""Tests of helpers.measure.layouts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.cost import plan_read
from helpers.measure import ENGINES, Layout, compare_layouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from helpers.cost import Selection

CUBE = np.random.default_rng(7).random((13, 12, 12))  # cut off by the edge in one dimension
LAYOUTS: Mapping[str, Layout] = {
    "planes": {"chunks": (1, 12, 12)},
    "shards": {"chunks": (3, 3, 3), "shards": (12, 12, 12)},
}
SELECTIONS: Mapping[str, Selection] = {"line": np.s_[:, 0, 0], "whole": np.s_[...]}


def test_layouts_are_counted_as_the_plan_predicts() -> None:
    """Requests and bytes in the table are those of `plan_read`."""
    table = compare_layouts(CUBE, LAYOUTS, SELECTIONS, repeats=1)
    plans = [
        plan_read(CUBE.shape, CUBE.dtype, layout["chunks"], selection, shards=layout.get("shards"))
        for layout in LAYOUTS.values()
        for selection in SELECTIONS.values()
    ]
    assert table["requests"].tolist() == [plan.requests for plan in plans]
    assert table["nbytes_read"].tolist() == [plan.nbytes_read for plan in plans]
    assert table["amplification"].tolist() == pytest.approx([plan.amplification for plan in plans])
    assert table["files"].tolist() == [14, 14, 3, 3]
    assert table["zarr"].gt(0).all()


def test_every_engine_reads_every_layout_that_it_knows() -> None:
    """And gives the same values, or the comparison would stop; HDF5, which has no shards, leaves places empty."""
    seconds = compare_layouts(CUBE, LAYOUTS, SELECTIONS, repeats=1)[list(ENGINES)]
    assert seconds.drop(columns="HDF5").notna().to_numpy().all()
    assert seconds["HDF5"].isna().tolist() == [False, False, True, True]


def test_a_wrong_value_stops_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is fast and wrong gets no time."""

    @contextmanager
    def wrong(path: Path) -> Iterator[Callable[[Selection], npt.NDArray[np.generic]]]:
        with ENGINES["zarr fused"](path) as read:
            yield lambda selection: np.zeros_like(read(selection))

    monkeypatch.setitem(ENGINES, "zarr", wrong)
    with pytest.raises(AssertionError, match="zarr reads other values"):
        compare_layouts(CUBE, LAYOUTS, SELECTIONS, repeats=1)
