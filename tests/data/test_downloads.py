"""Tests for pooch as it is used here."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from helpers.data import TIMEOUT_S, download, quiet_pooch
from helpers.servers import feed_server

if TYPE_CHECKING:
    from pathlib import Path


def test_a_download_is_a_file_with_the_same_bytes(tmp_path: Path) -> None:
    """What the server holds is what lies in the file."""
    with feed_server([("a/b.bin", b"abc" * 100_000)]) as server:
        server.publish(1)
        download(f"{server.url}/a/b.bin", tmp_path / "b.bin", None)
    assert (tmp_path / "b.bin").read_bytes() == b"abc" * 100_000


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    """A 404 is no file with a page of text in it."""
    with feed_server([]) as server, pytest.raises(requests.HTTPError, match="404"):
        download(f"{server.url}/a/b.bin", tmp_path / "b.bin", None)


def test_pooch_is_silent_where_there_are_no_widgets() -> None:
    """Neither the helpers that fetch nor pooch warn in a kernel without ipywidgets."""
    lines = ["import IPython, sys", "sys.modules['ipywidgets'] = None", "IPython.get_ipython = lambda: object()"]
    lines += [
        "import helpers.servers, helpers.data, helpers.data, helpers.data",
        "helpers.data.quiet_pooch()",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_pooch_is_pooch() -> None:
    """The module is the library's own."""
    assert quiet_pooch().__name__ == "pooch"


def test_nothing_is_waited_for_without_end() -> None:
    """A provider that does not answer is given up within a minute."""
    assert 0 < TIMEOUT_S <= 60
