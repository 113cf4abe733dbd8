"""An S3 endpoint on loopback, with public and private buckets.

Says whether a request to S3 is signed by someone who has a key, as S3 itself does.

Keeps the buckets of one S3 server: moto's, behind a gate that knows who may do what.

Serves S3 on this machine for as long as a `with` block lasts.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import hmac
import itertools
import math
import os
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape

from helpers.servers.cloud import cloud_environment
from helpers.servers.http import Wire, WiredServer, http_server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from moto.s3.models import S3Backend

__all__ = [
    "ACCESS_KEY_ID",
    "REGION",
    "SECRET_ACCESS_KEY",
    "Buckets",
    "Refusal",
    "S3Server",
    "error_document",
    "is_signed",
    "refusal",
    "s3_server",
]


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


BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

# moto keeps the buckets of a whole Python in one place, and is not made for requests at once: a conditional PUT
# looks first and writes then.
_moto = threading.Lock()
_accounts = itertools.count(100_000_000_000)


class Buckets:
    """Keep buckets, and answer S3's requests about them, as a WSGI application.

    Parameters
    ----------
    secrets : mapping of str to str
        The secret of each access key that there is.

    Examples
    --------
    >>> buckets = Buckets({})
    >>> buckets.create("archive")
    >>> buckets.create("open-data", public=True)
    >>> buckets.names
    ['archive', 'open-data']
    >>> buckets.forget()
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        from moto.moto_server.werkzeug_app import create_backend_app  # here: boto3 takes half a second

        self._secrets = secrets
        self._moto = create_backend_app("s3")
        self._account = str(next(_accounts))
        self._owners: dict[str, tuple[str, str]] = {}
        self._public: set[str] = set()

    @property
    def names(self) -> list[str]:
        """The names of the buckets, sorted."""
        return sorted(self._owners)

    def create(self, name: str, *, public: bool = False) -> None:
        """Make a bucket.

        Parameters
        ----------
        name : str
            Its name: 3 to 63 small letters, digits, dots and hyphens.
        public : bool, default False
            Whether anyone may read and list it without a key.

        Raises
        ------
        ValueError
            If there is such a bucket already, or S3 has no such names.
        """
        if not BUCKET_NAME.fullmatch(name):
            msg = f"name is {name!r}: a bucket's name has 3 to 63 of a-z, 0-9, '.' and '-', no '.' or '-' at its ends"
            raise ValueError(msg)
        if name in self._owners:
            msg = f"name is {name!r}: there is such a bucket already. Take another name, or write into that one"
            raise ValueError(msg)
        with _moto:
            self._backend().create_bucket(name, "us-east-1")
        if public:
            self._public.add(name)

    def forget(self) -> None:
        """Forget all buckets, and free what their objects take."""
        from moto.s3.models import FakeKey, FakeMultipart, s3_backends

        with _moto:
            for model in (FakeMultipart, FakeKey):
                tracked = vars(model)["instances_tracked"]
                mine = [each for each in tracked if each.account_id == self._account]
                tracked[:] = [each for each in tracked if each.account_id != self._account]
                for each in mine:
                    each.dispose()
            s3_backends.pop(self._account, None)
            self._owners.clear()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        why = self._refusal(environ)
        if why is not None:
            content = error_document(why.code, why.message)
            headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(content)))]
            start_response(why.status, headers)
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else content]
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self._account
        environ.setdefault("HTTP_AUTHORIZATION", "passed the gate")
        with _moto:
            self._backend()
            return [b"".join(self._moto(environ, start_response))]

    def _refusal(self, environ: WSGIEnvironment) -> Refusal | None:
        if is_signed(environ):
            return refusal(environ, self._secrets)
        bucket = environ["PATH_INFO"].split("/")[1]
        reads = environ["REQUEST_METHOD"] in {"GET", "HEAD"}
        if bucket and (bucket not in self._owners or (reads and bucket in self._public)):
            return None
        return Refusal("AccessDenied", "Access Denied")

    def _backend(self) -> S3Backend:
        """Return moto's part for this account, the only one whose buckets moto knows from now on."""
        from moto.s3.models import s3_backends

        s3_backends.bucket_accounts = self._owners
        return s3_backends[self._account]["aws"]


