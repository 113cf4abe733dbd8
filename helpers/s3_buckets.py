"""Keeps the buckets of one S3 server: moto's, behind a gate that knows who may do what."""

from __future__ import annotations

import itertools
import re
import threading
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from helpers.s3_signature import Refusal, is_signed, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from moto.s3.models import S3Backend

__all__ = ["Buckets", "error_document"]

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
