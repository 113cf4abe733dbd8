"""Tests of helpers.servers."""

from __future__ import annotations

import contextlib
import http.client
import math
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from helpers.servers import Wire, http_server
from tests.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from helpers.servers import Break

NBYTES = 1000


class Shelf:
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
def serve(wire: Wire) -> Iterator[Callable[..., bytes]]:
    """Serve what is behind a wire, and return a function that asks it."""
    with http_server(wire) as endpoint:

        def ask(method: str = "GET", path: str = "/thing", body: bytes | None = None, timeout_s: float = 30) -> bytes:
            host = endpoint.removeprefix("http://")
            with contextlib.closing(http.client.HTTPConnection(host, timeout=timeout_s)) as client:
                client.request(method, path, body)
                answer = client.getresponse()
                return answer.read() if answer.status != 503 else b"503 " + answer.read()

        yield ask
        wire.reset()


def test_requests_and_bytes_are_counted_by_kind() -> None:
    """Every request counts; of its bytes, those of a body that did arrive."""
    wire = Wire(Shelf())
    with serve(wire) as ask:
        ask()
        ask()
        ask("GET", "/nothing")
        ask("HEAD")
        ask("PUT", "/other", b"12345")
        assert wire.requests == {"GET": 3, "HEAD": 1, "PUT": 1}
        assert wire.nbytes == {"GET": 2 * NBYTES, "HEAD": 0, "PUT": 10}  # the shelf gives back what was put
        wire.reset()
        assert (wire.requests, wire.nbytes) == ({}, {})


def test_kinds_can_be_named_otherwise() -> None:
    """What S3 calls a list is a GET to HTTP."""
    wire = Wire(Shelf(), kind_of=lambda environ: environ["PATH_INFO"])
    with serve(wire) as ask:
        ask()
        assert wire.requests == {"/thing": 1}


def test_requests_wait_side_by_side() -> None:
    """Twenty requests at once wait once, not twenty times."""
    wire = Wire(Shelf(), latency_s=0.3)
    with serve(wire) as ask:
        begin = time.monotonic()
        ask()
        assert time.monotonic() - begin >= 0.3
        clients = [threading.Thread(target=ask) for _ in range(20)]
        begin = time.monotonic()
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert 0.3 <= time.monotonic() - begin < 3


def test_bytes_pass_one_after_the_other() -> None:
    """Requests share the wire, up and down."""
    wire = Wire(Shelf(), bandwidth_Bps=20 * NBYTES)
    with serve(wire) as ask:
        begin = time.monotonic()
        clients = [threading.Thread(target=ask) for _ in range(4)]
        clients.append(threading.Thread(target=ask, args=("PUT", "/other", bytes(3 * NBYTES))))
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert time.monotonic() - begin >= (4 + 3 + 3) / 20


def test_the_third_put_is_answered_with_503() -> None:
    """The application behind hears nothing of it; the fourth succeeds."""
    shelf = Shelf()
    wire = Wire(shelf, busy=b"slow down")
    with serve(wire) as ask:
        wire.break_next("503", kind="PUT", nth=3)
        ask()
        said = [ask("PUT", f"/{number}", b"value") for number in range(1, 5)]
        assert said == [b"value", b"value", b"503 slow down", b"value"]
        assert sorted(shelf.things) == ["/1", "/2", "/4", "/thing"]
        assert wire.requests == {"GET": 1, "PUT": 4}
        assert wire.nbytes["PUT"] == 3 * 2 * 5


def test_several_are_broken_in_a_row() -> None:
    """As many as were asked for, or all until reset."""
    wire = Wire(Shelf())
    with serve(wire) as ask:
        wire.break_next("503", nth=2, times=2)
        assert [ask()[:4] == b"503 " for _ in range(5)] == [False, True, True, False, False]
        wire.break_next("503", times=None)
        assert all(ask() == b"503 " for _ in range(5))
        wire.reset()
        assert ask() == bytes(NBYTES)


def test_an_answer_ends_in_the_middle() -> None:
    """The client is told how long the answer is, and gets half of it."""
    wire = Wire(Shelf())
    with serve(wire) as ask:
        wire.break_next("hang up")
        with pytest.raises(http.client.IncompleteRead) as cut:
            ask()
        assert len(cut.value.partial) == NBYTES // 2
        assert ask() == bytes(NBYTES)


@pytest.mark.parametrize(("method", "body"), [("HEAD", None), ("PUT", b"value"), ("PUT", b"v")])
def test_a_request_ends_without_an_answer(method: str, body: bytes | None) -> None:
    """An upload that is cut leaves nothing behind the wire, and a HEAD has no middle."""
    shelf = Shelf()
    wire = Wire(shelf)
    with serve(wire) as ask:
        wire.break_next("hang up")
        with pytest.raises(ConnectionError):
            ask(method, "/other", body)
        assert sorted(shelf.things) == ["/thing"]
        assert ask() == bytes(NBYTES)


def test_a_request_hangs_until_reset() -> None:
    """Others are answered meanwhile; then the connection ends."""
    wire = Wire(Shelf())
    with serve(wire) as ask:
        wire.break_next("hang")
        ends: list[Exception] = []

        def wait() -> None:
            try:
                ask()
            except ConnectionError as error:
                ends.append(error)

        client = threading.Thread(target=wait)
        client.start()
        wait_for(lambda: wire.requests == {"GET": 1})
        assert ask() == bytes(NBYTES)
        assert client.is_alive()
        wire.reset()
        client.join()
        assert len(ends) == 1


def test_a_client_that_goes_away_writes_nothing() -> None:
    """Half an upload is none, whoever ended it."""
    shelf = Shelf()
    wire = Wire(shelf)
    with http_server(wire) as endpoint:
        host, _, port = endpoint.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"PUT /half HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345")
            wait_for(lambda: wire.requests == {"PUT": 1})
        wait_for(lambda: not any(thread.name == "http_request" for thread in threading.enumerate()))
    assert sorted(shelf.things) == ["/thing"]
    assert wire.nbytes == {"PUT": 0}


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"latency_s": -0.1}, ValueError, "latency_s=-0.1 is not allowed. It must be a finite number, 0 or more"),
        ({"latency_s": math.inf}, ValueError, "latency_s=inf"),
        ({"latency_s": "100 ms"}, TypeError, "latency_s='100 ms' is a str"),
        ({"bandwidth_Bps": 0}, ValueError, "bandwidth_Bps=0 is not allowed. It must be above 0"),
    ],
)
def test_a_wire_that_cannot_be_is_refused(arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    """The error names the value and what is allowed."""
    with pytest.raises(error, match=says):
        Wire(Shelf(), **arguments)


@pytest.mark.parametrize(
    ("how", "arguments", "says"),
    [
        ("404", {}, "how is '404': a request can be broken by '503', 'hang up', 'hang'"),
        ("503", {"nth": 0}, "nth is 0 and times is 1: both count from 1"),
        ("503", {"times": 0}, "nth is 1 and times is 0"),
    ],
)
def test_what_cannot_be_broken_is_refused(how: str, arguments: dict[str, Any], says: str) -> None:
    """The error names the value and what is allowed."""
    with pytest.raises(ValueError, match=says):
        Wire(Shelf()).break_next(cast("Break", how), **arguments)
