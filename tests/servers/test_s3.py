"""Tests of helpers.servers.s3, with the clients that the lessons use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import numpy as np
import obstore
import psutil
import pytest
import requests
import s3fs  # type: ignore[import-untyped]
import zarr
from obstore.store import S3Store
from zarr.storage import FsspecStore, ObjectStore

from helpers.servers import ACCESS_KEY_ID, SECRET_ACCESS_KEY, S3Server, error_summary, s3_server
from tests.one_archive import STEPS, bytes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from zarr.abc.store import Store

ROOT = Path(__file__).parents[2]
WRITERS, COMMITS = 4, 3
NASTY = ["a b/c+d.json", "ü/é=1&x%41", "(0)/*'!~,;:@$"]
RETRY_ONCE: Any = {
    "max_retries": 1,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {"init_backoff": timedelta(milliseconds=10), "max_backoff": timedelta(seconds=1), "base": 2},
}
FORGETFUL = """
import contextlib
import zarr
from helpers.servers import s3_server

stack = contextlib.ExitStack()
server = stack.enter_context(s3_server())
server.create_bucket("archive")
zarr.create_array("s3://archive/steps", shape=4, dtype="u1")[:] = 1
print(server.requests["PUT"])
"""


@pytest.fixture
def server() -> Iterator[S3Server]:
    """Run a server with a private and a public bucket."""
    with s3_server() as running:
        running.create_bucket("archive")
        running.create_bucket("open-data", public=True)
        yield running


@pytest.fixture
def written(server: S3Server) -> S3Server:
    """Return the server with an array of five chunks."""
    zarr.create_array(by_obstore(), data=STEPS, chunks=(4, 3))
    server.reset()
    return server


def by_obstore(prefix: str = "steps", *, bucket: str = "archive", **options: Any) -> ObjectStore[S3Store]:
    """Return a zarr store through obstore."""
    return ObjectStore(S3Store(bucket, prefix=prefix, **options))


def by_s3fs(prefix: str = "steps", *, bucket: str = "archive", **options: Any) -> FsspecStore:
    """Return a zarr store through s3fs."""
    return FsspecStore.from_url(f"s3://{bucket}/{prefix}", storage_options=options)


def impatient(timeout: str) -> Store:
    """Return a zarr store through obstore that soon gives up; `client_options` replace AWS_ALLOW_HTTP, too."""
    return by_obstore(client_options={"timeout": timeout, "allow_http": True}, retry_config=RETRY_ONCE)


def open_array(store: Store) -> zarr.Array[Any]:
    """Open the array for reading and writing, with one request if all goes well."""
    return zarr.open_array(store, mode="r+", zarr_format=3)


def test_a_server_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no bucket, no thread, no socket; a real account is as it was."""
    monkeypatch.setenv("AWS_PROFILE", "real")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with s3_server() as server:
        server.create_bucket("archive")
        assert "AWS_PROFILE" not in os.environ
        zarr.create_array(by_obstore(), data=STEPS)
        zarr.open_array("s3://archive/steps", mode="r")
    assert os.environ["AWS_PROFILE"] == "real"
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    assert not any(thread.name.startswith("http_") for thread in threading.enumerate())
    port = int(server.endpoint.rpartition(":")[2])
    assert port not in {address.laddr.port for address in psutil.Process().net_connections("tcp")}
    with s3_server() as server:
        server.create_bucket("archive")
        assert server.endpoint == os.environ["AWS_ENDPOINT_URL"]
        assert bytes_of(ObjectStore(S3Store("archive"))) == {}


