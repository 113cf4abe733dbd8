"""Tests of helpers.append: a batch is a commit, and none of several writers loses one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import icechunk
import pytest
import xarray as xr

from helpers.append import append, append_commit, commit, open_repository, open_store, verify
from helpers.servers import s3_server
from tests.append_pieces import CHUNKS, assert_holds, piece, present, read
from tests.commit_writer import fill_turns

if TYPE_CHECKING:
    from pathlib import Path

    from zarr.abc.store import Store

    from helpers.append.append import Appended

WRITERS, COMMITS = 4, int(os.environ.get("COMMITS", "2"))


@pytest.fixture
def repository() -> icechunk.Repository:
    """Return a repository in memory with an archive of four steps."""
    new = icechunk.Repository.create(icechunk.in_memory_storage())
    append_commit(new, piece(range(4)), message="begin", chunks=CHUNKS, step="3h")
    return new


def head(repository: icechunk.Repository) -> Store:
    """Return what a reader who comes now reads."""
    return repository.readonly_session("main").store


def history(repository: icechunk.Repository) -> list[str]:
    """Return the messages of all commits, the oldest first."""
    return [snapshot.message for snapshot in repository.ancestry(branch="main")][::-1]


def assert_all_there(store: Store, steps: int, messages: list[str]) -> None:
    """Fail unless all steps are there, value for value, and each commit is in the history once."""
    found = xr.open_zarr(store, chunks=None, consolidated=False).load()
    xr.testing.assert_equal(present(found), piece(range(steps)))
    made = [f"{number}, {turn}" for number in range(WRITERS) for turn in range(COMMITS)]
    assert sorted(messages[2:]) == sorted(made)
    print(f"{WRITERS} writers, {COMMITS} batches each: all {len(made)} are there")


def test_no_commit_of_four_processes_on_s3_is_lost() -> None:
    """Each appends its own steps, to the same chunks at the same time: all are there, each once, in the history too."""
    url = "s3://archive/rain"
    with s3_server() as server, contextlib.ExitStack() as stack:
        server.create_bucket("archive")
        repository = open_repository(url)
        append_commit(repository, piece([0]), message="begin", chunks=CHUNKS, step="3h")
        command = [sys.executable, "-m", "tests.commit_writer", url]
        programs = [
            stack.enter_context(subprocess.Popen([*command, *map(str, (number, COMMITS, WRITERS))]))
            for number in range(WRITERS)
        ]
        assert [program.wait(500) for program in programs] == [0] * WRITERS
        assert_all_there(head(repository), 1 + WRITERS * COMMITS, history(repository))
        assert verify(head(repository)).sound


@pytest.mark.parametrize("url", ["s3://archive/rain.zarr", "s3://archive/rain.icechunk"])
def test_four_writers_of_regions_lose_nothing_and_redo_nothing(url: str) -> None:
    """Whole chunks of their own in a template, on plain Zarr or by commits: nobody is in anybody's way."""
    steps = WRITERS * COMMITS
    with s3_server() as server, ThreadPoolExecutor(WRITERS) as pool:
        server.create_bucket("archive")
        repository = open_repository("s3://archive/rain.icechunk")
        if url.endswith(".zarr"):
            make_room(open_store(url), steps)
        else:
            commit(repository, lambda store: make_room(store, steps), message="begin")
        done = [pool.submit(fill_turns, url, number, COMMITS, writers=WRITERS) for number in range(WRITERS)]
        assert [each.result() for each in done] == [0] * WRITERS
        made = [f"{number}, {turn}" for number in range(WRITERS) for turn in range(COMMITS)]
        messages = ["", "", *made] if url.endswith(".zarr") else history(repository)
        assert_all_there(open_store(url) if url.endswith(".zarr") else head(repository), steps, messages)


def make_room(store: Store, steps: int) -> None:
    """Write the metadata of an archive with room for all steps, their labels and what is fixed: a template."""
    ds, grows = piece(range(steps)), ("rain", "source", "orbit")
    lazy = ds.assign({name: ds[name].chunk({"time": 1}) for name in grows})
    encoding = {name: {"chunks": lazy[name].data.chunksize} for name in grows}
    lazy.to_zarr(store, compute=False, encoding=encoding, consolidated=False)


def test_a_batch_is_a_commit(repository: icechunk.Repository) -> None:
    """Nothing is seen before it, all of it after; nothing new makes none."""
    session = repository.writable_session("main")
    append(piece(range(4, 8)), session.store)
    assert_holds(head(repository), range(4))
    done = append_commit(repository, piece(range(4, 8)), message="batch 1")
    assert_holds(head(repository), range(8))
    assert (done.result.added, done.redone) == (4, 0)
    again = append_commit(repository, piece(range(2, 8)), message="batch 1, again")
    assert (again.result.added, again.result.skipped, again.snapshot_id) == (0, 6, done.snapshot_id)
    assert history(repository) == ["Repository initialized", "begin", "batch 1"]


def test_two_who_append_at_once_conflict_and_the_second_does_it_again(repository: icechunk.Repository) -> None:
    """Both change the length: a rebase is refused, so what the second one wrote is given up and written anew."""
    late, early = repository.writable_session("main"), repository.writable_session("main")
    append(piece(range(8, 12)), late.store)
    append(piece(range(4, 8)), early.store)
    early.commit("early")
    with pytest.raises(icechunk.ConflictError, match="expected parent"):
        late.commit("late")
    with pytest.raises(icechunk.RebaseFailedError) as refused:
        late.rebase(icechunk.ConflictDetector())
    kinds = [conflict.conflict_type for conflict in refused.value.conflicts]
    assert icechunk.ConflictType.ZarrMetadataDoubleUpdate in kinds

    calls: list[int] = []

    def change(store: Store) -> Appended:
        calls.append(1)
        if len(calls) == 1:
            append_commit(repository, piece([12]), message="faster")
        return append(piece(range(8, 12)), store)

    done = commit(repository, change, message="late")
    assert (done.redone, len(calls), done.result.added) == (1, 2, 4)
    assert_holds(head(repository), range(13))
    assert history(repository)[-2:] == ["faster", "late"]


def test_who_is_always_slower_is_told_so(repository: icechunk.Repository) -> None:
    """After so many tries, with what to do; nothing of it is there."""
    places = iter(range(4, 100))

    def change(store: Store) -> None:
        append_commit(repository, piece([next(places)]), message="faster")
        append(piece([50]), store)

    with pytest.raises(BlockingIOError, match="'slow' is not in 'main': others were faster 3 times"):
        commit(repository, change, message="slow", tries=3)
    assert_holds(head(repository), range(7))


def test_nothing_is_said_on_standard_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither of a folder nor of a rebase that fails: a notebook would store it."""
    repository = open_repository(tmp_path / "repository")

    def change(store: Store) -> Appended:
        if len(history(repository)) < 3:
            append_commit(repository, piece([4]), message="faster")
        return append(piece([5]), store)

    append_commit(repository, piece(range(4)), message="begin", chunks=CHUNKS, step="3h")
    assert commit(repository, change, message="late").redone == 1
    assert capfd.readouterr() == ("", "")
    again = open_repository(str(tmp_path / "repository"))
    assert history(again) == ["Repository initialized", "begin", "faster", "late"]
    assert read(head(again)) is not None
    with pytest.raises(ValueError, match="'ftp://a/b' is no place for a repository"):
        open_repository("ftp://a/b")
