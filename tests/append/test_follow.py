"""Tests of helpers.append: an archive that keeps up with a provider, whatever that does."""

from __future__ import annotations

import dataclasses
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from zarr.storage import MemoryStore

from helpers.append import append, follow, rain_time, verify
from helpers.append.__main__ import main
from helpers.data import LISTING, Feed
from helpers.rain import encode, file_path, simulate, simulated_files
from helpers.servers import feed_server
from tests.append_pieces import CHUNKS, assert_holds, piece, present, read
from tests.providers import decode, encoded, files_of, path_of, time_of
from tests.rain.files import SMALL, small_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.append.follow import Batch
    from helpers.servers import Fault

pytestmark = pytest.mark.usefixtures("no_waiting")
FIRST, EVERY = np.datetime64("2015-03-11T15", "h"), np.timedelta64(3, "h")
KILLS = max(int(os.environ.get("APPEND_KILLS", "10")) // 10, 1)
PROGRAM = [sys.executable, "-m", "helpers.append"]


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pooch try again at once."""
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda _: None))


def followed(url: str, folder: Path, store: Path | MemoryStore, **options: object) -> Iterator[Batch]:
    """Follow a provider until all that it has is appended."""
    settings = {"batch": 4, "every_s": None, "step": "3h", "chunks": CHUNKS, **options}
    return follow(Feed(url, folder, tries=2), store, decode=decode, time_of=time_of, **settings)  # type: ignore[arg-type]


def added(batches: Iterator[Batch]) -> list[int]:
    """Return how many steps each batch added."""
    return [batch.appended.added if batch.appended else 0 for batch in batches]


def test_what_is_there_is_appended_and_what_comes_later_too(tmp_path: Path) -> None:
    """Batches end where chunks do; run again, only what is new is fetched."""
    store = MemoryStore()
    with feed_server([("rain/readme.txt", b"hello"), *files_of(range(15))]) as server:
        server.publish(11)
        assert added(followed(server.url, tmp_path, store)) == [4, 4, 2]
        assert_holds(store, range(10))
        server.publish(5)
        server.reset()
        assert added(followed(server.url, tmp_path, store)) == [2, 3]
        assert sorted(server.asked) == sorted([LISTING, *(path_of(place) for place in range(10, 15))])
        assert added(followed(server.url, tmp_path, store)) == []
    assert_holds(store, range(15))
    assert verify(store).sound


def test_late_and_reprocessed_files(tmp_path: Path) -> None:
    """A late file fills its gap, another version of a file replaces its step, alone."""
    store = MemoryStore()
    with feed_server(files_of(range(6))) as server:
        server.inject_fault(path_of(3), "late")
        server.publish(6)
        assert added(followed(server.url, tmp_path, store)) == [3, 2]
        server.deliver(path_of(3))
        server.replace(path_of(1), encoded(1, version=1))
        batches = list(followed(server.url, tmp_path, store))
        done = [batch.appended for batch in batches if batch.appended]
        assert [(each.added, each.replaced) for each in done] == [(0, 1), (1, 0)]
        assert list(followed(server.url, tmp_path, store)) == []
    found = read(store)
    assert found is not None
    assert present(found).sizes["time"] == 6
    assert present(found).isel(time=[1]).identical(piece([1], version=1))
    assert present(found).isel(time=[0, 2, 3, 4, 5]).identical(piece([0, 2, 3, 4, 5]))


def test_a_reprocessed_file_is_noticed_after_a_kill_and_without_the_downloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between download and append, the step is replaced next time; the notes alone tell what is new."""
    store, module = MemoryStore(), importlib.import_module("helpers.append.follow")
    with feed_server(files_of(range(4))) as server:
        server.publish(4)
        assert added(followed(server.url, tmp_path, store)) == [4]
        for path in tmp_path.rglob("*.npz"):
            path.unlink()
        server.reset()
        assert list(followed(server.url, tmp_path, store)) == []
        assert server.asked == [LISTING]
        server.replace(path_of(1), encoded(1, version=1))
        with monkeypatch.context() as patched:
            patched.setattr(module, "append", interrupted)
            with pytest.raises(KeyboardInterrupt):
                list(followed(server.url, tmp_path, store))
        (batch,) = followed(server.url, tmp_path, store)
        assert batch.appended is not None
        assert batch.appended.replaced == 1
        assert list(followed(server.url, tmp_path, store)) == []


def interrupted(*_: object, **__: object) -> None:
    """Stand for `append` of a program that is stopped."""
    raise KeyboardInterrupt


def test_files_that_fail_leave_a_gap_and_come_again(tmp_path: Path) -> None:
    """A file that cannot be fetched or decoded is named; the others are appended, and it is when it is mended."""
    store = MemoryStore()
    with feed_server(files_of(range(6))) as server:
        server.publish(6)
        server.inject_fault(path_of(1), "503", times=2)
        server.replace(path_of(4), b"no file of numbers")
        batches = list(followed(server.url, tmp_path, store))
        faults = [fault for batch in batches for fault in batch.faults]
        assert faults[0] == "rain.2020010103.npz could not be fetched: the provider answers 503 Service Unavailable"
        assert faults[1].startswith("rain.2020010112.npz: ")
        assert len(faults) == 2
        assert_holds(store, [0, 2, 3, 5])
        server.replace(path_of(4), encoded(4))
        assert sum(added(followed(server.url, tmp_path, store))) == 2
    assert_holds(store, range(6))


@pytest.mark.parametrize("fault", ["missing", "truncated", "hang up"])
def test_whatever_the_provider_does_the_archive_is_the_same_in_the_end(tmp_path: Path, fault: Fault) -> None:
    """A batch without the file that failed, then the file: value for value what is written in one go, on a disk."""
    folder, at_once, downloads = tmp_path / "grown.zarr", tmp_path / "at_once.zarr", tmp_path / "files"
    append(piece(range(10)), at_once, chunks=CHUNKS, step="3h")
    with feed_server(files_of(range(10))) as server:
        for place in (2, 5):
            server.inject_fault(path_of(place), fault, times=2)
        server.publish(10)
        batches = list(followed(server.url, downloads, folder))
        assert [len(batch.faults) for batch in batches] == [1, 1, 0]
        assert_holds(folder, [0, 1, 3, 4, 6, 7, 8, 9])
        assert sum(added(followed(server.url, downloads, folder))) == 2
    assert {path.stem for path in downloads.rglob("*.npz")} == {Path(path_of(place)).stem for place in range(10)}
    assert {path.suffix for path in downloads.rglob("*") if path.is_file()} == {".npz", ".sha256"}
    xr.testing.assert_identical(read(folder), read(at_once))
    assert verify(folder).sound


def test_a_provider_that_is_away_is_asked_again_and_the_loop_can_be_stopped(tmp_path: Path) -> None:
    """It goes on through errors of the provider and ends after the batch at hand; the next run goes on there."""
    store, stop = MemoryStore(), threading.Event()
    with feed_server(files_of(range(12))) as server:
        server.inject_fault(LISTING, "503")
        server.inject_fault(LISTING, "hang up")
        server.publish(4)
        for seen, _ in enumerate(followed(server.url, tmp_path, store, every_s=0.01, stop=stop)):
            server.publish(8 if seen == 0 else 0)
            if seen == 1:
                stop.set()
        assert_holds(store, range(8))
        server.inject_fault(LISTING, "503")
        with pytest.raises(OSError, match="503"):
            list(followed(server.url, tmp_path, store))
        assert added(followed(server.url, tmp_path, store)) == [4]
    assert_holds(store, range(12))


def test_steps_before_the_archive_begins_are_left_out(tmp_path: Path) -> None:
    """A provider may have more than the archive is about."""
    store = MemoryStore()
    append(piece([5, 6]), store, chunks=CHUNKS, step="3h")
    with feed_server(files_of(range(9))) as server:
        server.publish(9)
        assert sum(added(followed(server.url, tmp_path, store))) == 2
    found = read(store)
    assert found is not None
    assert found.sizes["time"] == 4


def test_errors_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No provider, and no such archive to write: 2, and the reason on standard error."""
    assert main(["follow", "--feed", "http://127.0.0.1:9", "--to", str(tmp_path / "a"), "--once"]) == 2
    assert capsys.readouterr().err.startswith("follow: ")
    with pytest.raises(SystemExit):
        main(["grow"])


def test_the_program_stops_cleanly(tmp_path: Path) -> None:
    """It waits for what comes; a signal ends it after the batch at hand, with the archive whole and unlocked."""
    with feed_server(simulated_files(FIRST, steps=3)) as server:
        server.publish(1)
        folder = tmp_path / "a.zarr"
        command = [*PROGRAM, "follow", "--feed", server.url, "--to", str(folder)]
        options = ["--downloads", str(tmp_path / "files"), "--every", "0.05"]
        with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as program, ExitStack() as stack:
            stack.callback(program.kill)  # should it hang, so would the end of this block
            assert program.stdout is not None
            assert "1 step added" in program.stdout.readline()
            server.publish(2)
            assert "2 steps added" in program.stdout.readline()
            program.send_signal(signal.SIGTERM)
            assert program.stdout.read() == "stopped\n"
            assert program.wait(30) == 0
    assert main(["verify", str(folder)]) == 0
    assert not verify(folder).unfinished
    found = read(str(folder))
    assert found is not None
    inside = {"lat": slice(49.9, -49.9)}
    expected = simulate(FIRST, seed=7).precipitation
    np.testing.assert_allclose(found.precipitation[0].sel(inside), expected[0].sel(inside), atol=0.006)


def test_the_program_is_killed_and_resumes(tmp_path: Path) -> None:
    """SIGKILL after some batches, where it happens to be: the next run goes on there, and the archive is the same."""
    rain = [(file_path(FIRST + place * EVERY), encode(small(place))) for place in range(15 * (KILLS + 1))]
    folder = tmp_path / "a.zarr"
    with feed_server(rain, latency_s=0.02) as server:
        server.publish(len(rain))
        command = [*PROGRAM, "follow", "--feed", server.url, "--to", str(folder)]
        options = ["--downloads", str(tmp_path / "files"), "--once", "--batch", "3"]
        for kill in range(KILLS):
            with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as program:
                assert program.stdout is not None
                assert "3 steps added" in program.stdout.readline()
                time.sleep(0.01 * (kill % 10))
                program.kill()
            found = read(str(folder))
            assert found is not None
            assert bool(found.present.all())
            assert found.sizes["time"] % 3 == 0
        assert main([*command[3:], *options]) == 0
    at_once = MemoryStore()
    whole = xr.concat([small(place)[["precipitation"]] for place in range(len(rain))], "time")
    reliable = np.abs(whole.lat) < 50
    append(whole.where(reliable), at_once, step="3h", chunks={"time": 3})
    found, expected = read(str(folder)), read(at_once)
    assert found is not None
    assert expected is not None
    xr.testing.assert_equal(found, expected)
    assert verify(folder).sound


def small(place: int) -> xr.Dataset:
    """Return a step of rain on a small grid."""
    return small_dataset(place, dataclasses.replace(SMALL, time=(FIRST + place * EVERY).astype("M8[s]")))


def test_names_of_files_say_their_step() -> None:
    """Both eras of names; what is no such name, or no date, is none."""
    assert rain_time("3B42RT.2012110703.7R2.bin.gz") == np.datetime64("2012-11-07T03")
    assert rain_time("3B42RT.2015130103.7.bin.gz") is None
    assert rain_time("listing.txt") is None
