"""Tests of helpers.servers.azure, with the clients that the lessons use, and of the files that `make azurite` uses."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import subprocess
import sys
import warnings
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import obstore
import psutil
import pytest
import zarr
from obstore.store import AzureStore
from zarr.storage import FsspecStore, LocalStore, ObjectStore

from helpers.servers import (
    ACCOUNT,
    ACCOUNT_KEY,
    AZURITE_MISSING,
    AzureServer,
    azure_program,
    azure_server,
    error_summary,
    s3_server,
)
from helpers.servers import azure as module
from tests.one_archive import STEPS, bytes_of, reads_as_written, write_archive
from tests.processes import runs
from tests.servers.test_s3 import by_obstore as s3_store

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
UNCACHED = {"use_listings_cache": False}
# Python may find it before the rest of the answer has come, which nobody reads any more, and then aiohttp warns.
LEAVES_A_CONNECTION = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")

needs_azurite = pytest.mark.skipif(azure_program() is None, reason=AZURITE_MISSING)


@pytest.fixture(scope="module")
def running() -> Iterator[AzureServer]:
    """Run a server with a private and a public container."""
    if azure_program() is None:
        pytest.skip(AZURITE_MISSING)
    with azure_server() as server:
        server.create_container("archive")
        server.create_container("open-data", public=True)
        yield server


@pytest.fixture
def server(running: AzureServer) -> Iterator[AzureServer]:
    """Return a server without counts and objects."""
    for container in ("archive", "open-data"):
        store = AzureStore(container, account_name=ACCOUNT)
        obstore.delete(store, [entry["path"] for batch in store.list() for entry in batch])
    running.reset()
    yield running
    running.reset()


def azure_store(prefix: str = "steps", container: str = "archive") -> ObjectStore[AzureStore]:
    """Return a zarr store through obstore."""
    return ObjectStore(AzureStore(container, account_name=ACCOUNT, prefix=prefix))


def adlfs_store(prefix: str = "steps", *, read_only: bool = False) -> FsspecStore:
    """Return a zarr store through adlfs that does not remember lists."""
    return FsspecStore.from_url(f"abfs://archive/{prefix}", storage_options=UNCACHED, read_only=read_only)


def azurites(parent: int) -> set[int]:
    """Return the processes of Azurite that a process started, without their guards."""
    return {child.pid for child in psutil.Process(parent).children(recursive=True) if child.name().startswith("node")}


@needs_azurite
def test_a_server_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process, no folder, no key; a real account is as it was."""
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "real")
    before, environment = azurites(os.getpid()), dict(os.environ)
    with azure_server() as server:
        (pid,) = azurites(os.getpid()) - before
        folder = Path(psutil.Process(pid).cwd())
        assert "AZURE_STORAGE_SAS_TOKEN" not in os.environ
        server.create_container("archive")
        zarr.create_array(azure_store(), data=STEPS)
        zarr.create_array(adlfs_store("other"), data=STEPS)
        assert sorted(path.name for path in folder.iterdir()) == ["log"]
    assert not runs(pid)
    assert not folder.exists()
    assert dict(os.environ) == environment


def test_requests_are_counted(server: AzureServer) -> None:
    """One chunk is one GET through obstore and through adlfs, and its stored bytes."""
    zarr.create_array(azure_store(), data=STEPS, chunks=(4, 3), compressors=None)
    for store in (azure_store(), adlfs_store()):
        z = zarr.open_array(store, mode="r", zarr_format=3)
        server.reset()
        _ = z[:]
        assert (server.requests, server.nbytes) == ({"GET": 5}, {"GET": STEPS.nbytes})
    server.reset()
    obstore.list(AzureStore("archive", account_name=ACCOUNT)).collect()
    assert server.requests == {"LIST": 1}


def test_an_archive_is_the_same_wherever_it_lies(server: AzureServer, tmp_path: Path) -> None:
    """Written through obstore, s3fs and adlfs, its objects are those of the local archive, and all readers agree."""
    local = LocalStore(tmp_path)
    write_archive(local)
    wanted = bytes_of(local)
    assert {"zarr.json", "chunked/c/4/0", "sharded/c/2/0", "inner/empty/zarr.json"} < set(wanted)
    with s3_server() as s3:
        s3.create_bucket("archive")
        write_archive(s3_store("by-obstore"))
        write_archive(FsspecStore.from_url("s3://archive/by-s3fs"))
        write_archive(azure_store("by-obstore"))
        write_archive(adlfs_store("by-adlfs"))
        stores: list[ObjectStore[Any]] = [s3_store(name) for name in ("by-obstore", "by-s3fs")]
        stores += [azure_store(name) for name in ("by-obstore", "by-adlfs")]
        assert all(bytes_of(store) == wanted for store in stores)
        assert all(reads_as_written(store) for store in stores)
        assert reads_as_written(FsspecStore.from_url("s3://archive/by-obstore", read_only=True))
        assert reads_as_written(adlfs_store("by-obstore", read_only=True), shards=False)
    assert server.requests["PUT"] >= 2 * len(wanted)


