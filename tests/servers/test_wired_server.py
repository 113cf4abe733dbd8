"""Tests of helpers.servers."""

from __future__ import annotations

from urllib.request import urlopen

import pytest

from helpers.servers import Wire, WiredServer, http_server
from tests.servers.test_wire import Shelf


def test_a_server_tells_what_its_wire_counted() -> None:
    """Counts, breaks and reset are those of the wire."""
    wire = Wire(Shelf())
    with http_server(wire) as endpoint:
        server = WiredServer(endpoint, wire)
        with urlopen(f"{endpoint}/thing") as answer:
            answer.read()
        assert (server.requests, server.nbytes) == ({"GET": 1}, {"GET": 1000})
        server.break_next("503", kind="GET")
        with pytest.raises(OSError, match="503: Slow Down") as busy:
            urlopen(f"{endpoint}/thing")
        busy.value.close()  # type: ignore[attr-defined]
        server.reset()
        assert (server.requests, server.nbytes) == ({}, {})


def test_a_server_does_not_show_its_port() -> None:
    """It is another one each time: a stored output would never be the same."""
    assert repr(WiredServer("http://127.0.0.1:12345", Wire(Shelf()))) == "WiredServer()"
