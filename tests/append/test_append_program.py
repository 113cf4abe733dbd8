"""Tests of helpers.append: the loop as a program, stopped by a signal and started again."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from zarr.storage import MemoryStore

from helpers.append import append, rain_time, verify
from helpers.append.__main__ import main
from helpers.rain import encode, file_path, simulate, simulated_files
from helpers.servers import feed_server
from tests.append_pieces import read
from tests.rain.files import SMALL, small_dataset

if TYPE_CHECKING:
    from pathlib import Path

START = np.datetime64("2015-03-11T15", "h")
KILLS = max(int(os.environ.get("APPEND_KILLS", "10")) // 10, 1)
EVERY = np.timedelta64(3, "h")
PATHS = [file_path(START + place * EVERY) for place in range(15 * (KILLS + 1))]


@pytest.fixture(scope="module")
def rain() -> list[tuple[str, bytes]]:
    """Return some paths and files of simulated rain."""
    return list(simulated_files(START, steps=3))


def test_follow_once(tmp_path: Path, rain: list[tuple[str, bytes]], capsys: pytest.CaptureFixture[str]) -> None:
    """One line a batch, and the archive holds what the files hold."""
    with feed_server(rain) as server:
        server.publish(3)
        arguments = [
            "follow",
            "--feed",
            server.url,
            "--to",
            str(tmp_path / "a.zarr"),
            "--downloads",
            str(tmp_path / "files"),
        ]
        assert main([*arguments, "--once", "--batch", "2"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(" of ")[0] for line in lines] == ["<Batch: 2 files", "<Batch: 1 file", "done"]
        assert main([*arguments, "--once"]) == 0
        assert capsys.readouterr().out == "done\n"
    found = read(str(tmp_path / "a.zarr"))
    assert found is not None
    assert found.sizes["time"] == 3
    expected = simulate(START, seed=7).precipitation
    inside = {"lat": slice(49.9, -49.9)}
    np.testing.assert_allclose(found.precipitation[0].sel(inside), expected[0].sel(inside), atol=0.006)
    assert main(["verify", str(tmp_path / "a.zarr")]) == 0


def test_errors_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No provider, and no such archive to write: 2, and the reason on standard error."""
    assert main(["follow", "--feed", "http://127.0.0.1:9", "--to", str(tmp_path / "a"), "--once"]) == 2
    assert capsys.readouterr().err.startswith("follow: ")
    with pytest.raises(SystemExit):
        main(["grow"])


def test_the_program_stops_cleanly(tmp_path: Path, rain: list[tuple[str, bytes]]) -> None:
    """It waits for what comes; a signal ends it after the batch at hand, with the archive whole and unlocked."""
    with feed_server(rain) as server:
        server.publish(1)
        folder = tmp_path / "a.zarr"
        command = [sys.executable, "-m", "helpers.append", "follow", "--feed", server.url, "--to", str(folder)]
        options = ["--downloads", str(tmp_path / "files"), "--every", "0.05"]
        with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert "1 step added" in program.stdout.readline()
            server.publish(2)
            assert "2 steps added" in program.stdout.readline()
            program.send_signal(signal.SIGTERM)
            assert program.stdout.read() == "stopped\n"
            assert program.wait(30) == 0
    report = verify(folder)
    assert report.sound
    assert not report.unfinished


def test_the_program_is_killed_and_resumes(tmp_path: Path) -> None:
    """SIGKILL after some batches, where it happens to be: the next run goes on there, and the archive is the same."""
    rain = [(path, encode(small(place))) for place, path in enumerate(PATHS)]
    folder = tmp_path / "a.zarr"
    with feed_server(rain, latency_s=0.02) as server:
        server.publish(len(rain))
        command = [sys.executable, "-m", "helpers.append", "follow", "--feed", server.url, "--to", str(folder)]
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
    return small_dataset(place, dataclasses.replace(SMALL, time=(START + place * EVERY).astype("M8[s]")))


def test_names_of_files_say_their_step() -> None:
    """Both eras of names; what is no such name, or no date, is none."""
    assert rain_time("3B42RT.2012110703.7R2.bin.gz") == np.datetime64("2012-11-07T03")
    assert rain_time("3B42RT.2015130103.7.bin.gz") is None
    assert rain_time("listing.txt") is None
