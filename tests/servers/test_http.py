"""Tests of helpers.servers.http: the server, the counting proxy, and the environment of a cloud."""

from __future__ import annotations

import contextlib
import http.client
import math
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, cast
from urllib.request import urlopen

import psutil
import pytest

from helpers.servers import CountingProxy, error_summary, http_server
from helpers.servers.http import HEADERS, cloud_environment
from tests.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from helpers.servers import Break

NBYTES = 1000


class Objects:
    """Keep what is put and give what is asked for, as a WSGI application."""

    def __init__(self) -> None:
        self.things: dict[str, bytes] = {"/thing": bytes(NBYTES)}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        name = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "PUT":
            self.things[name] = environ["wsgi.input"].read()
        there = name in self.things
        content = self.things[name] if there else b"there is none"
        start_response("200 OK" if there else "404 Not Found", [("Content-Length", str(len(content)))])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else content]


@contextlib.contextmanager
def serve(proxy: CountingProxy) -> Iterator[Callable[..., bytes]]:
    """Serve what is behind a proxy, and return a function that asks it."""
    with http_server(proxy) as endpoint:

        def ask(method: str = "GET", path: str = "/thing", body: bytes | None = None, timeout_s: float = 30) -> bytes:
            host = endpoint.removeprefix("http://")
            with contextlib.closing(http.client.HTTPConnection(host, timeout=timeout_s)) as client:
                client.request(method, path, body)
                answer = client.getresponse()
                return answer.read() if answer.status != 503 else b"503 " + answer.read()

        yield ask
        proxy.reset()


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


