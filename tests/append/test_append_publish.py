"""Tests of helpers.append: killed at any instant, or read at any instant, an archive is whole.

``APPEND_KILLS`` processes are killed (10 without it), and a reader watches as many batches (at most 50).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import xarray as xr
from zarr.storage import LocalStore, MemoryStore

from helpers.append import append, open_store, verify
from helpers.servers import s3_server
from tests.append_pieces import CHUNKS, Killed, MortalStore, batch, length, piece, present, read
from tests.append_runner import runner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from zarr.abc.store import Store

KILLS = int(os.environ.get("APPEND_KILLS", "10"))
BATCHES = 30
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


def every_crash(store: MortalStore, run: Callable[[MortalStore], object]) -> list[MortalStore]:
    """Return what is in a store after a run that was killed before each of its requests, and after the last."""
    left: list[MortalStore] = []
    while True:
        crashed = store.copy(left=len(left))
        left.append(crashed)
        with contextlib.suppress(Killed):
            run(crashed)
            crashed.left = None
            return left
        crashed.left = None


def some(points: list[MortalStore]) -> list[MortalStore]:
    """Return all of them in a full run, else one in five, the last ones always."""
    return points if KILLS >= 100 else [*points[:-6:5], *points[-6:]]


@pytest.mark.parametrize("first", [True, False])
def test_killed_at_any_request_an_archive_is_as_before_or_after(first: bool) -> None:
    """A reader then finds the old archive or the new one, and running again gives what one run gives."""
    start = MortalStore()
    if not first:
        append(batch(0), start, chunks=CHUNKS, step="3h")
    before = read(start) or xr.Dataset()
    new = batch(0) if first else piece([3, 4, 5, 6, 7, 9])[["rain", "land"]]
    points = every_crash(start, lambda store: append(new, store, chunks=CHUNKS, step="3h"))
    assert len(points) > 20
    after = read(points[-1])
    assert after is not None
    seen = []
    for crashed in some(points):
        found = read(crashed) or xr.Dataset()
        seen.append(found.identical(after))
        assert seen[-1] or found.identical(before)
        append(new, crashed, chunks=CHUNKS, step="3h")
        xr.testing.assert_identical(read(crashed), after)
    assert seen == sorted(seen)
    assert not seen[0]
    assert verify(crashed).sound


@pytest.mark.parametrize("replace", [True, False])
def test_killed_while_it_changes_what_is_published(replace: bool) -> None:
    """Late and replaced steps are whole where the record says that they are there, and running again completes them."""
    names = ["rain", "land"]
    start = MortalStore()
    append(piece([0, 1, 2, 4, 5, 8])[names], start, chunks=CHUNKS, step="3h")
    new = piece([2, 5], version=1)[names] if replace else piece([3, 6, 9])[names]
    versions = [piece(range(10), version=version)[names] for version in (0, 1)]
    points = every_crash(start, lambda store: append(new, store, replace=replace))
    after = read(points[-1])
    for crashed in some(points):
        found = read(crashed)
        assert found is not None
        whole = present(found)
        for step in whole.time:
            rain = whole.rain.sel(time=step)
            assert any(rain.equals(version.rain.sel(time=step)) for version in versions[: 1 + replace])
        append(new, crashed, replace=replace)
        xr.testing.assert_identical(read(crashed), after)
    assert verify(crashed).sound


def test_a_batch_that_is_not_repeated_leaves_nothing_behind() -> None:
    """After a crash, another batch with a gap finds nothing of the first one in that gap."""
    start = MortalStore()
    append(batch(0), start, chunks=CHUNKS, step="3h")
    expected = start.copy()
    other = piece([3, 7])[["rain", "land"]]
    append(other, expected)
    for crashed in some(every_crash(start, lambda store: append(piece(range(3, 9))[["rain", "land"]], store)))[:-3]:
        if length(crashed) == 3:
            append(other, crashed)
            xr.testing.assert_identical(read(crashed), read(expected))


def assert_whole(folder: str | Store) -> int:
    """Fail unless a reader finds whole batches, each once and with its values; return how many."""
    found = read(folder)
    if found is None:
        return 0
    steps = found.sizes["time"]
    assert steps % 3 == 0
    assert bool(found.present.all())
    xr.testing.assert_identical(present(found), piece(range(steps))[["rain", "land"]])
    return steps // 3


@needs_fork
def test_killed_by_the_system_at_random_instants(tmp_path: Path) -> None:
    """SIGKILL at random instants of a run: no archive is unreadable, no step doubled or lost."""
    at_once = MemoryStore()
    append(piece(range(3 * BATCHES))[["rain", "land"]], at_once, chunks=CHUNKS, step="3h")
    chance = random.Random(7)
    killed = runs = 0
    with runner() as program:
        while killed < KILLS:
            folder = str(tmp_path / f"{runs}.zarr")
            runs += 1
            done = 0
            while done < BATCHES and killed < KILLS:
                process = program.start(folder, BATCHES)
                time.sleep(chance.uniform(0, 0.15))
                os.kill(process, signal.SIGKILL)
                killed += program.end() == -signal.SIGKILL
                now = assert_whole(folder)
                assert now >= done
                done = now
            program.start(folder, BATCHES)
            assert program.end() == 0
            assert assert_whole(folder) == BATCHES
            report = verify(folder)
            assert report.sound, report
            xr.testing.assert_identical(read(folder), read(at_once))
            assert chunks_of(LocalStore(folder)) == chunks_of(at_once)


def chunks_of(store: LocalStore | MemoryStore) -> dict[str, bytes]:
    """Return the chunks of an archive, by key."""
    from helpers.append.store import get_many, keys

    return {key: value or b"" for key, value in get_many(store, {k for k in keys(store) if "/c/" in k}).items()}


@needs_fork
def test_a_reader_never_sees_what_is_not_whole(tmp_path: Path) -> None:
    """Opening as fast as it can while another process appends, a reader finds whole batches only; so it does later."""
    folder = str(tmp_path / "read.zarr")
    batches = min(max(KILLS, 10), 50)
    looks, held = 0, []
    with runner() as program, warnings.catch_warnings():
        # Where the archive appears between xarray's two ways to open it, the second one succeeds.
        warnings.filterwarnings("ignore", "Failed to open Zarr store with consolidated", RuntimeWarning)
        program.start(folder, batches)
        while (done := assert_whole(folder)) < batches:
            looks += 1
            if done and looks % 5 == 0:
                held.append(xr.open_zarr(folder, chunks=None))
        assert program.end() == 0
    assert looks > batches // 2
    for opened in held:
        xr.testing.assert_identical(present(opened.load()), piece(range(opened.sizes["time"]))[["rain", "land"]])


def test_a_reader_of_object_storage_never_sees_what_is_not_whole() -> None:
    """S3 answers each request by itself, so what holds in a folder has to be seen there too."""
    batches, looks = (BATCHES if KILLS >= 100 else 5), 0
    with s3_server() as server, ThreadPoolExecutor(1) as pool:
        server.create_bucket("archive")
        store = open_store("s3://archive/read.zarr")
        append(batch(0), store, chunks=CHUNKS, step="3h")

        def write() -> None:
            for number in range(1, batches):
                append(batch(number), store)

        writer = pool.submit(write)
        while assert_whole(store) < batches:
            looks += 1
            assert not writer.done() or assert_whole(store) == batches
        writer.result()
    assert looks > 1