def test_servers_do_not_mix(server: S3Server) -> None:
    """Two at once hold their own values; whoever names an endpoint gets that one, and processes that of the moment."""
    obstore.put(S3Store("archive"), "key", b"outer")
    with s3_server() as other:
        other.create_bucket("archive")
        obstore.put(S3Store("archive"), "key", b"inner")
        assert bytes(obstore.get(S3Store("archive", endpoint=server.endpoint), "key").bytes()) == b"outer"
        assert s3fs.S3FileSystem(endpoint_url=server.endpoint).cat("archive/key") == b"outer"
        assert s3fs.S3FileSystem().cat("archive/key") == b"inner"
        script = "from obstore.store import S3Store; print(bytes(S3Store('archive').get('key').bytes()))"
        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert ran.stdout == "b'inner'\n"
    assert s3fs.S3FileSystem().cat("archive/key") == b"outer"


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("key", NASTY)
def test_any_key_is_signed_as_the_server_reads_it(key: str) -> None:
    """Both clients sign keys that must be quoted, and find each other's."""
    obstore.put(S3Store("archive"), key, b"value")
    assert s3fs.S3FileSystem().cat(f"archive/{key}") == b"value"
    s3fs.S3FileSystem().pipe(f"archive/by s3fs/{key}", b"other")
    assert bytes(obstore.get(S3Store("archive"), f"by s3fs/{key}").bytes()) == b"other"


@pytest.mark.usefixtures("server")
def test_large_objects_go_in_parts() -> None:
    """More than is sent at once comes back whole."""
    value = bytes(range(256)) * 50_000  # 12.8 MB
    obstore.put(S3Store("archive"), "large", value, chunk_size=5 * 2**20)
    assert s3fs.S3FileSystem().cat("archive/large") == value


def test_requests_are_counted_as_the_model_counts_them(server: S3Server) -> None:
    """One chunk is one GET through obstore, and its stored bytes."""
    z = zarr.create_array(by_obstore(), data=STEPS, chunks=(4, 3), compressors=None)
    server.reset()
    _ = z[:]
    assert (server.requests, server.nbytes) == ({"GET": 5}, {"GET": STEPS.nbytes})
    server.reset()
    z[:4] = 7
    assert (server.requests, server.nbytes) == ({"PUT": 1}, {"PUT": 4 * 3 * 4})
    by_s3fs = zarr.open_array("s3://archive/steps", mode="r+", zarr_format=3)
    server.reset()
    by_s3fs[:4] = 7
    assert (server.requests, server.nbytes) == ({"PUT": 1}, {"PUT": 4 * 3 * 4})
    server.reset()
    obstore.list(S3Store("archive")).collect()
    obstore.head(S3Store("archive"), "steps/zarr.json")
    assert server.requests == {"HEAD": 1, "LIST": 1}


def test_anyone_reads_a_public_bucket(server: S3Server) -> None:  # noqa: ARG001
    """Without a key, through both clients, and nothing else."""
    zarr.create_array(by_obstore(bucket="open-data"), data=STEPS)
    anonymous = ObjectStore(S3Store("open-data", prefix="steps", skip_signature=True))
    assert zarr.open_array(anonymous, mode="r").shape == STEPS.shape
    assert zarr.open_array("s3://open-data/steps", mode="r", storage_options={"anon": True}).shape == STEPS.shape
    with pytest.raises(obstore.exceptions.PermissionDeniedError, match="<Code>AccessDenied</Code>"):
        zarr.create_array(anonymous, data=STEPS, overwrite=True)
    with pytest.raises(PermissionError, match="Access Denied"):
        s3fs.S3FileSystem(anon=True).ls("archive")


def test_a_presigned_address_opens_one_object(server: S3Server) -> None:
    """For one method until it expires, for whoever has it; it carries the key's name and not the secret."""
    obstore.put(S3Store("archive"), "a b", b"value")
    signed, short = (obstore.sign(S3Store("archive"), "GET", "a b", timedelta(seconds=s)) for s in (60, 1))
    assert {"X-Amz-Expires", "X-Amz-Signature"} < set(parse_qs(urlsplit(signed).query))
    assert ACCESS_KEY_ID in signed
    assert SECRET_ACCESS_KEY not in signed
    assert requests.get(signed, timeout=20).content == b"value"
    other_key, other_host = signed.replace("a%20b", "key"), signed.replace("127.0.0.1", "localhost")
    for method, address in (("PUT", signed), ("GET", other_key), ("GET", other_host)):
        assert "SignatureDoesNotMatch" in requests.request(method, address, timeout=20).text
    time.sleep(1.2)
    answer = requests.get(short, timeout=20)
    assert (answer.status_code, "<Message>Access Denied</Message>" in answer.text) == (403, True)
    assert server.nbytes == {"GET": 5, "PUT": 5}