def test_it_serves_for_as_long_as_the_block(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It answers in the block, on this machine only, and prints nothing; then port and threads are gone."""
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
    assert (capfd.readouterr(), caplog.records) == (("", ""), [])


def test_a_client_that_stays_connected_does_not_keep_it() -> None:
    """A connection that never says a word is cut at the end of the block."""
    with http_server(hello) as endpoint:
        client = socket.create_connection(("127.0.0.1", port_of(endpoint)))
        wait_for(lambda: any(thread.name == "http_request" for thread in threading.enumerate()))
    with client:
        assert client.recv(1) == b""
    assert not any(thread.name == "http_request" for thread in threading.enumerate())


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


def test_requests_and_bytes_are_counted_by_kind() -> None:
    """Every request counts; of its bytes, those of a body that did arrive."""
    proxy = CountingProxy(Objects())
    with serve(proxy) as ask:
        ask()
        ask()
        ask("GET", "/nothing")
        ask("HEAD")
        ask("PUT", "/other", b"12345")
        assert proxy.requests == {"GET": 3, "HEAD": 1, "PUT": 1}
        assert proxy.nbytes == {"GET": 2 * NBYTES, "HEAD": 0, "PUT": 10}  # the objects gives back what was put
        proxy.reset()
        assert (proxy.requests, proxy.nbytes) == ({}, {})


def test_requests_wait_side_by_side() -> None:
    """Twenty requests at once wait once, not twenty times; spans say when each was under way, and `reset` forgets."""
    proxy = CountingProxy(Objects(), latency_s=0.3)
    with serve(proxy) as ask:
        begin = time.monotonic()
        ask()
        assert time.monotonic() - begin >= 0.3
        ((kind, arrived, answered),) = proxy.spans
        assert (kind, answered - arrived >= 0.3) == ("GET", True)
        clients = [threading.Thread(target=ask) for _ in range(20)]
        begin = time.monotonic()
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert 0.3 <= time.monotonic() - begin < 3
        assert max(arrived for _, arrived, _ in proxy.spans[1:]) < min(answered for *_, answered in proxy.spans[1:])
        proxy.reset()
        assert proxy.spans == []


def test_bytes_pass_one_after_the_other() -> None:
    """Requests share the proxy, up and down."""
    proxy = CountingProxy(Objects(), bandwidth_Bps=20 * NBYTES)
    with serve(proxy) as ask:
        begin = time.monotonic()
        clients = [threading.Thread(target=ask) for _ in range(4)]
        clients.append(threading.Thread(target=ask, args=("PUT", "/other", bytes(3 * NBYTES))))
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert time.monotonic() - begin >= (4 + 3 + 3) / 20


def test_the_third_put_is_answered_with_503() -> None:
    """The application behind hears nothing of it; the fourth succeeds. Or several in a row, or all until reset."""
    objects = Objects()
    proxy = CountingProxy(objects, busy=b"slow down")
    with serve(proxy) as ask:
        proxy.break_next("503", kind="PUT", nth=3)
        ask()
        said = [ask("PUT", f"/{number}", b"value") for number in range(1, 5)]
        assert said == [b"value", b"value", b"503 slow down", b"value"]
        assert sorted(objects.things) == ["/1", "/2", "/4", "/thing"]
        assert proxy.requests == {"GET": 1, "PUT": 4}
        assert proxy.nbytes["PUT"] == 3 * 2 * 5
        proxy.break_next("503", nth=2, times=2)
        assert [ask()[:4] == b"503 " for _ in range(5)] == [False, True, True, False, False]
        proxy.break_next("503", times=None)
        assert all(ask()[:4] == b"503 " for _ in range(5))
        proxy.reset()
        assert ask() == bytes(NBYTES)
        with pytest.raises(ValueError, match="how is '404': a request can be broken by '503', 'hang'"):
            proxy.break_next(cast("Break", "404"))


def test_a_request_hangs_until_reset() -> None:
    """Others are answered meanwhile; then the connection ends."""
    proxy = CountingProxy(Objects())
    with serve(proxy) as ask:
        proxy.break_next("hang")
        ends: list[Exception] = []

        def wait() -> None:
            try:
                ask()
            except ConnectionError as error:
                ends.append(error)

        client = threading.Thread(target=wait)
        client.start()
        wait_for(lambda: proxy.requests == {"GET": 1})
        assert ask() == bytes(NBYTES)
        assert client.is_alive()
        proxy.reset()
        client.join()
        assert len(ends) == 1


def test_a_client_that_goes_away_writes_nothing() -> None:
    """Half an upload is none, whoever ended it."""
    objects = Objects()
    proxy = CountingProxy(objects)
    with http_server(proxy) as endpoint:
        host, _, port = endpoint.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"PUT /half HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345")
            wait_for(lambda: proxy.requests == {"PUT": 1})
        wait_for(lambda: not any(thread.name == "http_request" for thread in threading.enumerate()))
    assert sorted(objects.things) == ["/thing"]
    assert proxy.nbytes == {"PUT": 0}


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"latency_s": -0.1}, ValueError, "latency_s=-0.1 is not allowed. It must be a finite number, 0 or more"),
        ({"latency_s": math.inf}, ValueError, "latency_s=inf"),
        ({"latency_s": "100 ms"}, TypeError, "latency_s='100 ms' is a str"),
        ({"bandwidth_Bps": 0}, ValueError, "bandwidth_Bps=0 is not allowed. It must be above 0"),
    ],
)
def test_a_proxy_that_cannot_be_is_refused(arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    """The error names the value and what is allowed; the port, another each time, is not shown."""
    assert repr(CountingProxy(Objects())) == "CountingProxy()"
    with pytest.raises(error, match=says):
        CountingProxy(Objects(), **arguments)


def test_a_real_account_is_put_aside_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the block there is nothing of it; blocks nest; requests to this machine go past a proxy, as others did."""
    monkeypatch.setenv("CLOUD_KEY", "real")
    monkeypatch.setenv("CLOUD_SESSION", "real")
    monkeypatch.setenv("NO_PROXY", "intranet")
    monkeypatch.delenv("no_proxy", raising=False)
    before = dict(os.environ)
    with cloud_environment("CLOUD_", {"CLOUD_KEY": "made up", "CLOUD_ADDRESS": "here"}):
        told = {name: value for name, value in os.environ.items() if name.startswith("CLOUD_")}
        assert told == {"CLOUD_KEY": "made up", "CLOUD_ADDRESS": "here"}
        assert (os.environ["NO_PROXY"], os.environ["no_proxy"]) == ("intranet,127.0.0.1", "127.0.0.1")
        with cloud_environment("CLOUD_", {"CLOUD_KEY": "inner"}):
            assert os.environ["CLOUD_KEY"] == "inner"
        assert os.environ["CLOUD_KEY"] == "made up"
        os.environ["CLOUD_LATER"] = "a lesson sets it"
    assert dict(os.environ) == before


def test_an_error_becomes_a_line() -> None:
    """The first of any other error; what goes well cannot be shown as an error."""
    assert error_summary(lambda: int("a\nb")) == "ValueError: invalid literal for int() with base 10: 'a\\nb'"
    with pytest.raises(AssertionError, match="nothing went wrong, where an error was expected"):
        error_summary(lambda: 1)
