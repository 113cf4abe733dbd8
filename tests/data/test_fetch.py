"""Tests of helpers.data.fetch: what is fetched is the file that the registry names, or nothing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from helpers.data import fetch
from helpers.data.fetch import REGISTRY
from helpers.servers import feed_server

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = "http://127.0.0.1:9/maps.nc"  # the port of "discard", where nobody listens
CONTENT = b"maps" * 100_000
HASH = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


def registry_at(folder: Path, url: str, known: str = HASH) -> Path:
    """Write a registry of one file."""
    path = folder / "registry.txt"
    path.write_text(f"# remark\n\nmaps.nc {known} {url}\n")
    return path


@pytest.mark.parametrize("known", [HASH, hashlib.sha256(CONTENT).hexdigest()])
def test_a_file_in_the_cache_needs_no_network(tmp_path: Path, known: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the right hash, of SHA-256 unless it says otherwise, it is used where it lies, or a variable says."""
    (tmp_path / "maps.nc").write_bytes(CONTENT)
    registry = registry_at(tmp_path, NOWHERE, known)
    assert fetch("maps.nc", folder=tmp_path, registry=registry) == tmp_path / "maps.nc"
    monkeypatch.setenv("ZARR_NOTEBOOKS_DATA", str(tmp_path))
    assert fetch("maps.nc", registry=registry) == tmp_path / "maps.nc"


def test_what_cannot_be_had_is_said_in_one_sentence(tmp_path: Path) -> None:
    """With the address and what to do, and no file is left: neither without a server nor of a page that says 404."""
    cache = tmp_path / "cache"
    with feed_server([]) as server, pytest.raises(ConnectionError, match=r"maps.nc \(HTTPError\): try again"):
        fetch("maps.nc", folder=cache, registry=registry_at(tmp_path, f"{server.url}/maps.nc"))
    with pytest.raises(ConnectionError, match=r"could not be fetched from http://127.* try again") as caught:
        fetch("maps.nc", folder=cache, registry=registry_at(tmp_path, NOWHERE))
    assert "\n" not in str(caught.value)
    assert not list(cache.iterdir())


def test_a_file_is_fetched_once_and_one_with_another_hash_anew(tmp_path: Path) -> None:
    """Afterwards the server may be gone."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "maps.nc").write_bytes(b"other maps")
    with feed_server([("maps.nc", CONTENT)]) as server:
        server.publish(1)
        registry = registry_at(tmp_path, f"{server.url}/maps.nc")
        assert fetch("maps.nc", folder=cache, registry=registry).read_bytes() == CONTENT
    assert fetch("maps.nc", folder=cache, registry=registry) == cache / "maps.nc"


def test_what_comes_with_a_wrong_hash_is_thrown_away(tmp_path: Path) -> None:
    """Neither the file nor a part of it stays."""
    cache = tmp_path / "cache"
    with feed_server([("maps.nc", b"other maps")]) as server:
        server.publish(1)
        with pytest.raises(ValueError, match=r"hash of downloaded file .* does not match"):
            fetch("maps.nc", folder=cache, registry=registry_at(tmp_path, f"{server.url}/maps.nc"))
    assert not list(cache.iterdir())


def test_the_registry_gives_a_hash_and_an_address_to_each_file(tmp_path: Path) -> None:
    """Nothing is fetched unchecked, and nothing that it does not name."""
    lines = [line.split() for line in REGISTRY.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    for _, known, url in lines:
        algorithm, _, digest = known.partition(":")
        assert len(digest) == 2 * hashlib.new(algorithm).digest_size
        assert url.startswith("https://")
    with pytest.raises(ValueError, match=r"'mops.nc' is not in the registry"):
        fetch("mops.nc", folder=tmp_path)


def test_pooch_is_silent_where_there_are_no_widgets() -> None:
    """Neither the helpers that fetch nor pooch warn in a kernel without ipywidgets."""
    lines = ["import IPython, sys", "sys.modules['ipywidgets'] = None", "IPython.get_ipython = lambda: object()"]
    lines += ["import helpers.servers", "from helpers.data.fetch import quiet_pooch", "quiet_pooch()"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