def test_s3fs_presigns_with_version_4_when_told(server: S3Server) -> None:  # noqa: ARG001
    """What it does by default is version 2, which S3 refuses for buckets made since 2020."""
    obstore.put(S3Store("archive"), "key", b"value")
    with pytest.raises(OSError, match="400") as refused:
        urlopen(s3fs.S3FileSystem().sign("archive/key"))
    refused.value.close()  # type: ignore[attr-defined]
    with urlopen(s3fs.S3FileSystem(config_kwargs={"signature_version": "s3v4"}).sign("archive/key")) as answer:
        assert answer.read() == b"value"


def test_no_name_tells_a_secret(server: S3Server) -> None:
    """Neither key, secret nor port is in what a cell shows of server, stores and arrays."""
    shown = [server, S3Store("archive"), by_obstore(), FsspecStore.from_url("s3://archive/steps")]
    shown.append(zarr.create_array(by_obstore(), data=STEPS))
    text = " ".join([*map(repr, shown), *map(str, shown)])
    assert "S3Server" in text
    port = server.endpoint.rpartition(":")[2]
    assert not re.search(f"{port}|{re.escape(ACCESS_KEY_ID)}|{re.escape(SECRET_ACCESS_KEY)}", text)


def test_a_python_that_forgets_its_server_ends() -> None:
    """It ends at once, and neither server nor clients print a word."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORGETFUL], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (ran.stdout, ran.stderr) == ("2\n", "")


@pytest.mark.parametrize("bucket", ["archive", "open-data"])
@pytest.mark.parametrize(("method", "path"), [("PUT", "/key"), ("DELETE", "/key"), ("POST", "?delete"), ("PUT", "")])
def test_nobody_writes_without_a_key(server: S3Server, bucket: str, method: str, path: str) -> None:
    """Public is for reading."""
    answer = requests.request(method, f"{server.endpoint}/{bucket}{path}", data=b"value", timeout=20)
    assert answer.status_code == 403
    assert "<Code>AccessDenied</Code>" in answer.text


def test_a_bucket_that_is_not_there_is_missing(server: S3Server) -> None:
    """To whoever asks; the list of all buckets is for who has the key. Zarr finds no array in it, or no file."""
    answer = requests.get(f"{server.endpoint}/nowhere/key", timeout=20)
    assert (answer.status_code, "<Code>NoSuchBucket</Code>" in answer.text) == (404, True)
    assert requests.get(server.endpoint, timeout=20).status_code == 403
    assert s3fs.S3FileSystem().ls("") == ["archive", "open-data"]
    for make in (by_obstore, by_s3fs):
        with pytest.raises(zarr.errors.ArrayNotFoundError, match="nowhere"):
            open_array(make(bucket="nowhere"))
        with pytest.raises(FileNotFoundError, match=r"(?i)specified bucket does not exist"):
            zarr.create_array(make(bucket="nowhere"), data=STEPS)


@pytest.mark.parametrize("claim", ["", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=somebody", "Bearer a=b,c=d"])
def test_nonsense_in_place_of_a_signature_is_refused(server: S3Server, claim: str) -> None:
    """It is no reason to end with an error of our own."""
    answer = requests.get(f"{server.endpoint}/archive", headers={"Authorization": claim}, timeout=20)
    assert (answer.status_code, "<Code>InvalidRequest</Code>" in answer.text) == (400, True)


@pytest.mark.usefixtures("server")
def test_one_of_many_writers_is_first() -> None:
    """A PUT on the condition that nothing is there succeeds once: moto alone would let several through."""

    def put(number: int) -> bool:
        try:
            obstore.put(S3Store("archive"), "lock", bytes([number]), mode="create")
        except obstore.exceptions.AlreadyExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, range(40))) == 1


@pytest.mark.parametrize("name", ["archive", "ab", "a" * 64, "Archive", "my_data", "-data", "data.", "a/b", ""])
def test_a_bucket_that_cannot_be_is_refused(server: S3Server, name: str) -> None:
    """There is one of that name, or S3 knows no such names."""
    with pytest.raises(ValueError, match=f"name is '{name}': there is such a bucket already, or it has not 3 to 63"):
        server.create_bucket(name)


@pytest.mark.parametrize("make", [by_obstore, by_s3fs])
@pytest.mark.parametrize("kind", ["PUT", "GET"])
def test_what_fails_once_is_done_again(written: S3Server, make: Callable[..., Store], kind: str) -> None:
    """Both clients retry by themselves: one more request than there are chunks, and no value is lost."""
    z = open_array(make())
    written.reset()
    written.break_next("503", kind=kind, nth=3)
    if kind == "PUT":
        z[:] = STEPS + 1
    values = np.asarray(z[:])
    assert np.array_equal(values, STEPS + 1 if kind == "PUT" else STEPS)
    assert written.requests[kind] == 6


@pytest.mark.parametrize("kind", ["GET", "PUT"])
def test_a_request_that_hangs_ends_with_the_timeout(written: S3Server, kind: str) -> None:
    """By default that takes obstore 30 s for each request and 180 s in all; it can be told to be less patient."""
    z = open_array(impatient("300ms"))
    written.reset()
    written.break_next("hang", kind=kind, times=None)
    with pytest.raises(obstore.exceptions.GenericError, match=r"after 1 retries(.|\n)*error sending request"):
        z[:3] = 1  # a part of a chunk, which is read first
    assert written.requests == ({"GET": 2} if kind == "GET" else {"GET": 1, "PUT": 2})


def test_options_of_the_client_replace_those_of_the_environment(written: S3Server) -> None:  # noqa: ARG001
    """A timeout alone forgets that HTTP is allowed, and the error does not say so."""
    with pytest.raises(obstore.exceptions.GenericError, match=r"builder error(.|\n)*BadScheme"):
        open_array(by_obstore(client_options={"timeout": "2s"}))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: by_obstore(secret_access_key="wrong"), "PermissionDeniedError: 403 SignatureDoesNotMatch, 'The requ"),
        (lambda: by_obstore(access_key_id="nobody"), "PermissionDeniedError: 403 InvalidAccessKeyId, 'The AWS Acces"),
        (lambda: by_obstore(skip_signature=True), "PermissionDeniedError: 403 AccessDenied, 'Access Denied'"),
        (lambda: by_s3fs(key="nobody", secret="wrong"), "PermissionError: Forbidden"),  # a HEAD, answered without words
    ],
)
def test_a_wrong_key_is_an_error_at_once(written: S3Server, make: Callable[[], Store], says: str) -> None:
    """Nothing is retried, and the mistake is named where S3 names it."""
    assert error_summary(lambda: open_array(make())).startswith(says)
    assert sum(written.requests.values()) == 1


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: open_array(by_obstore(bucket="nowhere")),
            "ArrayNotFoundError: No array found in store object_store:",
        ),
        (lambda: S3Store("nowhere").list().collect(), "GenericError: 404 NoSuchBucket, 'The specified bucket does"),
        (
            lambda: zarr.create_group(FsspecStore.from_url("s3://nowhere/a")),
            "FileNotFoundError: The specified bucket does not exist",
        ),
    ],
)
def test_a_page_becomes_a_line(call: Callable[[], object], says: str) -> None:
    """Type, status, code and message are there; the address, the time and the XML are not."""
    said = error_summary(call)
    assert said.startswith(says)
    assert "\n" not in said
    assert not re.search(r"127\.0\.0\.1|\dms|<|Debug", said)


def test_it_says_how_often_was_asked(written: S3Server) -> None:
    """Whether the server said something or nothing."""
    z = open_array(impatient("300ms"))
    for how, says in {"hang": "no answer (Timeout)", "503": "503 SlowDown, 'Please reduce your request rate.'"}.items():
        written.reset()
        written.break_next(how, times=None)  # type: ignore[arg-type]
        assert error_summary(lambda: z[0]) == f"GenericError: {says}, after 1 more try"
