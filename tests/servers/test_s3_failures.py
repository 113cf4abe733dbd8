"""Tests of what goes wrong on the way to S3: what zarr, obstore and s3fs say, how it is summed up, what mends it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import obstore
import pytest
import zarr
from obstore.store import S3Store
from zarr.storage import FsspecStore, ObjectStore

from helpers.servers import S3Server, error_summary, s3_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from zarr.abc.store import Store

STEPS = np.arange(20)
RETRY_ONCE: Any = {
    "max_retries": 1,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {"init_backoff": timedelta(milliseconds=10), "max_backoff": timedelta(seconds=1), "base": 2},
}


@pytest.fixture
def server() -> Iterator[S3Server]:
    """Run a server with a bucket and an array of five chunks in it."""
    with s3_server() as running:
        running.create_bucket("archive")
        zarr.create_array(by_obstore(), data=STEPS, chunks=(4,))
        running.reset()
        yield running


def by_obstore(bucket: str = "archive", **options: Any) -> Store:
    """Return a zarr store through obstore."""
    return ObjectStore(S3Store(bucket, prefix="steps", **options))


def by_s3fs(bucket: str = "archive", **options: Any) -> Store:
    """Return a zarr store through s3fs."""
    return FsspecStore.from_url(f"s3://{bucket}/steps", storage_options=options)


def impatient(timeout: str) -> Store:
    """Return a zarr store through obstore that soon gives up; `client_options` replace AWS_ALLOW_HTTP, too."""
    return by_obstore(client_options={"timeout": timeout, "allow_http": True}, retry_config=RETRY_ONCE)


def open_array(store: Store) -> zarr.Array[Any]:
    """Open the array for reading and writing, with one request if all goes well."""
    return zarr.open_array(store, mode="r+", zarr_format=3)


both = pytest.mark.parametrize("make", [by_obstore, by_s3fs])


@pytest.mark.parametrize(
    ("store", "error", "says"),
    [
        (lambda: by_obstore(secret_access_key="wrong"), obstore.exceptions.PermissionDeniedError, "SignatureDoesNotM"),
        (lambda: by_obstore(access_key_id="nobody"), obstore.exceptions.PermissionDeniedError, "InvalidAccessKeyId"),
        (lambda: by_s3fs(key="nobody", secret="wrong"), PermissionError, "Forbidden"),
    ],
)
def test_a_wrong_key_is_an_error_at_once(
    server: S3Server, store: Callable[[], Store], error: type[Exception], says: str
) -> None:
    """Nothing is retried. obstore says which mistake it was; s3fs asks with HEAD first, whose answer has no words."""
    with pytest.raises(error, match=says):
        open_array(store())
    assert sum(server.requests.values()) == 1


@both
def test_a_missing_bucket_looks_like_a_missing_array(server: S3Server, make: Callable[..., Store]) -> None:  # noqa: ARG001
    """Whoever reads is told that there is no array; whoever writes, that a file is not found."""
    with pytest.raises(zarr.errors.ArrayNotFoundError, match="nowhere"):
        open_array(make("nowhere"))
    with pytest.raises(FileNotFoundError, match=r"(?i)specified bucket does not exist"):
        zarr.create_array(make("nowhere"), data=STEPS)


@both
@pytest.mark.parametrize("kind", ["PUT", "GET"])
def test_what_fails_once_is_done_again(server: S3Server, make: Callable[..., Store], kind: str) -> None:
    """Both clients retry by themselves: one more request than there are chunks, and no value is lost."""
    z = open_array(make())
    server.reset()
    server.break_next("503", kind=kind, nth=3)
    if kind == "PUT":
        z[:] = STEPS + 1
    values = np.asarray(z[:])
    assert np.array_equal(values, STEPS + 1 if kind == "PUT" else STEPS)
    assert server.requests[kind] == 6


@pytest.mark.parametrize("kind", ["GET", "PUT"])
def test_a_request_that_hangs_ends_with_the_timeout(server: S3Server, kind: str) -> None:
    """By default that takes obstore 30 s for each request and 180 s in all; it can be told to be less patient."""
    z = open_array(impatient("1s"))
    server.reset()
    server.break_next("hang", kind=kind, times=None)
    with pytest.raises(obstore.exceptions.GenericError, match=r"after 1 retries(.|\n)*error sending request"):
        z[:3] = 1  # a part of a chunk, which is read first
    assert server.requests == ({"GET": 2} if kind == "GET" else {"GET": 1, "PUT": 2})


def test_a_request_that_hangs_once_is_done_again(server: S3Server) -> None:
    """The timeout is what mends it: without one the reader would wait for as long as the server likes."""
    z = open_array(impatient("3s"))
    server.reset()
    server.break_next("hang", kind="GET")
    assert np.array_equal(np.asarray(z[:4]), STEPS[:4])
    assert server.requests == {"GET": 2}


def test_options_of_the_client_replace_those_of_the_environment(server: S3Server) -> None:  # noqa: ARG001
    """A timeout alone forgets that HTTP is allowed, and the error does not say so."""
    with pytest.raises(obstore.exceptions.GenericError, match=r"builder error(.|\n)*BadScheme"):
        open_array(by_obstore(client_options={"timeout": "2s"}))


def opening(bucket: str = "archive", **options: Any) -> Callable[[], object]:
    """Return what opens an array of a bucket through obstore."""
    return lambda: open_array(by_obstore(bucket, **options))


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (opening(secret_access_key="wrong"), "PermissionDeniedError: 403 SignatureDoesNotMatch, 'The request sig"),
        (opening(access_key_id="nobody"), "PermissionDeniedError: 403 InvalidAccessKeyId, 'The AWS Access Key Id"),
        (opening(skip_signature=True), "PermissionDeniedError: 403 AccessDenied, 'Access Denied'"),
        (opening("nowhere"), "ArrayNotFoundError: No array found in store object_store:"),
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


def test_it_says_how_often_was_asked(server: S3Server) -> None:
    """Whether the server said something or nothing."""
    z = open_array(impatient("1s"))
    for how, says in {"hang": "no answer (Timeout)", "503": "503 SlowDown, 'Please reduce your request rate.'"}.items():
        server.reset()
        server.break_next(how, times=None)  # type: ignore[arg-type]
        assert error_summary(lambda: z[0]) == f"GenericError: {says}, after 1 more try"
