"""Tests of helpers.servers, and of the files from which `make azurite` installs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from helpers.servers import AZURITE_MISSING, azure_program
from helpers.servers import azure as module

SERVERS = Path(__file__).parent.parent / "servers"

posix = pytest.mark.skipif(sys.platform == "win32", reason="the guard of programs needs a shell, which Windows lacks")


def make_program(folder: Path, name: str) -> Path:
    """Write a program that does nothing."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@posix
def test_azurite_on_path_is_found_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the one that was installed here; neither of them without Node.js."""
    monkeypatch.setattr(module, "NODE_MODULES", tmp_path / "node_modules")
    installed = make_program(tmp_path, "node_modules/.bin/azurite-blob")
    assert azure_program(str(tmp_path / "bin")) is None
    make_program(tmp_path, "bin/node")
    assert azure_program(str(tmp_path / "bin")) == installed
    on_path = make_program(tmp_path, "bin/azurite-blob")
    assert azure_program(str(tmp_path / "bin")) == on_path


def test_a_machine_without_azurite_gets_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is found, and the sentence says what to do."""
    monkeypatch.setattr(module, "NODE_MODULES", tmp_path)
    assert azure_program(str(tmp_path)) is None
    assert "`make azurite`" in AZURITE_MISSING
    assert "Node.js" in AZURITE_MISSING


def test_what_is_installed_is_pinned_and_names_no_registry() -> None:
    """It comes from the registry that npm is set up for, and npm checks what it gets."""
    wanted = json.loads((SERVERS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = json.loads((SERVERS / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    packages.pop("")
    assert wanted == {"azurite": packages["node_modules/azurite"]["version"]}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package or package.get("hasInstallScript") for package in packages.values())
