"""Tests of helpers.servers, with the errors of real clients."""

from __future__ import annotations

import gc
import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import zarr
from obstore.store import S3Store
from zarr.storage import FsspecStore, ObjectStore

from helpers.servers import ACCOUNT, AZURITE_MISSING, S3Server, azure_program, azure_server, complaint, s3_server
from tests.one_archive import STEPS
from tests.servers.test_azure_server import LEAVES_A_CONNECTION, UNCACHED, azure_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE: dict[str, Any] = {
    "client_options": {"timeout": "1s", "allow_http": True},
    "retry_config": {"max_retries": 1, "retry_timeout": timedelta(seconds=30)},
}


@pytest.fixture
def server() -> Iterator[S3Server]:
    """Run a server with an array in a bucket."""
    with s3_server() as running:
        running.create_bucket("archive")
        zarr.create_array(ObjectStore(S3Store("archive")), data=STEPS, chunks=(4, 3))
        running.reset()
        yield running


def opening(bucket: str = "archive", **options: Any) -> Callable[[], object]:
    """Return what opens an array of a bucket through obstore."""
    return lambda: zarr.open_array(ObjectStore(S3Store(bucket, **options)), mode="r", zarr_format=3)


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
    said = complaint(call)
    assert said.startswith(says)
    assert "\n" not in said
    assert not re.search(r"127\.0\.0\.1|\dms|<|Debug", said)


def test_it_says_how_often_was_asked(server: S3Server) -> None:
    """Whether the server said something or nothing."""
    read = zarr.open_array(ObjectStore(S3Store("archive", **PATIENCE)), mode="r", zarr_format=3)
    for how, says in {"hang": "no answer (Timeout)", "503": "503 SlowDown, 'Please reduce your request rate.'"}.items():
        server.reset()
        server.break_next(how, times=None)  # type: ignore[arg-type]
        assert complaint(lambda: read[0]) == f"GenericError: {says}, after 1 more try"


def test_what_goes_well_is_no_complaint() -> None:
    """A lesson cannot show an error that is not there any more."""
    with pytest.raises(AssertionError, match="nothing went wrong, where an error was expected"):
        complaint(lambda: 1)


@LEAVES_A_CONNECTION
@pytest.mark.skipif(azure_program() is None, reason=AZURITE_MISSING)
def test_what_a_client_leaves_behind_is_not_printed(caplog: pytest.LogCaptureFixture) -> None:
    """A client like adlfs leaves a connection open when it fails, and asyncio would report that with its address."""
    with azure_server() as server:
        server.create_container("archive")
        zarr.create_array(azure_store(), data=STEPS, chunks=(2, 3), shards=(4, 3))
        z = zarr.open_array("abfs://archive/steps", mode="r", storage_options=UNCACHED)
        assert complaint(lambda: z[0]) == (
            "ValueError: Required Content-Range response header is missing or malformed."
        )
        assert ACCOUNT in server.endpoint
    gc.collect()
    logging.getLogger("asyncio").error("Unclosed connection")
    logging.getLogger("asyncio").error("something else")
    assert [record.message for record in caplog.records] == ["something else"]