def test_what_adlfs_does_not_list_is_not_consolidated(server: AzureServer) -> None:  # noqa: ARG001
    """As lesson 07 says: a listing from before hides what was written since, and the metadata come out without it."""
    found = {}
    for cached in (True, False):
        store = FsspecStore.from_url(f"abfs://archive/{cached}", storage_options={"use_listings_cache": cached})
        group = zarr.create_group(store)
        assert list(group) == []
        group.create_array("steps", data=STEPS)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Consolidated metadata")
            found[cached] = sorted(zarr.consolidate_metadata(store))
    assert found == {True: [], False: ["steps"]}


def test_obstore_wants_to_hear_the_account() -> None:
    """Without it, zarr, which asks a store for its name, ends in a panic that no `except Exception` sees."""
    script = (
        "from obstore.store import AzureStore\ntry: repr(AzureStore('a'))\nexcept BaseException as e: print(type(e))"
    )
    environment = {**os.environ, "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY}
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ran.stdout == "<class 'pyo3_runtime.PanicException'>\n"


def test_anyone_reads_a_public_container(server: AzureServer) -> None:  # noqa: ARG001
    """Without a key, and nothing else; a wrong key opens nothing, a presigned address one object."""
    zarr.create_array(azure_store(container="open-data"), data=STEPS)
    zarr.create_array(azure_store(), data=STEPS)
    public, private = (
        ObjectStore(AzureStore(container, account_name=ACCOUNT, prefix="steps", skip_signature=True))
        for container in ("open-data", "archive")
    )
    assert zarr.open_array(public, mode="r").shape == STEPS.shape
    with pytest.raises(obstore.exceptions.BaseError, match="AuthorizationFailure"):
        zarr.create_array(public, data=STEPS, overwrite=True)
    with pytest.raises(obstore.exceptions.BaseError):
        zarr.open_array(private, mode="r")
    right, wrong = AzureStore("archive", account_name=ACCOUNT), {"account_name": ACCOUNT, "account_key": "d3Jvbmc="}
    with pytest.raises(obstore.exceptions.BaseError, match="AuthorizationFailure"):
        obstore.put(AzureStore.from_url("azure://archive", config=wrong), "key", b"value")  # type: ignore[arg-type]
    obstore.put(right, "key", b"value")
    with urlopen(obstore.sign(right, "GET", "key", timedelta(minutes=1))) as answer:
        assert answer.read() == b"value"


@pytest.mark.parametrize("name", ["archive", "Archive", "a"])
def test_a_container_that_cannot_be_is_refused(server: AzureServer, name: str) -> None:
    """The error names it."""
    with pytest.raises(ValueError, match=f"name is '{name}': Azure refuses such a container"):
        server.create_container(name)


def test_no_name_tells_a_secret(server: AzureServer) -> None:
    """Neither key nor port is in what a cell shows of server, stores and arrays."""
    shown = [server, azure_store(), adlfs_store(), zarr.create_array(azure_store(), data=STEPS)]
    text = " ".join([*map(repr, shown), *map(str, shown)])
    assert "AzureServer" in text
    port = server.endpoint.split(":")[2].partition("/")[0]
    assert not re.search(f"{port}|{re.escape(ACCOUNT_KEY)}", text)


def test_without_azurite_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to do."""
    monkeypatch.setattr(module, "azure_program", lambda: None)
    with pytest.raises(RuntimeError, match=r"No Azurite was found.*`make azurite`"), azure_server():
        pass


@LEAVES_A_CONNECTION
def test_what_a_client_leaves_behind_is_not_printed(server: AzureServer, caplog: pytest.LogCaptureFixture) -> None:
    """A client like adlfs leaves a connection open when it fails, and asyncio would report that with its address."""
    zarr.create_array(azure_store(), data=STEPS, chunks=(2, 3), shards=(4, 3))
    z = zarr.open_array("abfs://archive/steps", mode="r", storage_options=UNCACHED)
    said = "ValueError: Required Content-Range response header is missing or malformed."
    assert error_summary(lambda: z[0]) == said
    assert ACCOUNT in server.endpoint
    gc.collect()
    logging.getLogger("asyncio").error("Unclosed connection")
    logging.getLogger("asyncio").error("something else")
    assert [record.message for record in caplog.records] == ["something else"]


def make_program(folder: Path, name: str, script: str = "") -> Path:
    """Write a program that does what a script says."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_azurite_on_path_is_found_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the one that was installed here; neither of them without Node.js."""
    monkeypatch.setattr(module, "NODE_MODULES", tmp_path / "node_modules")
    installed = make_program(tmp_path, "node_modules/.bin/azurite-blob")
    assert azure_program(str(tmp_path / "bin")) is None
    make_program(tmp_path, "bin/node")
    assert azure_program(str(tmp_path / "bin")) == installed
    on_path = make_program(tmp_path, "bin/azurite-blob")
    assert azure_program(str(tmp_path / "bin")) == on_path


def test_what_is_installed_is_pinned_and_names_no_registry() -> None:
    """It comes from the registry that npm is set up for, and npm checks what it gets."""
    wanted = json.loads((ROOT / "servers" / "package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = json.loads((ROOT / "servers" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    packages.pop("")
    assert wanted == {"azurite": packages["node_modules/azurite"]["version"]}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package or package.get("hasInstallScript") for package in packages.values())
