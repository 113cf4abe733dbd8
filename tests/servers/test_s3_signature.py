"""Tests of helpers.servers, against the signatures that boto3's botocore makes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from helpers.servers import is_signed, refusal
from helpers.servers import s3 as module

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

SECRETS = {"somebody": "secret"}
URLS = [
    "http://127.0.0.1:5000/bucket/zarr.json",
    "http://127.0.0.1:5000/bucket/a%20b/%C3%BC%2B%25/c~d/%280%29?partNumber=1&uploadId=x%2By%3D",
    "http://127.0.0.1:5000/bucket?list-type=2&prefix=a%20b%2F&delimiter=%2F&uploads",
]


def environ_of(request: AWSRequest) -> WSGIEnvironment:
    """Return what a WSGI server makes of a request."""
    parts = urlsplit(request.url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    environ: dict[str, Any] = {"REQUEST_METHOD": request.method, "RAW_URI": target, "QUERY_STRING": parts.query}
    for name, value in {"Host": parts.netloc, **request.headers}.items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ


def signed(url: str = URLS[0], *, key_id: str = "somebody", secret: str = "secret", signer: Any = S3SigV4Auth) -> Any:
    """Return the WSGI environment of a request that is signed in its headers."""
    request = AWSRequest("GET", url, headers={"x-amz-meta-note": "two  spaces"})
    signer(Credentials(key_id, secret), "s3", "us-east-1").add_auth(request)
    return environ_of(request)


def presigned(url: str = URLS[0]) -> Any:
    """Return the WSGI environment of a request to an address that is signed for a minute."""
    request = AWSRequest("GET", url)
    S3SigV4QueryAuth(Credentials("somebody", "secret"), "s3", "us-east-1", expires=60).add_auth(request)
    return environ_of(request)


@pytest.mark.parametrize("url", URLS)
def test_what_is_rightly_signed_passes(url: str) -> None:
    """Paths and queries that must be quoted included."""
    assert is_signed(signed(url))
    assert refusal(signed(url), SECRETS) is None
    assert is_signed(presigned(url))
    assert refusal(presigned(url), SECRETS) is None


def test_an_anonymous_request_is_not_signed() -> None:
    """It says nothing of who asks."""
    assert not is_signed(environ_of(AWSRequest("GET", URLS[2])))
    assert not is_signed(environ_of(AWSRequest("GET", f"{URLS[0]}?list-type=2&prefix=Signature")))


def test_who_is_not_known_is_refused() -> None:
    """S3 tells a key that does not exist from one with another secret."""
    why = refusal(signed(key_id="nobody"), SECRETS)
    assert why is not None
    assert why.code == "InvalidAccessKeyId"
    why = refusal(signed(secret="wrong"), SECRETS)
    assert why is not None
    assert why.code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("make", [signed, presigned])
@pytest.mark.parametrize(
    ("name", "value"), [("REQUEST_METHOD", "PUT"), ("RAW_URI", "/bucket/other"), ("HTTP_HOST", "elsewhere")]
)
def test_a_signature_is_for_one_request(make: Any, name: str, value: str) -> None:
    """Another method, key or host does not pass with it."""
    why = refusal({**make(), name: value}, SECRETS)
    assert why is not None
    assert why.code == "SignatureDoesNotMatch"


def test_a_presigned_address_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused after its minute, rightly signed or not."""
    environ = presigned()
    later = time.time() + 61
    monkeypatch.setattr(module, "time", lambda: later)
    assert refusal(environ, SECRETS) == ("AccessDenied", "Request has expired", "403 Forbidden")


def test_older_signatures_are_refused() -> None:
    """Buckets made since 2020 know version 4 only; what boto3 and s3fs presign by default is version 2."""
    request = AWSRequest("GET", URLS[0])
    HmacV1QueryAuth(Credentials("somebody", "secret")).add_auth(request)
    assert is_signed(environ_of(request))
    why = refusal(environ_of(request), SECRETS)
    assert why is not None
    assert (why.code, why.status) == ("InvalidRequest", "400 Bad Request")


@pytest.mark.parametrize("claim", ["", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=somebody", "Bearer a=b,c=d"])
def test_nonsense_is_refused(claim: str) -> None:
    """It is no reason to end with an error of our own."""
    why = refusal({**signed(), "HTTP_AUTHORIZATION": claim}, SECRETS)
    assert why is not None
    assert why.code == "InvalidRequest"
