"""Tests of helpers.data: what is fetched is the file that the registry names, or nothing."""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from helpers.data import REGISTRY, cache_folder, fetch, read_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOWHERE = "http://127.0.0.1:9/maps.nc"  # the port of "discard", where nobody listens
CONTENT = b"maps"
HASH = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; yield the address."""
    serves = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=serves.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{serves.server_port}"
    finally:
        serves.shutdown()
        thread.join()
        serves.server_close()


def test_a_file_in_the_cache_needs_no_network(tmp_path: Path) -> None:
    """With the right hash it is used as it lies there."""
    (tmp_path / "maps.nc").write_bytes(CONTENT)
    assert fetch("maps.nc", folder=tmp_path, registry={"maps.nc": (HASH, NOWHERE)}) == tmp_path / "maps.nc"


def test_a_plain_hash_is_sha256(tmp_path: Path) -> None:
    """As pooch reads a registry."""
    (tmp_path / "maps.nc").write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert fetch("maps.nc", folder=tmp_path, registry={"maps.nc": (digest, NOWHERE)}).exists()


def test_another_file_in_the_cache_is_refused_and_left_alone(tmp_path: Path) -> None:
    """The error names both hashes, and says what to do."""
    (tmp_path / "maps.nc").write_bytes(b"other maps")
    with pytest.raises(ValueError, match=rf"is not the file of the registry.*not {HASH}. Delete it"):
        fetch("maps.nc", folder=tmp_path, registry={"maps.nc": (HASH, NOWHERE)})
    assert (tmp_path / "maps.nc").read_bytes() == b"other maps"


def test_what_cannot_be_had_is_said_in_one_sentence(tmp_path: Path) -> None:
    """With the address and what to do, and no file is left."""
    with pytest.raises(ConnectionError, match=r"could not be fetched from http://127.* try again") as caught:
        fetch("maps.nc", folder=tmp_path, registry={"maps.nc": (HASH, NOWHERE)})
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_file_is_fetched_once(tmp_path: Path) -> None:
    """Afterwards the server may be gone."""
    origin, cache = tmp_path / "origin", tmp_path / "cache"
    origin.mkdir()
    (origin / "maps.nc").write_bytes(CONTENT)
    with server(origin) as url:
        registry = {"maps.nc": (HASH, f"{url}/maps.nc")}
        assert fetch("maps.nc", folder=cache, registry=registry).read_bytes() == CONTENT
    assert fetch("maps.nc", folder=cache, registry=registry) == cache / "maps.nc"


def test_what_comes_with_a_wrong_hash_is_thrown_away(tmp_path: Path) -> None:
    """Neither the file nor a part of it stays."""
    origin, cache = tmp_path / "origin", tmp_path / "cache"
    origin.mkdir()
    (origin / "maps.nc").write_bytes(b"other maps")
    with server(origin) as url, pytest.raises(ValueError, match=r"its hash is not md5:.* Nothing was kept"):
        fetch("maps.nc", folder=cache, registry={"maps.nc": (HASH, f"{url}/maps.nc")})
    assert not list(cache.iterdir())


def test_an_address_without_the_file_is_a_connection_error(tmp_path: Path) -> None:
    """The server answers 404."""
    origin, cache = tmp_path / "origin", tmp_path / "cache"
    origin.mkdir()
    with server(origin) as url, pytest.raises(ConnectionError, match=r"maps.nc \(HTTPError\): try again"):
        fetch("maps.nc", folder=cache, registry={"maps.nc": (HASH, f"{url}/maps.nc")})


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    """The error lists the names there are."""
    with pytest.raises(KeyError, match=r"no file 'mops.nc' is in the registry. There are maps.nc"):
        fetch("mops.nc", folder=tmp_path, registry={"maps.nc": (HASH, NOWHERE)})


def test_the_registry_gives_a_hash_and_an_address_to_each_file() -> None:
    """Nothing is fetched unchecked."""
    assert REGISTRY.is_file()
    for known, url in read_registry().values():
        algorithm, _, digest = known.partition(":")
        assert len(digest) == 2 * hashlib.new(algorithm).digest_size
        assert url.startswith("https://")


def test_a_registry_with_a_broken_line_is_refused(tmp_path: Path) -> None:
    """Remarks and empty lines are none."""
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text(f"# remark\n\nmaps.nc {HASH} {NOWHERE}\n")
    bad.write_text(f"maps.nc {HASH}\n")
    assert read_registry(good) == {"maps.nc": (HASH, NOWHERE)}
    with pytest.raises(ValueError, match=r"bad.txt has a line that is not a name, a hash and an address"):
        read_registry(bad)


def test_the_cache_lies_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word from it, where this user's caches lie."""
    monkeypatch.setenv("ZARR_NOTEBOOKS_DATA", str(tmp_path))
    assert cache_folder() == tmp_path.resolve()
    monkeypatch.delenv("ZARR_NOTEBOOKS_DATA")
    assert cache_folder().name == "zarr-notebooks"
