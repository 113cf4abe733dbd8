"""Tests of helpers.servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import S3SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from werkzeug.test import Client

from helpers.servers import Buckets, error_document
from tests.servers.test_s3_signature import SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def buckets() -> Iterator[Buckets]:
    """Return a place with two buckets, and forget it."""
    place = Buckets(SECRETS)
    place.create("archive")
    place.create("open-data", public=True)
    yield place
    place.forget()


def ask(buckets: Buckets, method: str, path: str, *, body: bytes = b"", signed: bool = True, unless: str = "") -> Any:
    """Ask for something, perhaps on a condition, and return the answer."""
    headers = {"If-None-Match": unless} if unless else {}
    request = AWSRequest(method, f"http://localhost{path}", data=body, headers=headers)
    if signed:
        S3SigV4Auth(Credentials("somebody", "secret"), "s3", "us-east-1").add_auth(request)
    return Client(buckets).open(path, method=method, data=body, headers=dict(request.headers.items()))


def test_who_has_the_key_may_read_and_write(buckets: Buckets) -> None:
    """A value comes back as it was put."""
    assert ask(buckets, "PUT", "/archive/key", body=b"value").status_code == 200
    assert ask(buckets, "GET", "/archive/key").data == b"value"
    assert b"<Key>key</Key>" in ask(buckets, "GET", "/archive?list-type=2").data
    assert ask(buckets, "DELETE", "/archive/key").status_code == 204
    assert ask(buckets, "GET", "/archive/key").status_code == 404


@pytest.mark.parametrize(("bucket", "may"), [("archive", 403), ("open-data", 200)])
def test_anyone_may_read_what_is_public(buckets: Buckets, bucket: str, may: int) -> None:
    """And nobody else's buckets."""
    ask(buckets, "PUT", f"/{bucket}/key", body=b"value")
    asked = [("GET", f"/{bucket}/key"), ("HEAD", f"/{bucket}/key"), ("GET", f"/{bucket}?list-type=2")]
    assert [ask(buckets, *what, signed=False).status_code for what in asked] == [may] * 3


@pytest.mark.parametrize("bucket", ["archive", "open-data"])
@pytest.mark.parametrize(("method", "path"), [("PUT", "/key"), ("DELETE", "/key"), ("POST", "?delete"), ("PUT", "")])
def test_nobody_writes_without_a_key(buckets: Buckets, bucket: str, method: str, path: str) -> None:
    """Public is for reading."""
    answer = ask(buckets, method, f"/{bucket}{path}", body=b"value", signed=False)
    assert answer.status_code == 403
    assert b"<Code>AccessDenied</Code>" in answer.data


def test_a_bucket_that_is_not_there_is_missing(buckets: Buckets) -> None:
    """To whoever asks; the list of all buckets is for who has the key."""
    for signed in (True, False):
        answer = ask(buckets, "GET", "/nowhere/key", signed=signed)
        assert answer.status_code == 404
        assert b"<Code>NoSuchBucket</Code>" in answer.data
    assert b"<Name>archive</Name>" in ask(buckets, "GET", "/").data
    assert ask(buckets, "GET", "/", signed=False).status_code == 403


def test_places_do_not_mix(buckets: Buckets) -> None:
    """Two in one Python may have buckets of one name."""
    other = Buckets(SECRETS)
    other.create("archive")
    ask(buckets, "PUT", "/archive/key", body=b"value")
    assert ask(other, "GET", "/archive/key").status_code == 404
    assert ask(other, "GET", "/open-data/key").status_code == 404
    other.forget()
    assert ask(buckets, "GET", "/archive/key").data == b"value"


def test_one_of_many_writers_is_first(buckets: Buckets) -> None:
    """A PUT on the condition that nothing is there succeeds once: moto alone would let several through."""

    def put(number: int) -> int:
        status: int = ask(buckets, "PUT", "/archive/lock", body=bytes([number]), unless="*").status_code
        return status

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(put, range(40))) == [200] + [412] * 39


def test_a_bucket_is_made_once(buckets: Buckets) -> None:
    """The error names the bucket."""
    with pytest.raises(ValueError, match="name is 'archive': there is such a bucket already"):
        buckets.create("archive")
    buckets.forget()
    buckets.create("archive")
    assert buckets.names == ["archive"]
    assert ask(buckets, "GET", "/archive/key", signed=False).status_code == 403


@pytest.mark.parametrize("name", ["ab", "a" * 64, "Archive", "my_data", "-data", "data.", "a/b", ""])
def test_names_that_s3_does_not_know_are_refused(buckets: Buckets, name: str) -> None:
    """The error says what is allowed."""
    with pytest.raises(ValueError, match="3 to 63 of a-z"):
        buckets.create(name)


def test_an_error_can_say_anything() -> None:
    """XML has characters of its own."""
    assert b"<Message>a &lt; b &amp; c</Message>" in error_document("Code", "a < b & c")
