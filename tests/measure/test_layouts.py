"""Tests of helpers.measure.layouts."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.cost import plan_read
from helpers.measure import ENGINES, Layout, compare_engines, compare_layouts, seconds_of
from helpers.measure.layouts import _write, _write_hdf5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from helpers.cost import Selection

CUBE = np.random.default_rng(7).random((12, 12, 12))
LAYOUTS: Mapping[str, Layout] = {
    "planes": {"chunks": (1, 12, 12)},
    "shards": {"chunks": (3, 3, 3), "shards": (12, 12, 12)},
}
SELECTIONS: Mapping[str, Selection] = {"line": np.s_[:, 0, 0], "whole": np.s_[...]}


def test_layouts_are_counted_as_the_plan_predicts() -> None:
    """Requests and bytes in the table are those of `plan_read`."""
    table = compare_layouts(CUBE, LAYOUTS, SELECTIONS, repeats=2)
    plans = [
        plan_read(CUBE.shape, CUBE.dtype, layout["chunks"], selection, shards=layout.get("shards"))
        for layout in LAYOUTS.values()
        for selection in SELECTIONS.values()
    ]
    assert table["requests"].tolist() == [plan.requests for plan in plans]
    assert table["nbytes_read"].tolist() == [plan.nbytes_read for plan in plans]
    assert table["amplification"].tolist() == pytest.approx([plan.amplification for plan in plans])
    assert table["files"].tolist() == [13, 13, 2, 2]
    assert (table["seconds"] > 0).all()


def test_every_engine_reads_every_layout_that_it_knows() -> None:
    """Only HDF5, which has no shards, leaves places empty."""
    seconds = compare_engines(CUBE, LAYOUTS, SELECTIONS, repeats=1)
    assert seconds.columns.tolist() == list(ENGINES)
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
        compare_engines(CUBE, LAYOUTS, SELECTIONS, repeats=1)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", ["u1", "<i4", "<f8"])
def test_engine_reads_what_was_written(name: str, dtype: str, tmp_path: Path) -> None:
    """Each engine gives the values of a part, a line and the whole, edge chunks included."""
    data = np.arange(1, 71).reshape(7, 10).astype(dtype)
    path = _write(data, tmp_path / "grid.zarr", {"chunks": (3, 4)})
    _write_hdf5(data, path, {"chunks": (3, 4)})
    with ENGINES[name](path) as read:
        for selection in (np.s_[2:5, 3:9], np.s_[:, 9], np.s_[...]):
            assert np.array_equal(read(selection), data[selection])


def test_seconds_are_those_of_one_call() -> None:
    """With what it is given by position and by name, and waiting counts."""
    given: list[tuple[int, int]] = []

    def call(first: int, *, second: int) -> None:
        given.append((first, second))
        time.sleep(0.02)

    assert seconds_of(call, 1, second=2) >= 0.02
    assert given == [(1, 2)]