def error_document(code: str, message: str) -> bytes:
    """Return what S3 says when something is wrong.

    Parameters
    ----------
    code : str
        What it is, in one word of the S3 API.
    message : str
        The same for people.

    Returns
    -------
    bytes
        A small XML document.

    Examples
    --------
    >>> error_document("SlowDown", "Please reduce your request rate.")[39:]
    b'<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
    """
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()


# The example of the AWS documentation: programs that look for leaked keys know that it opens nothing.
ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = "us-east-1"
BUSY = error_document("SlowDown", "Please reduce your request rate.")


@dataclass(frozen=True, repr=False)
class S3Server(WiredServer):
    """An S3 that runs on this machine."""

    _buckets: Buckets

    def create_bucket(self, name: str, *, public: bool = False) -> None:
        """Make a bucket, which takes no request.

        Parameters
        ----------
        name : str
            Its name: 3 to 63 small letters, digits, dots and hyphens.
        public : bool, default False
            Whether anyone may read and list it without a key, as the buckets of open data allow. Nobody may
            write without one.

        Raises
        ------
        ValueError
            If there is such a bucket already, or S3 has no such names.
        """
        self._buckets.create(name, public=public)


@contextlib.contextmanager
def s3_server(*, latency_s: float = 0, bandwidth_Bps: float | None = None) -> Iterator[S3Server]:  # noqa: N803
    """Run an S3 for as long as a `with` block lasts.

    It is moto's, on a free port of this machine, in this process. It begins without buckets and keeps nothing.
    In the block the environment holds a key for it and its address, as it would for a real account: obstore and
    s3fs find it with nothing more than the name of a bucket, here and in processes started in the block.

    Parameters
    ----------
    latency_s : float, default 0
        Seconds from a request's arrival to its answer, at least 0. Requests under way at once wait side by side.
    bandwidth_Bps : float, optional
        Bytes per second of the wire, above 0, shared by all requests. Without it there is no limit.

    Yields
    ------
    S3Server
        The server, which answers by now.

    Raises
    ------
    TypeError
        If `latency_s` or `bandwidth_Bps` is not a number.
    ValueError
        If `latency_s` is negative or not finite, or `bandwidth_Bps` is not above 0.

    Notes
    -----
    Signatures are checked as S3 does (`helpers.servers`), presigned addresses included: who has no key, a
    wrong one or an address that expired is refused with 403 and the code that S3 gives. What else differs from
    S3: ACLs, policies and roles are not looked at, there is the one key and ``public``; a request takes about 2
    ms of one core besides `latency_s`, and all of them together no more than that core; a connection serves one
    request; objects are in memory (above 16 MB in a temporary file); the way there is HTTP without TLS.

    Several servers at once in one Python have nothing in common but the environment, which is that of the last.

    Examples
    --------
    >>> import zarr
    >>> from obstore.store import S3Store
    >>> from zarr.storage import ObjectStore
    >>> with s3_server() as server:
    ...     server.create_bucket("archive")
    ...     z = zarr.create_array(ObjectStore(S3Store("archive")), shape=8, chunks=2, dtype="u1")
    ...     server.reset()
    ...     z[:] = 1
    ...     server.requests
    {'PUT': 4}
    """
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    buckets = Buckets({ACCESS_KEY_ID: SECRET_ACCESS_KEY})
    wire = Wire(buckets, latency_s=latency_s, bandwidth_Bps=bandwidth_Bps, kind_of=_kind, busy=BUSY)
    with contextlib.ExitStack() as stack:
        atexit.register(stack.close)  # a notebook that forgets to end the block ends it with its kernel
        stack.callback(atexit.unregister, stack.close)
        stack.callback(buckets.forget)
        endpoint = stack.enter_context(http_server(wire, handler=MotoRequestHandler))
        stack.callback(wire.reset)
        stack.enter_context(cloud_environment("AWS_", _environment(endpoint)))
        yield S3Server(endpoint, wire, buckets)


def _environment(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _kind(environ: WSGIEnvironment) -> str:
    """Return the method of a request, or LIST for a GET that is not of an object."""
    method: str = environ["REQUEST_METHOD"]
    return "LIST" if method == "GET" and "/" not in environ["PATH_INFO"].strip("/") else method
