"""Tests of helpers.append: killed at any instant, or read at any instant, an archive is whole.

``APPEND_KILLS`` processes are killed (6 without it), spread over stores, axes and layouts.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest
import xarray as xr
from zarr.storage import MemoryStore

from helpers.append import append, open_store, verify
from helpers.append.store import get, keys
from helpers.servers import redis_server, s3_server
from tests.append_pieces import CHUNKS, Killed, MortalStore, batch, begin, length, piece, present, read
from tests.append_runner import Runner, runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from zarr.abc.store import Store

pytestmark = pytest.mark.filterwarnings(
    "ignore:Consolidated metadata",
    # Where the archive appears between xarray's two ways to open it, the second one succeeds.
    "ignore:Failed to open Zarr store with consolidated:RuntimeWarning",
)

KILLS = int(os.environ.get("APPEND_KILLS", "6"))
STORES, AXES, LAYOUTS = ("folder", "s3", "redis"), ("regular", "irregular"), ("chunks", "shards", "begun by xarray")
COMBINATIONS = list(itertools.product(STORES, AXES, LAYOUTS))
BATCHES = 12 if KILLS >= 100 else 6
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
    """Return all of them in a full run, else one in seven, the last ones always."""
    return points if KILLS >= 100 else [*points[:-5:7], *points[-5:]]


@pytest.mark.parametrize(("axis", "layout"), [*itertools.product(AXES, LAYOUTS[:2]), ("regular", LAYOUTS[2])])
@pytest.mark.parametrize("first", [True, False])
def test_killed_at_any_request_an_archive_is_as_before_or_after(axis: str, layout: str, first: bool) -> None:
    """A reader then finds the old archive or the new one, and running again gives what one run gives."""
    start = MortalStore()
    if not first:
        begin(start, axis, layout)
    elif layout == LAYOUTS[2]:
        return
    before, new = read(start) or xr.Dataset(), batch(1, axis)
    run = (lambda store: begin(store, axis, layout)) if first else (lambda store: append(new, store))
    points = every_crash(start, run)
    assert len(points) > 12
    after = read(points[-1])
    assert after is not None
    seen = []
    for crashed in some(points):
        found = read(crashed) or xr.Dataset()
        seen.append(found.identical(after))
        assert seen[-1] or found.identical(before)
        run(crashed)
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


@contextlib.contextmanager
def places(kind: str, folder: Path) -> Iterator[tuple[Runner, Callable[[int], str]]]:
    """Yield a runner, and what names a place for each archive."""
    with contextlib.ExitStack() as stack:
        if kind == "s3":
            stack.enter_context(s3_server()).create_bucket("archive")
        url = stack.enter_context(redis_server()).url if kind == "redis" else ""
        roots = {"folder": f"{folder}/", "s3": "s3://archive/", "redis": f"{url}#"}
        yield stack.enter_context(runner()), lambda number: f"{roots[kind]}{number}"


def assert_whole(where: str, axis: str) -> int:
    """Fail unless a reader finds whole batches, each once and with its values; return how many."""
    found = read(open_store(where))
    if found is None:
        return 0
    batches, rest = divmod(found.sizes["time"], 3)
    assert not rest
    assert "present" not in found or bool(found.present.all())
    expected = xr.concat([batch(number, axis) for number in range(batches)], "time", data_vars="minimal")
    xr.testing.assert_equal(present(found), expected)
    return batches


def chunks_of(store: Store) -> dict[str, bytes | None]:
    """Return the chunks of an archive, by key."""
    return {key: get(store, key) for key in keys(store) if "/c/" in key}


@needs_fork
@pytest.mark.parametrize("kind", STORES)
def test_killed_by_the_system_at_random_instants(tmp_path: Path, kind: str) -> None:
    """SIGKILL at random instants of a run: no archive is unreadable, no step doubled or lost, all as in one go."""
    kinds = [(axis, layout) for kind_, axis, layout in COMBINATIONS if kind_ == kind]
    if len(COMBINATIONS) > KILLS:
        kinds = [kinds[STORES.index(kind) * 2 + 1]]
    chance, number, total = random.Random(7), 0, 0
    with places(kind, tmp_path) as (program, place):
        for axis, layout in kinds:
            at_once, killed = MemoryStore(), 0
            begin(at_once, axis, layout)
            rest = [batch(each, axis) for each in range(1, BATCHES)]
            append(xr.concat(rest, "time", data_vars="minimal"), at_once)
            while killed < KILLS / len(STORES) / len(kinds):
                where, done, number = place(number), 0, number + 1
                if layout == "begun by xarray":
                    begin(open_store(where), axis, layout)
                while done < BATCHES and killed < KILLS / len(STORES) / len(kinds):
                    process = program.start(where, BATCHES, axis, layout)
                    time.sleep(chance.uniform(0, 0.15))
                    os.kill(process, signal.SIGKILL)
                    killed += program.end(process) == -signal.SIGKILL
                    now = assert_whole(where, axis)
                    assert now >= done
                    done = now
                assert program.end(program.start(where, BATCHES, axis, layout)) == 0
                assert assert_whole(where, axis) == BATCHES
                report = verify(where)
                assert report.sound, report
                xr.testing.assert_identical(read(open_store(where)), read(at_once))
                assert chunks_of(open_store(where)) == chunks_of(at_once)
            print(f"{kind}, {axis}, {layout}: {killed} kills, {number} archives, all whole", flush=True)
            total += killed
    assert total >= KILLS // len(STORES)


@needs_fork
@pytest.mark.parametrize("kind", STORES)
def test_a_reader_never_sees_what_is_not_whole(tmp_path: Path, kind: str) -> None:
    """Opening as fast as it can while another process appends, a reader finds whole batches only; so it does later.

    Shards that are written again while they are read are another matter: see the traps.
    """
    axis, layout = AXES[KILLS % 2], ("chunks", "whole shards", LAYOUTS[2])[STORES.index(kind)]
    looks, held = 0, []
    with places(kind, tmp_path) as (program, place):
        begin(open_store(place(0)), axis, layout)
        process = program.start(place(0), BATCHES, axis, layout)
        while assert_whole(place(0), axis) < BATCHES:
            looks += 1
            if looks % 5 == 0:
                held.append(xr.open_zarr(open_store(place(0)), chunks=None))
        assert program.end(process) == 0
        for opened in held:
            expected = xr.concat(
                [batch(n, axis) for n in range(opened.sizes["time"] // 3)], "time", data_vars="minimal"
            )
            xr.testing.assert_equal(present(opened.load()), expected)
    assert looks > 1
