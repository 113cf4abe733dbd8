"""Tests of helpers.append_program: the loop as a program, stopped by a signal and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.append import verify
from helpers.append_program import main, rain_time
from helpers.rain import encode, file_name, simulate
from tests.append_pieces import read
from tests.providers import provider

if TYPE_CHECKING:
    from pathlib import Path

START = np.datetime64("2015-03-11T15", "h")


@pytest.fixture(scope="module")
def rain() -> dict[str, bytes]:
    """Return some files of simulated rain, by path."""
    times = [START + np.timedelta64(3 * step, "h") for step in range(3)]
    return {f"3B42RT/2015/03/{file_name(time)}": encode(simulate(time, seed=7)) for time in times}


def test_follow_once(tmp_path: Path, rain: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    """One line a batch, and the archive holds what the files hold."""
    with provider() as (serves, url):
        serves.files = dict(rain)
        arguments = ["follow", "--feed", url, "--to", str(tmp_path / "a.zarr"), "--downloads", str(tmp_path / "files")]
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


def test_the_program_stops_cleanly(tmp_path: Path, rain: dict[str, bytes]) -> None:
    """It waits for what comes; a signal ends it after the batch at hand, with the archive whole and unlocked."""
    with provider() as (serves, url):
        first, *later = rain
        serves.files = {first: rain[first]}
        folder = tmp_path / "a.zarr"
        command = [sys.executable, "-m", "helpers.append", "follow", "--feed", url, "--to", str(folder)]
        options = ["--downloads", str(tmp_path / "files"), "--every", "0.05"]
        with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert "1 step added" in program.stdout.readline()
            serves.files = {path: rain[path] for path in (first, *later)}
            assert "2 steps added" in program.stdout.readline()
            program.send_signal(signal.SIGTERM)
            assert program.stdout.read() == "stopped\n"
            assert program.wait(30) == 0
    report = verify(folder)
    assert report.sound
    assert not report.unfinished


def test_names_of_files_say_their_step() -> None:
    """Both eras of names; what is no such name, or no date, is none."""
    assert rain_time("3B42RT.2012110703.7R2.bin.gz") == np.datetime64("2012-11-07T03")
    assert rain_time("3B42RT.2015130103.7.bin.gz") is None
    assert rain_time("listing.txt") is None
