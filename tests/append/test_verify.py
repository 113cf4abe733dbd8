"""Tests of helpers.append: sound archives pass, each way to break one is found, and whoever watches sees faults."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.storage import LocalStore, MemoryStore

from helpers.append import append, verify, watch
from helpers.append.__main__ import main
from helpers.append.store import get, keys, put
from tests.append_pieces import CHUNKS, EVERY, START, piece

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def archive() -> MemoryStore:
    """Return a store with an archive of ten steps and two gaps."""
    store = MemoryStore()
    append(piece([0, 1, 2, 3, 4, 7, 8, 9]), store, chunks=CHUNKS, step="3h")
    return store


def test_a_sound_archive() -> None:
    """The report says what is there."""
    assert repr(verify(archive())) == (
        "<Report: sound; 10 steps of time from 2020-01-01T00:00:00, every 3h, 2 missing; 8 arrays, 20 chunks>"
    )


def lose(store: MemoryStore) -> None:
    """Lose a chunk."""
    del store._store_dict["rain/c/1/0/0"]


def flip(store: MemoryStore) -> None:
    """Flip one bit of a chunk."""
    value = bytearray(get(store, "source/c/1/0") or b"")
    value[-6] ^= 1
    put(store, {"source/c/1/0": bytes(value)})


def shift(store: MemoryStore) -> None:
    """Write a wrong label."""
    zarr.open_array(store, path="time")[3] = 7


def shorten(store: MemoryStore) -> None:
    """Say in the consolidated metadata that one array is shorter."""
    document = json.loads(get(store, "zarr.json") or b"")
    document["consolidated_metadata"]["metadata"]["orbit"]["shape"] = [9]
    put(store, {"zarr.json": json.dumps(document).encode()})


def forget(store: MemoryStore) -> None:
    """Lose the metadata of one array."""
    del store._store_dict["rain/zarr.json"]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lose, "rain/c/1/0/0 cannot be read: ChunkNotFoundError"),
        (flip, "source/c/1/0 cannot be read: .*"),
        (shift, "1 labels are not in order, the first after position 2"),
        (shorten, "disagrees with itself: steps {.*'orbit': 9"),
        (forget, "rain/zarr.json is missing"),
    ],
)
def test_damage_is_found(damage: Callable[[MemoryStore], None], problem: str) -> None:
    """One missing chunk, one bit, one label, one length, one document."""
    store = archive()
    damage(store)
    report = verify(store)
    assert not report.sound
    assert len(report.problems) == 1
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(report)


def test_what_a_killed_writer_leaves_is_no_problem(tmp_path: Path) -> None:
    """A lock, half-written files, chunks and metadata ahead of what is published are told apart from damage."""
    store = LocalStore(tmp_path)
    append(piece(range(6)), store, chunks=CHUNKS, step="3h")
    whole = keys(store)
    put(store, {"time/append.lock": b"{}", "rain/c/9/0/0": b"?", f"rain/c/1/0/0.{'ab' * 16}.partial": b"?"})
    put(store, {"rain/zarr.json": json.dumps(zarr.open_array(store, path="orbit").metadata.to_dict()).encode()})
    report = verify(store)
    assert report.sound
    assert report.unfinished == (
        "rain/zarr.json says something else than the consolidated metadata",
        f"rain/c/1/0/0.{'ab' * 16}.partial is left over",
        "rain/c/9/0/0 is left over",
        "time/append.lock is left over",
    )
    assert keys(store) - whole == {"time/append.lock", "rain/c/9/0/0", f"rain/c/1/0/0.{'ab' * 16}.partial"}


def test_where_there_is_no_archive(tmp_path: Path) -> None:
    """Nothing, and something else, are both no sound archive; nothing is created by looking."""
    assert verify(MemoryStore()).problems == ("there is no archive",)
    assert not verify(tmp_path / "nowhere").sound
    assert not (tmp_path / "nowhere").exists()
    other = MemoryStore()
    zarr.create_group(other)
    assert "has no labels along it" in verify(other).problems[0]


def test_the_program_says_it_in_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 when sound, 1 when not, and the report on the way."""
    append(piece(range(6)), tmp_path / "a.zarr", chunks=CHUNKS, step="3h")
    assert main(["verify", str(tmp_path / "a.zarr")]) == 0
    assert capsys.readouterr().out.startswith("<Report: sound; 6 steps")
    (tmp_path / "a.zarr" / "rain" / "c" / "0" / "0" / "0").unlink()
    assert main(["verify", str(tmp_path / "a.zarr")]) == 1
    assert "problem: rain/c/0/0/0 cannot be read" in capsys.readouterr().out


def rain(first: int, last: int, *, value: float = 1.0) -> xr.Dataset:
    """Return steps of the same rain everywhere."""
    time = START + np.arange(first, last) * EVERY
    return xr.Dataset({"precipitation": (("time", "x"), np.full((last - first, 3), value))}, {"time": time})


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


def test_the_program_watches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the lengths, then all it found; an archive that never comes is given up."""
    append(rain(0, 4), tmp_path / "a.zarr")
    assert main(["watch", str(tmp_path / "a.zarr"), "--until", "4"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == "4 steps"
    assert json.loads(last) == {"openings": 1, "lengths": [4], "faults": []}
    assert watch(tmp_path / "b.zarr", until=1, within_s=0.1).faults == ["no 1 steps within 0.1 s"]
