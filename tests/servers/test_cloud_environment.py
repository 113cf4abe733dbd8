"""Tests of helpers.servers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from helpers.servers import cloud_environment


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this a machine with an account in a cloud."""
    monkeypatch.setenv("CLOUD_KEY", "real")
    monkeypatch.setenv("CLOUD_SESSION", "real")
    monkeypatch.setenv("NO_PROXY", "intranet")
    monkeypatch.delenv("no_proxy", raising=False)


def test_a_real_account_is_put_aside_and_comes_back() -> None:
    """In the block there is nothing of it, not even what nothing takes the place of."""
    before = dict(os.environ)
    with cloud_environment("CLOUD_", {"CLOUD_KEY": "made up", "CLOUD_ADDRESS": "here"}):
        told = {name: value for name, value in os.environ.items() if name.startswith("CLOUD_")}
        assert told == {"CLOUD_KEY": "made up", "CLOUD_ADDRESS": "here"}
        os.environ["CLOUD_LATER"] = "a lesson sets it"
    assert dict(os.environ) == before


def test_it_comes_back_after_an_error() -> None:
    """A cell that fails leaves no made-up key behind."""
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), cloud_environment("CLOUD_", {"CLOUD_KEY": "made up"}):
        _ = 1 / 0
    assert dict(os.environ) == before


def test_blocks_nest() -> None:
    """The inner one holds until its end, then the outer one."""
    with cloud_environment("CLOUD_", {"CLOUD_KEY": "outer"}):
        with cloud_environment("CLOUD_", {"CLOUD_KEY": "inner"}):
            assert os.environ["CLOUD_KEY"] == "inner"
        assert os.environ["CLOUD_KEY"] == "outer"


def test_requests_to_this_machine_go_past_a_proxy() -> None:
    """Hosts that went past it before still do."""
    with cloud_environment("CLOUD_", {}):
        assert os.environ["NO_PROXY"] == "intranet,127.0.0.1"
        assert "127.0.0.1" in os.environ["no_proxy"]


def test_processes_inherit_it() -> None:
    """A reader in another process needs to be told nothing."""
    with cloud_environment("CLOUD_", {"CLOUD_KEY": "made up"}):
        script = "import os; print(os.environ['CLOUD_KEY'])"
        said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "made up\n"
