"""Tests of helpers.servers."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import psutil
import pytest

from helpers.servers import HEADERS, http_server
from tests.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

ROOT = Path(__file__).parent.parent
FORGETFUL = """
import contextlib
from urllib.request import urlopen
from helpers.servers import http_server
from tests.servers.test_http_server import hello

stack = contextlib.ExitStack()
print(urlopen(stack.enter_context(http_server(hello))).read())
"""


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:  # noqa: ARG001
    """Answer with a word."""
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


def port_of(endpoint: str) -> int:
    """Return the port of an address."""
    return int(endpoint.rpartition(":")[2])


def answers(port: int) -> bool:
    """Return whether something listens on `port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_serves_for_as_long_as_the_block() -> None:
    """It answers in the block, on this machine only; then port and threads are gone."""
    threads = threading.active_count()
    with http_server(hello) as endpoint:
        port = port_of(endpoint)
        with urlopen(endpoint) as answer:
            assert answer.read() == b"hello"
        bound = {address.laddr for address in psutil.Process().net_connections() if address.status == "LISTEN"}
        assert ("127.0.0.1", port) in bound
        assert ("0.0.0.0", port) not in bound
    assert not answers(port)
    assert threading.active_count() == threads


def test_a_client_that_stays_connected_does_not_keep_it() -> None:
    """A connection that never says a word is cut at the end of the block."""
    with http_server(hello) as endpoint:
        client = socket.create_connection(("127.0.0.1", port_of(endpoint)))
        wait_for(lambda: any(thread.name == "http_request" for thread in threading.enumerate()))
    with client:
        assert client.recv(1) == b""
    assert not any(thread.name == "http_request" for thread in threading.enumerate())


def test_requests_are_answered_side_by_side() -> None:
    """Each of eight requests waits until all eight are there."""
    together = threading.Barrier(8, timeout=20)

    def meet(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        together.wait()
        return hello(environ, start_response)

    with http_server(meet) as endpoint:
        clients = [threading.Thread(target=lambda: urlopen(endpoint).close()) for _ in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert not together.broken


def test_it_writes_no_line_for_a_request(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """A notebook shows what the cell computed, not what the server served."""
    with http_server(hello) as endpoint, urlopen(endpoint):
        pass
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_what_goes_wrong_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An error in the application is not hidden: the client gets a 500, the log the traceback."""

    def wrong(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:  # noqa: ARG001
        msg = "not today"
        raise KeyError(msg)

    with http_server(wrong) as endpoint, pytest.raises(OSError, match="HTTP Error 500") as failed:
        urlopen(endpoint)
    failed.value.close()  # type: ignore[attr-defined]
    assert "KeyError: 'not today'" in caplog.text


def test_headers_that_wsgi_leaves_out_are_there() -> None:
    """The metadata of a cloud's objects has names with underscores."""
    seen: list[dict[str, str]] = []

    def look(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(dict(environ[HEADERS]))
        return hello(environ, start_response)

    with http_server(look) as endpoint:
        client = http.client.HTTPConnection(endpoint.removeprefix("http://"))
        client.request("GET", "/", headers={"x-ms-meta-is_directory": "false"})
        client.getresponse().read()
        client.close()
    assert seen[0]["x-ms-meta-is_directory"] == "false"


def test_hanging_up_ends_the_connection() -> None:
    """What is left of the request is not taken for the next one."""
    seen: list[str] = []

    def refuse(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:  # noqa: ARG001
        seen.append(environ["REQUEST_METHOD"])
        raise ConnectionAbortedError

    with http_server(refuse) as endpoint, socket.create_connection(("127.0.0.1", port_of(endpoint))) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 20\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n")
        assert client.recv(100) == b""
    assert seen == ["PUT"]


def test_a_client_that_asks_before_it_sends_is_told_once_to_go_on() -> None:
    """Twice is one answer too many: s3fs waits for ever after its next request."""
    with http_server(hello) as endpoint, socket.create_connection(("127.0.0.1", port_of(endpoint))) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(1000), b""))
    assert answer.count(b"HTTP/1.1 100 Continue") == 1
    assert answer.endswith(b"hello")


def test_a_python_that_forgets_its_server_ends() -> None:
    """The end of the block may come when the threads stand still already."""
    ran = subprocess.run([sys.executable, "-c", FORGETFUL], capture_output=True, text=True, check=True, cwd=ROOT)
    assert (ran.stdout, ran.stderr) == ("b'hello'\n", "")


def test_nothing_stays_open() -> None:
    """A server leaves no socket open in this process, neither its own nor those of its clients."""
    with http_server(hello) as endpoint, urlopen(endpoint):
        pass
    ports = {address.laddr.port for address in psutil.Process().net_connections("tcp")}
    assert port_of(endpoint) not in ports
