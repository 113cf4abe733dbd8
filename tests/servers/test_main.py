"""Tests of `python -m helpers.servers`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from helpers.servers import AZURITE_MISSING
from helpers.servers import __main__ as servers

if TYPE_CHECKING:
    import pytest


def test_a_machine_without_redis_gets_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No server is no error: the sentence says which lessons need one and how to install it."""
    monkeypatch.setattr(servers, "redis_program", lambda: None)
    assert servers.main([]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("10 and 11", "apt install", "brew install", "conda install"))
    assert servers.main(["--redis-program"]) == 1


def test_what_was_found_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`make setup` says which servers the lessons will use, and how to get the one that is not there."""
    monkeypatch.setattr(servers, "redis_program", lambda: Path("folder", "valkey-server"))
    monkeypatch.setattr(servers, "azure_program", lambda: Path("other", "azurite-blob"))
    assert servers.main([]) == 0
    assert capsys.readouterr().out == "Redis: valkey-server in folder\nAzure: azurite-blob in other\n"
    assert servers.main(["--redis-program"]) == 0  # `binder/start` reads the bare path
    assert capsys.readouterr().out == f"{Path('folder', 'valkey-server')}\n"
    monkeypatch.setattr(servers, "azure_program", lambda: None)
    assert servers.main([]) == 0
    assert capsys.readouterr().out == f"Redis: valkey-server in folder\n{AZURITE_MISSING}\n"
