"""Says whether a request to S3 is signed by someone who has a key, as S3 itself does."""

from __future__ import annotations

import hashlib
import hmac
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, quote, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from wsgiref.types import WSGIEnvironment

__all__ = ["Refusal", "is_signed", "refusal"]

ALGORITHM = "AWS4-HMAC-SHA256"
TIME_FORMAT = "%Y%m%dT%H%M%SZ"
OTHER = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


class Refusal(NamedTuple):
    """Why S3 refuses a request, in its own words: the code, the message and the status of its answer."""

    code: str
    message: str
    status: str = "403 Forbidden"


def is_signed(environ: WSGIEnvironment) -> bool:
    """Return whether a request claims to be signed, in a header or in its address.

    Parameters
    ----------
    environ : dict
        The WSGI environment of the request.

    Returns
    -------
    bool
        False for an anonymous request.

    Examples
    --------
    >>> is_signed({"QUERY_STRING": "list-type=2"}), is_signed({"QUERY_STRING": "X-Amz-Signature=0&X-Amz-Date=0"})
    (False, True)
    """
    names = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)).keys()
    return "HTTP_AUTHORIZATION" in environ or not names.isdisjoint({"Signature", "X-Amz-Signature"})


def refusal(environ: WSGIEnvironment, secrets: Mapping[str, str]) -> Refusal | None:
    """Return why a signed request must be refused, or None if its signature is right.

    Parameters
    ----------
    environ : dict
        The WSGI environment of the request, with ``RAW_URI``, the target as it was sent.
    secrets : mapping of str to str
        The secret of each access key that there is.

    Returns
    -------
    Refusal or None
        ``InvalidAccessKeyId``, ``SignatureDoesNotMatch``, ``AccessDenied`` for a presigned address that has
        expired, or ``InvalidRequest`` for anything but signature version 4.

    Notes
    -----
    The rules are in the reference of the S3 API, "Authenticating Requests (AWS Signature Version 4)". Two of them
    are not checked: that the body has the SHA-256 that was signed, and that the request is not older than 15
    minutes.

    Examples
    --------
    >>> request = {"QUERY_STRING": "", "HTTP_AUTHORIZATION": "AWS somebody:something"}
    >>> refusal(request, {"somebody": "secret"}).code
    'InvalidRequest'
    """
    try:
        claim = _claim(environ)
    except (KeyError, ValueError):
        return Refusal("InvalidRequest", OTHER, "400 Bad Request")
    if claim.key_id not in secrets:
        return Refusal("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    if claim.expires_at < time():
        return Refusal("AccessDenied", "Request has expired")
    if not hmac.compare_digest(claim.signature, _signature(environ, claim, secrets[claim.key_id])):
        return Refusal("SignatureDoesNotMatch", MISMATCH)
    return None


@dataclass(frozen=True)
class _Claim:
    """What a request says of its signature."""

    key_id: str
    scope: str  # day/region/s3/aws4_request
    signed_headers: str
    signature: str
    signed_at: str
    expires_at: float
    body_sha256: str


def _claim(environ: WSGIEnvironment) -> _Claim:
    query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
    if "X-Amz-Signature" in query:
        told = {name.removeprefix("X-Amz-"): value for name, value in query.items()}
        signed_at = datetime.strptime(told["Date"], TIME_FORMAT).replace(tzinfo=UTC)
        expires_at, body = signed_at.timestamp() + int(told["Expires"]), "UNSIGNED-PAYLOAD"
    else:
        algorithm, _, parts = environ["HTTP_AUTHORIZATION"].partition(" ")
        told = dict(part.strip().split("=", 1) for part in parts.split(","))
        told |= {"Algorithm": algorithm, "Date": environ["HTTP_X_AMZ_DATE"]}
        expires_at, body = math.inf, environ["HTTP_X_AMZ_CONTENT_SHA256"]
    if told["Algorithm"] != ALGORITHM:
        raise ValueError(told["Algorithm"])
    key_id, _, scope = told["Credential"].partition("/")
    return _Claim(key_id, scope, told["SignedHeaders"], told["Signature"], told["Date"], expires_at, body)


def _signature(environ: WSGIEnvironment, claim: _Claim, secret: str) -> str:
    """Return the signature that a request would have if it were signed with this secret."""
    asked = _canonical_request(environ, claim)
    key = f"AWS4{secret}".encode()
    for part in claim.scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join([ALGORITHM, claim.signed_at, claim.scope, hashlib.sha256(asked.encode()).hexdigest()])
    return hmac.digest(key, text.encode(), "sha256").hex()


def _canonical_request(environ: WSGIEnvironment, claim: _Claim) -> str:
    query = parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
    pairs = sorted((_quote(name), _quote(value)) for name, value in query if name != "X-Amz-Signature")
    names = claim.signed_headers.split(";")
    return "\n".join(
        [
            environ["REQUEST_METHOD"],
            quote(unquote(environ["RAW_URI"].partition("?")[0]), safe="/~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{_header(environ, name)}" for name in names),
            "",
            claim.signed_headers,
            claim.body_sha256,
        ]
    )


def _header(environ: WSGIEnvironment, name: str) -> str:
    key = name.upper().replace("-", "_")
    key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
    return " ".join(environ.get(key, "").split())


def _quote(text: str) -> str:
    return quote(text, safe="~")
