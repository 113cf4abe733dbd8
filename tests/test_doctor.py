"""Tests of helpers.doctor: it answers everywhere, and says what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from helpers import doctor

if TYPE_CHECKING:
    from pathlib import Path


def test_it_needs_nothing_but_python() -> None:
    """Without any installed package it says what is missing, and that the machine is not ready."""
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(doctor.ROOT)!r})"]
    command[-1] += "; from helpers import doctor; sys.exit(doctor.main([]))"
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 1, said
    assert not said.stderr
    assert "BAD  packages" in said.stdout
    assert "make setup" in said.stdout
    assert said.stdout.splitlines()[-1].startswith("For the instructor: NOT READY (packages, array, browser); ")


def test_here_everything_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    """In the environment of the tests nothing is bad; JSON says the same."""
    assert doctor.main(["--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert {finding["name"] for finding in findings if finding["state"] == "BAD"} == set()
    assert [finding["name"] for finding in findings] == [finding.name for finding in doctor.examine()]


def test_a_package_of_another_version_is_a_note(tmp_path: Path) -> None:
    """A missing one is bad; one for another system does not count."""
    lock = tmp_path / "requirements.lock"
    lock.write_text("zarr==0.1 \\\n    --hash=sha256:00\nfor-mars==1.0 ; sys_platform == 'mars' \\\n")
    assert doctor.packages(lock).state == doctor.NOTE
    lock.write_text("zarr==0.1 \\\nnot-on-pypi-at-all==1.0 \\\n")
    finding = doctor.packages(lock)
    assert (finding.state, finding.found) == (doctor.BAD, "1 of 2 missing, such as not-on-pypi-at-all")
    assert doctor.packages(tmp_path / "none.lock").state == doctor.BAD


def test_a_folder_without_room_or_rights_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both say which folder it is."""
    assert str(tmp_path / "none") in doctor.disk(tmp_path / "none").remedy
    monkeypatch.setattr(doctor, "LEAST_DISK", 10**18)
    finding = doctor.disk(tmp_path)
    assert finding.state == doctor.BAD
    assert str(tmp_path) in finding.found


@pytest.mark.parametrize(("name", "value"), [("LEAST_PYTHON", (9, 0)), ("LEAST_MEMORY", 10**18)])
def test_a_machine_that_is_too_small_is_told(name: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old Python and too little memory are bad, with a remedy."""
    monkeypatch.setattr(doctor, name, value)
    bad = [finding for finding in (doctor.python(), doctor.memory()) if finding.state == doctor.BAD]
    assert len(bad) == 1
    assert bad[0].remedy


def test_what_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken package must not hide the other lines."""

    def redis() -> doctor.Finding:
        raise RuntimeError("broken")  # noqa: EM101

    monkeypatch.setattr(doctor, "redis", redis)
    findings = {finding.name: finding for finding in doctor.examine()}
    assert findings["redis"].found == "RuntimeError: broken"
    assert doctor.line_for_instructor([*findings.values()]).startswith("NOT READY (redis); ")
