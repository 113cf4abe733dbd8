"""Tests of helpers.follow: an archive that keeps up with a provider, whatever that does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from zarr.storage import MemoryStore

from helpers.append import append, verify
from helpers.feed import LISTING, Feed
from helpers.follow import follow
from tests.append_pieces import CHUNKS, assert_holds, piece, present, read
from tests.providers import decode, path_of, provider, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from helpers.follow import Batch

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pooch try again at once."""
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)


def followed(url: str, folder: Path, store: MemoryStore, **options: object) -> Iterator[Batch]:
    """Follow a provider until all that it has is appended."""
    settings = {"batch": 4, "every_s": None, "step": "3h", "chunks": CHUNKS, **options}
    return follow(Feed(url, folder, tries=2), store, decode=decode, time_of=time_of, **settings)  # type: ignore[arg-type]


def added(batches: Iterator[Batch]) -> list[int]:
    """Return how many steps each batch added."""
    return [batch.appended.added if batch.appended else 0 for batch in batches]


def test_what_is_there_is_appended_and_what_comes_later_too(tmp_path: Path) -> None:
    """Batches end where chunks do; run again, only what is new is fetched."""
    store = MemoryStore()
    with provider() as (serves, url):
        serves.publish(range(10))
        serves.files["rain/readme.txt"] = b"hello"
        assert added(followed(url, tmp_path, store)) == [4, 4, 2]
        assert_holds(store, range(10))
        serves.publish(range(10, 15))
        serves.asked.clear()
        assert added(followed(url, tmp_path, store)) == [2, 3]
        assert sorted(serves.asked) == sorted([LISTING, *(path_of(place) for place in range(10, 15))])
        assert added(followed(url, tmp_path, store)) == []
    assert_holds(store, range(15))
    assert verify(store).sound


def test_late_and_reprocessed_files(tmp_path: Path) -> None:
    """A late file fills its gap, another version of a file replaces its step, alone."""
    store = MemoryStore()
    with provider() as (serves, url):
        serves.publish([0, 1, 2, 4, 5])
        assert added(followed(url, tmp_path, store)) == [3, 2]
        serves.publish([3])
        serves.publish([1], version=1)
        batches = list(followed(url, tmp_path, store))
        done = [batch.appended for batch in batches if batch.appended]
        assert [(each.added, each.replaced) for each in done] == [(0, 1), (1, 0)]
        assert list(followed(url, tmp_path, store)) == []
    found = read(store)
    assert found is not None
    assert present(found).sizes["time"] == 6
    assert present(found).isel(time=[1]).identical(piece([1], version=1))
    assert present(found).isel(time=[0, 2, 3, 4, 5]).identical(piece([0, 2, 3, 4, 5]))


def test_files_that_fail_leave_a_gap_and_come_again(tmp_path: Path) -> None:
    """A file that cannot be fetched or decoded is named; the others are appended, and it is when it is mended."""
    store = MemoryStore()
    with provider() as (serves, url):
        serves.publish(range(6))
        serves.faults[path_of(1)] = ["503"] * 2
        serves.files[path_of(4)] = b"no file of numbers"
        batches = list(followed(url, tmp_path, store))
        faults = [fault for batch in batches for fault in batch.faults]
        assert len(faults) == 2
        assert "could not be fetched" in faults[0]
        assert faults[1].startswith("rain.2020010112.npz: ")
        assert "1 file of" in repr(batches[1])
        assert_holds(store, [0, 2, 3, 5])
        serves.publish([4])
        assert sum(added(followed(url, tmp_path, store))) == 2
    assert_holds(store, range(6))


def test_a_provider_that_is_away_is_asked_again(tmp_path: Path) -> None:
    """The loop goes on through errors of the provider, appends what is published meanwhile, and stops when told."""
    store, stop = MemoryStore(), threading.Event()
    with provider() as (serves, url):
        serves.faults[LISTING] = ["503", "hang up"]
        serves.publish(range(4))
        seen = []
        for batch in followed(url, tmp_path, store, every_s=0.01, stop=stop):
            seen.append(batch)
            if len(seen) == 1:
                serves.publish(range(4, 8))
            if len(seen) == 2:
                stop.set()
        assert len(seen) == 2
        serves.faults[LISTING] = ["503"]
        with pytest.raises(OSError, match="503"):
            list(followed(url, tmp_path, store))
    assert_holds(store, range(8))


def test_stopped_between_batches_it_resumes(tmp_path: Path) -> None:
    """Told to stop, it ends after the batch at hand; the next run goes on there."""
    store, stop = MemoryStore(), threading.Event()
    with provider() as (serves, url):
        serves.publish(range(12))
        for _ in followed(url, tmp_path, store, stop=stop):
            stop.set()
        assert_holds(store, range(4))
        assert added(followed(url, tmp_path, store)) == [4, 4]
    assert_holds(store, range(12))


def test_steps_before_the_archive_begins_are_left_out(tmp_path: Path) -> None:
    """A provider may have more than the archive is about."""
    store = MemoryStore()
    append(piece([5, 6]), store, chunks=CHUNKS)
    with provider() as (serves, url):
        serves.publish(range(9))
        assert sum(added(followed(url, tmp_path, store))) == 2
    found = read(store)
    assert found is not None
    assert found.sizes["time"] == 4
