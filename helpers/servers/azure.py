"""Serves Azure Blob Storage on loopback: Azurite, where it is installed, behind the counting proxy."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.servers.http import HEADERS, CountingProxy, closed_at_exit, cloud_environment, http_server
from helpers.servers.programs import guarded_program

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["ACCOUNT", "ACCOUNT_KEY", "AZURITE_MISSING", "AzureServer", "azure_program", "azure_server"]

NODE_MODULES = Path(__file__).parents[2] / "servers" / "node_modules"
AZURITE_MISSING = (
    "No Azurite was found: the cells that talk to Azure need it, all others do not. Install Node.js 20 or later "
    "(https://nodejs.org), then run `make azurite`. On Windows, do both in WSL."
)
# What Microsoft's documentation says of every emulator: it opens nothing.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
OPTIONS = ("--blobPort", "0", "--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry")
BUSY = b"<Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>"
LISTENS = r"successfully listens on http://127\.0\.0\.1:(\d+)"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}
HOST = "127.0.0.1"
PATIENCE_S = 60


def azure_program(path: str | None = None) -> Path | None:
    """Return the program that plays Azure: ``azurite-blob`` on PATH, else the one that `make azurite` installs.

    Parameters
    ----------
    path : str, optional
        Folders in place of those of the environment variable PATH, written like it.

    Returns
    -------
    pathlib.Path or None
        None where there is none, or no Node.js to run it, and on Windows.
    """
    if os.name != "posix" or shutil.which("node", path=path) is None:
        return None
    found = shutil.which("azurite-blob", path=path) or shutil.which("azurite-blob", path=str(NODE_MODULES / ".bin"))
    return Path(found) if found else None


class AzureServer(CountingProxy):
    """An Azure Blob Storage that runs on this machine; made by `azure_server`.

    Parameters
    ----------
    port : int
        Where Azurite listens, behind the proxy.

    Attributes
    ----------
    account : str
        The storage account, which is no secret. The environment names it too, but obstore 0.12 wants to be told,
        ``AzureStore(…, account_name=server.account)``: it panics when zarr asks for the name of a store without.
    """

    account = ACCOUNT

    def __init__(self, port: int) -> None:
        super().__init__(_way_to(port), kind_of=_kind, busy=BUSY)
        self._behind = f"http://{HOST}:{port}/{ACCOUNT}"

    def create_container(self, name: str, *, public: bool = False) -> None:
        """Make a container, which takes no request of those that are counted.

        Parameters
        ----------
        name : str
            Its name: 3 to 63 small letters, digits and hyphens.
        public : bool, default False
            Whether anyone may read and list it without a key. Nobody may write without one.

        Raises
        ------
        ValueError
            If there is such a container already, or Azure has no such names.
        """
        from azure.core.exceptions import HttpResponseError
        from azure.storage.blob import BlobServiceClient

        with BlobServiceClient(self._behind, credential=ACCOUNT_KEY) as client:
            try:
                client.create_container(name, public_access="container" if public else None)
            except HttpResponseError as error:
                why = getattr(error, "error_code", error.reason)
                msg = f"name is {name!r}: Azure refuses such a container ({why}). Take another name"
                raise ValueError(msg) from None


@contextlib.contextmanager
def azure_server() -> Iterator[AzureServer]:
    """Run an Azure Blob Storage for as long as a `with` block lasts.

    It is Azurite, Microsoft's own emulator, on a free port of this machine. It begins without containers and
    keeps nothing. In the block the environment holds the account for it and its address: obstore and adlfs find
    it by the name of a container and of the account, here and in processes started in the block.

    Yields
    ------
    AzureServer
        The server, which answers by now.

    Raises
    ------
    RuntimeError
        If there is no Azurite on this machine, or it does not start.

    Notes
    -----
    Azurite checks keys, signatures and shared access signatures as Azure does. It is a process of its own, a
    `guarded_program`; the proxy before it is in this process.

    adlfs needs ``use_listings_cache=False``, and cannot read shards: see `tests/servers/test_azure.py`.

    Examples
    --------
    >>> import zarr
    >>> from obstore.store import AzureStore
    >>> from zarr.storage import ObjectStore
    >>> if azure_program():
    ...     with azure_server() as server:
    ...         server.create_container("archive")
    ...         store = ObjectStore(AzureStore("archive", account_name=server.account))
    ...         z = zarr.create_array(store, shape=8, chunks=2, dtype="u1")
    ...         server.reset()
    ...         z[:] = 1
    ...         assert server.requests == {"PUT": 4}
    """
    program = azure_program()
    if program is None:
        raise RuntimeError(AZURITE_MISSING)
    with closed_at_exit() as stack:
        stack.enter_context(cloud_environment("AZUR", {}))  # Azurite looks into it, too
        azurite = stack.enter_context(guarded_program(program, OPTIONS))
        server = AzureServer(int(azurite.wait_until_it_says(LISTENS, within_s=PATIENCE_S)[1]))
        server.endpoint = f"{stack.enter_context(http_server(server))}/{ACCOUNT}"
        stack.callback(server.reset)
        stack.enter_context(cloud_environment("AZUR", _environment(server.endpoint)))
        yield server


def _environment(endpoint: str) -> dict[str, str]:
    return {
        # obstore
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY,
        "AZURE_STORAGE_ENDPOINT": endpoint,
        "AZURE_ALLOW_HTTP": "true",
        # adlfs
        "AZURE_STORAGE_CONNECTION_STRING": (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={endpoint};"
        ),
    }


def _kind(environ: WSGIEnvironment) -> str:
    """Return the method of a request, or LIST for a GET that asks for the keys of a container."""
    method: str = environ["REQUEST_METHOD"]
    return "LIST" if method == "GET" and "comp=list" in environ["QUERY_STRING"].split("&") else method


def _way_to(port: int) -> WSGIApplication:
    """Return the way to a server on another port of this machine, as a WSGI application."""

    def pass_on(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        with contextlib.closing(http.client.HTTPConnection(HOST, port)) as connection:
            connection.request(environ["REQUEST_METHOD"], environ["RAW_URI"], body, dict(environ[HEADERS]))
            answer = connection.getresponse()
            content = answer.read()
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        if answer.getheader("Content-Length") is None and environ["REQUEST_METHOD"] != "HEAD":
            headers.append(("Content-Length", str(len(content))))
        start_response(f"{answer.status} {answer.reason}", headers)
        return [content]

    return pass_on
