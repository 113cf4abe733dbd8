"""Serves S3 on loopback, with public and private buckets: moto's, behind a gate that checks keys and signatures."""

from __future__ import annotations

import contextlib
import hmac
import itertools
import os
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from werkzeug.datastructures import EnvironHeaders
from werkzeug.wrappers import Response

from helpers.servers.http import CountingProxy, closed_at_exit, cloud_environment, http_server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from moto.s3.models import S3Backend

__all__ = ["ACCESS_KEY_ID", "REGION", "SECRET_ACCESS_KEY", "S3Server", "s3_server"]

# The example of the AWS documentation: programs that look for leaked keys know that it opens nothing.
ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = "us-east-1"
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
REFUSALS = {
    "AccessDenied": "Access Denied",
    "InvalidAccessKeyId": "The AWS Access Key Id you provided does not exist in our records.",
    "InvalidRequest": "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    "SignatureDoesNotMatch": "The request signature we calculated does not match the signature you provided. "
    "Check your key and signing method.",
}


# moto keeps the buckets of a whole Python in one place, and is not made for requests at once: a conditional PUT
# looks first and writes then.
_moto = threading.Lock()
_accounts = itertools.count(100_000_000_000)


class S3Server(CountingProxy):
    """An S3 that runs on this machine, in an account of its own of moto's; made by `s3_server`.

    Parameters
    ----------
    latency_s, bandwidth_Bps
        As for `CountingProxy`.
    """

    def __init__(self, *, latency_s: float = 0, bandwidth_Bps: float | None = None) -> None:  # noqa: N803
        from moto.moto_server.werkzeug_app import create_backend_app  # here: boto3 takes half a second

        super().__init__(self._answer, latency_s=latency_s, bandwidth_Bps=bandwidth_Bps, kind_of=_kind, busy=BUSY)
        self._moto = create_backend_app("s3")
        self._owner = str(next(_accounts))
        self._buckets: dict[str, tuple[str, str]] = {}
        self._public: set[str] = set()

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
        if name in self._buckets or not BUCKET_NAME.fullmatch(name):
            msg = f"name is {name!r}: there is such a bucket already, or it has not 3 to 63 of a-z, 0-9, '.' and '-'"
            raise ValueError(msg)
        with _moto:
            self._backend().create_bucket(name, REGION)
        if public:
            self._public.add(name)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request behind the proxy, as WSGI has it."""
        code = self._refusal(environ)
        if code:
            content = f"<Error><Code>{code}</Code><Message>{REFUSALS[code]}</Message></Error>"
            status = 400 if code == "InvalidRequest" else 403
            return Response(content, status, content_type="application/xml")(environ, start_response)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self._owner
        environ.setdefault("HTTP_AUTHORIZATION", "passed the gate")
        with _moto:
            self._backend()
            return [b"".join(self._moto(environ, start_response))]

    def _refusal(self, environ: WSGIEnvironment) -> str | None:
        """Return the code with which S3 refuses a request; None if it is allowed."""
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        if "HTTP_AUTHORIZATION" in environ or not query.keys().isdisjoint({"Signature", "X-Amz-Signature"}):
            try:
                return _fault_of_signature(environ)
            except (KeyError, ValueError):  # not of version 4
                return "InvalidRequest"
        bucket = environ["PATH_INFO"].split("/")[1]
        reads = environ["REQUEST_METHOD"] in {"GET", "HEAD"}
        allowed = bucket and (bucket not in self._buckets or (reads and bucket in self._public))
        return None if allowed else "AccessDenied"

    def _backend(self) -> S3Backend:
        """Return moto's part for this account, the only one whose buckets moto knows from now on."""
        from moto.s3.models import s3_backends

        s3_backends.bucket_accounts = self._buckets
        return s3_backends[self._owner]["aws"]

    def _forget(self) -> None:
        """Forget all buckets, and free what their objects take."""
        from moto.s3.models import FakeKey, FakeMultipart, s3_backends

        with _moto:
            for each in (*vars(FakeMultipart)["instances_tracked"], *vars(FakeKey)["instances_tracked"]):
                if each.account_id == self._owner:
                    each.dispose()
            s3_backends.pop(self._owner, None)
            self._buckets.clear()


@contextlib.contextmanager
def s3_server(*, latency_s: float = 0, bandwidth_Bps: float | None = None) -> Iterator[S3Server]:  # noqa: N803
    """Run an S3 for as long as a `with` block lasts.

    It is moto's, on a free port of this machine, in this process. It begins without buckets and keeps nothing.
    In the block the environment holds a key for it and its address, as it would for a real account: obstore and
    s3fs find it with nothing more than the name of a bucket, here and in processes started in the block.

    Parameters
    ----------
    latency_s, bandwidth_Bps
        As for `CountingProxy`.

    Yields
    ------
    S3Server
        The server, which answers by now.

    Raises
    ------
    TypeError, ValueError
        As `CountingProxy` does.

    Notes
    -----
    Who has no key, a wrong one or a presigned address that expired is refused with 403 and the code that S3 gives.
    moto's own access control is not used: it knows no presigned addresses (it answers 500), refuses anonymous
    requests without a code, and is switched on for the whole process. What else differs from S3: ACLs, policies and
    roles are not looked at, nor the age of a request and the checksum of its body; a request takes about 2 ms of one
    core besides `latency_s`, and all of them together no more than that core; a connection serves one request;
    objects are in memory (above 16 MB in a temporary file); the way there is HTTP without TLS.

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

    server = S3Server(latency_s=latency_s, bandwidth_Bps=bandwidth_Bps)
    with closed_at_exit() as stack:
        stack.callback(server._forget)
        server.endpoint = stack.enter_context(http_server(server, handler=MotoRequestHandler))
        stack.callback(server.reset)
        stack.enter_context(cloud_environment("AWS_", _environment(server.endpoint)))
        yield server


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


def _fault_of_signature(environ: WSGIEnvironment) -> str | None:
    """Return the code of what is wrong with a signature; None if it is the one that botocore would make."""
    from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth  # type: ignore[import-untyped]
    from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
    from botocore.credentials import Credentials  # type: ignore[import-untyped]

    headers = EnvironHeaders(environ)
    query = parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
    told = {name.removeprefix("X-Amz-"): value for name, value in query}
    signer = S3SigV4QueryAuth
    if "Authorization" in headers:
        algorithm, _, parts = headers["Authorization"].partition(" ")
        told = dict(part.strip().split("=", 1) for part in parts.split(","))
        told |= {"Algorithm": algorithm, "Date": headers["X-Amz-Date"]}
        signer = S3SigV4Auth
    key_id, _, region, service, _ = told["Credential"].split("/")
    signed_at = datetime.strptime(told["Date"], "%Y%m%dT%H%M%S%z")
    if told["Algorithm"] != "AWS4-HMAC-SHA256":
        return "InvalidRequest"
    if key_id != ACCESS_KEY_ID:
        return "InvalidAccessKeyId"
    if "Expires" in told and signed_at + timedelta(seconds=int(told["Expires"])) < datetime.now(UTC):
        return "AccessDenied"
    request = AWSRequest(
        environ["REQUEST_METHOD"],
        f"http://{headers['Host']}{quote(unquote(environ['RAW_URI'].partition('?')[0]), safe='/~')}",
        params=[(name, value) for name, value in query if name != "X-Amz-Signature"],
        headers={name: headers.get(name, "") for name in told["SignedHeaders"].split(";")},
    )
    request.context["timestamp"] = told["Date"]
    auth = signer(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY), service, region)
    wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return None if hmac.compare_digest(told["Signature"], wanted) else "SignatureDoesNotMatch"
