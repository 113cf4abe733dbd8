"""What lesson 13 says of several writers, each with the numbers of its text."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import icechunk
import numpy as np
import pytest
import xarray as xr
from zarr.storage import MemoryStore

from helpers.counting import SlowStore
from tools.lessons import read_lessons

(LESSON,) = (lesson for lesson in read_lessons() if lesson.number == "13")
PROSE = "\n".join(cell.source for cell in LESSON.cells("markdown"))
ENCODING = {"rain": {"chunks": (3,)}, "time": {"units": "hours since 2015-03-11"}}


def numbered() -> Any:
    """Return the lesson's own function that makes steps of one number."""
    (source,) = (cell.source for cell in LESSON.cells("code") if "def numbered" in cell.source)
    cell: dict[str, Any] = {"np": np, "xr": xr}
    exec(source, cell)
    return cell["numbered"]


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_regions_on_plain_zarr_take_four_writers() -> None:
    """36 of 36 steps are right, and the lesson does not say that plain Zarr cannot do it."""
    numbers = numbered()
    numbers(0, 36, 0).chunk({"time": 3}).to_zarr(store := MemoryStore(), compute=False, encoding=ENCODING)
    slow = SlowStore(store, latency_s=0.005)

    def fill(writer: int) -> None:
        for first in range(3 * writer, 36, 12):
            numbers(first, first + 3, writer + 1).to_zarr(slow, region="auto")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(4)))
    assert np.array_equal(xr.open_zarr(store).rain, np.arange(36) // 3 % 4 + 1)
    assert "36 of 36, on plain Zarr" in PROSE
    assert not re.search(r"plain Zarr cannot", PROSE)


def sessions_that_fill(*starts: int) -> list[icechunk.Session]:
    """Return sessions that began from one snapshot, each with a chunk of three steps filled from one of `starts`."""
    repository = icechunk.Repository.create(icechunk.in_memory_storage())
    session = repository.writable_session("main")
    template = numbered()(0, 36, 0).chunk({"time": 3})
    template.to_zarr(session.store, compute=False, encoding=ENCODING, consolidated=False)
    session.commit("room")
    sessions = [repository.writable_session("main") for _ in starts]
    for each, first in zip(sessions, starts, strict=True):
        numbered()(first, first + 3, 1).to_zarr(each.store, region="auto", consolidated=False)
    return sessions


def test_commits_to_different_chunks_rebase() -> None:
    """Without a rebase the second one is a conflict; with it nothing is done again."""
    one, other = sessions_that_fill(0, 3)
    one.commit("first")
    with pytest.raises(icechunk.ConflictError):
        other.commit("second")
    other.commit("second", rebase_with=icechunk.ConflictDetector())
    assert int((xr.open_zarr(other.store, consolidated=False).rain == 1).sum()) == 6


def test_commits_to_the_same_chunk_do_not_rebase() -> None:
    """*In practice* says so: the batch has to be done again."""
    one, other = sessions_that_fill(3, 3)
    one.commit("first")
    with pytest.raises(icechunk.RebaseFailedError):
        other.commit("second", rebase_with=icechunk.ConflictDetector())
    assert "**A rebase fails** if two writers changed the same chunk" in PROSE


def test_the_table_tells_what_readers_of_single_arrays_see() -> None:
    """Readers without the copy are in it, by name; "no reader sees half a batch" is said of nobody."""
    (row,) = re.findall(r"^\| who opens each array alone .*$", PROSE, flags=re.MULTILINE)
    assert "TensorStore, GDAL before 3.13" in row
    assert "for a moment, unequal lengths" in row
