"""Serves S3 on this machine for as long as a `with` block lasts."""

from __future__ import annotations

import atexit
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.cloud_environment import cloud_environment
from helpers.http_server import http_server
from helpers.s3_buckets import Buckets, error_document
from helpers.wire import Wire
from helpers.wired_server import WiredServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIEnvironment

__all__ = ["ACCESS_KEY_ID", "REGION", "SECRET_ACCESS_KEY", "S3Server", "s3_server"]

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
    Signatures are checked as S3 does (`helpers.s3_signature`), presigned addresses included: who has no key, a
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
