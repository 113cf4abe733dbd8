"""Tests of helpers.append: a reader that sees what a careless writer leaves for a moment."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.storage import MemoryStore

from helpers.append import append, watch
from helpers.append.__main__ import main
from tests.append_pieces import EVERY, START

if TYPE_CHECKING:
    from pathlib import Path


def rain(first: int, last: int, *, value: float = 1.0) -> xr.Dataset:
    """Return steps of the same rain everywhere."""
    time = START + np.arange(first, last) * EVERY
    return xr.Dataset({"precipitation": (("time", "x"), np.full((last - first, 3), value))}, {"time": time})


def test_an_archive_that_grows_as_it_should_shows_no_fault() -> None:
    """Every length is seen at most once, the last one for certain, and nothing is wrong."""
    store = MemoryStore()
    append(rain(0, 4), store, chunks={"time": 8})
    said: list[str] = []
    grown = threading.Event()

    def write() -> None:
        for first in range(4, 24, 4):
            append(rain(first, first + 4), store)
        grown.set()

    writer = threading.Thread(target=write)
    writer.start()
    sight = watch(store, until=24, tell=said.append)
    writer.join()
    assert grown.is_set()
    assert not sight.faults
    assert sight.lengths[-1] == 24
    assert sight.lengths == sorted(set(sight.lengths))
    assert said == [f"{length} steps" for length in sight.lengths]


@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")
def test_what_is_wrong_is_named() -> None:
    """Steps without a value, steps that change, and an archive that cannot be opened."""
    store = MemoryStore()
    rain(0, 4).to_zarr(store, encoding={"time": {"units": "hours since 2020-01-01"}})
    for name in ("precipitation", "time"):
        array = zarr.open_array(store, path=name, mode="r+")
        array.resize((6, *array.shape[1:]))
    zarr.open_array(store, path="time")[4:] = [12, 15]
    zarr.consolidate_metadata(store, zarr_format=3)
    sight = watch(store, until=6)
    assert sight.faults == [
        "2020-01-01T12:00:00.000000000 is there without a value",
        "2020-01-01T15:00:00.000000000 is there without a value",
    ]
    zarr.open_array(store, path="time", mode="r+").resize((7,))
    zarr.consolidate_metadata(store, zarr_format=3)
    sight = watch(store, until=7, within_s=0.2)
    assert "conflicting sizes" in sight.faults[0]
    assert sight.faults[-1] == "no 7 steps within 0.2 s"


def test_a_step_that_changes_is_a_fault() -> None:
    """Its values are compared each time."""
    store = MemoryStore()
    append(rain(0, 4), store)
    changed = threading.Event()

    def change(line: str) -> None:
        if line == "4 steps":
            append(rain(3, 4, value=2.0), store, replace=True)
            append(rain(4, 6), store)
            changed.set()

    sight = watch(store, until=6, tell=change)
    assert changed.is_set()
    assert sight.faults == ["2020-01-01T09:00:00.000000000 changed"]


def test_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the lengths, then all it found; one that never comes is given up."""
    append(rain(0, 4), tmp_path / "a.zarr")
    assert main(["watch", str(tmp_path / "a.zarr"), "--until", "4"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == "4 steps"
    assert json.loads(last) == {"openings": 1, "lengths": [4], "faults": []}
    assert main(["watch", str(tmp_path / "b.zarr"), "--until", "1", "--within", "0.1"]) == 1


def test_lengths_must_be_above_zero() -> None:
    """An archive of no steps is not waited for."""
    with pytest.raises(ValueError, match="until"):
        watch(MemoryStore(), until=0)
