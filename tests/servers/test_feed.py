"""Tests of helpers.servers.feed: what is there when, and what goes wrong on request."""

from __future__ import annotations

import hashlib
import http.client
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import requests

from helpers.data import LISTING, FeedFile, parse_listing
from helpers.servers import FeedServer, feed_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import Fault

FILES = [(f"2015/{month:02}/rain {month}.gz", bytes([month]) * 1000) for month in range(1, 5)]
PATHS = [path for path, _ in FILES]


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """Run a provider that has published two files of four."""
    with feed_server(FILES) as serves:
        serves.publish(2)
        yield serves


def get(server: FeedServer, path: str) -> requests.Response:
    """Ask for what lies at a path."""
    return requests.get(f"{server.url}/{quote(path)}", timeout=20)


def test_time_goes_on(server: FeedServer) -> None:
    """What is published can be fetched, what is not cannot, and neither number nor port is a secret of the repr."""
    assert server.published == PATHS[:2]
    assert repr(server) == "FeedServer(2 files)"
    assert [get(server, path).status_code for path in PATHS] == [200, 200, 404, 404]
    assert server.publish() == PATHS[2:3]
    assert get(server, PATHS[2]).content == FILES[2][1]


def test_requests_and_bytes_are_counted(server: FeedServer) -> None:
    """Those that fail too, with the bytes that came of them."""
    server.inject_fault(PATHS[0], "truncated")
    for path in (LISTING, "2015", PATHS[0], PATHS[1], "nothing"):
        get(server, path)
    listing = len(get(server, LISTING).content)
    assert server.requests == {"GET": 3, "LIST": 3}
    assert server.nbytes == {"GET": 500 + 1000, "LIST": 2 * listing + len("01/\n02/\n")}
    assert server.asked == [LISTING, "2015", PATHS[0], PATHS[1], "nothing", LISTING]
    server.reset()
    assert (server.requests, server.nbytes, server.asked) == ({}, {}, [])
    assert requests.head(f"{server.url}/{PATHS[0]}", timeout=20).headers["Content-Length"] == "1000"
    assert (server.requests, server.nbytes) == ({"HEAD": 1}, {"HEAD": 0})


@pytest.mark.parametrize(("how", "status"), [("missing", 404), ("503", 503)])
def test_answers_that_say_no(server: FeedServer, how: Fault, status: int) -> None:
    """As often as ordered; the listing names the file all the same."""
    server.inject_fault(PATHS[0], how, times=2)
    assert [get(server, PATHS[0]).status_code for _ in range(3)] == [status, status, 200]
    assert server.published == PATHS[:2]
    server.inject_fault(LISTING, how)
    assert get(server, LISTING).status_code == status


def test_half_of_a_file(server: FeedServer) -> None:
    """One answer looks whole and one does not; without a number of times, until reset."""
    server.inject_fault(PATHS[1], "truncated", times=None)
    assert [len(get(server, PATHS[1]).content) for _ in range(3)] == [500] * 3
    server.reset()
    server.inject_fault(PATHS[1], "hang up")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="500 more expected"):
        get(server, PATHS[1])
    assert get(server, PATHS[1]).content == FILES[1][1]


def test_orders_are_carried_out_in_turn(server: FeedServer) -> None:
    """What goes wrong differently each time goes right in the end."""
    server.inject_fault(PATHS[0], "503")
    server.inject_fault(PATHS[0], "missing")
    server.inject_fault(PATHS[1], "missing", times=None)
    assert [get(server, path).status_code for path in PATHS[:1] * 3 + PATHS[1:2]] == [503, 404, 200, 404]


def test_it_is_gone_with_its_block() -> None:
    """The address answers no more; until then an answer takes as long as told."""
    with feed_server(FILES, latency_s=0.1) as server:
        began = time.monotonic()
        get(server, LISTING)
        assert time.monotonic() - began >= 0.1
    client = http.client.HTTPConnection(server.url.removeprefix("http://"))
    with pytest.raises(ConnectionRefusedError):
        client.connect()


def test_nothing_is_made_before_its_time() -> None:
    """Of an iterator no more is taken than is published; where it ends, nothing more appears."""
    made: list[str] = []
    with feed_server((made.append(path) or path, data) for path, data in FILES) as server:  # type: ignore[func-returns-value]
        assert (made, server.published) == ([], [])
        assert server.publish(3) == made == server.published == PATHS[:3]
        assert server.publish(3) == PATHS[3:]
        assert server.publish() == []


def test_the_listing_has_size_and_checksum(server: FeedServer) -> None:
    """And what lies at a path is what they are of."""
    for file in parse_listing(get(server, LISTING).text):
        data = get(server, file.path).content
        assert file == FeedFile(path=file.path, nbytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def test_a_late_file_has_its_turn_and_comes_when_it_is_delivered(server: FeedServer) -> None:
    """Told before its turn or after it, whatever is reset; delivered before its turn, it comes in time."""
    for path in (PATHS[0], *PATHS[2:]):
        server.inject_fault(path, "late")
    assert server.publish(1) == []
    server.reset()
    assert [get(server, path).status_code for path in PATHS] == [404, 200, 404, 404]
    assert get(server, LISTING).text.count("\n") == 1
    assert [server.deliver(path) for path in (PATHS[0], *PATHS[2:])] == [True, True, False]
    assert server.published == PATHS[:3]
    assert server.publish(2) == PATHS[3:]
    assert get(server, PATHS[0]).content == FILES[0][1]
    with pytest.raises(KeyError):
        server.deliver(PATHS[0])


def test_another_version() -> None:
    """It takes the place of one that is there, or late; one that has not been published has no other version."""
    with feed_server([*FILES[:2], (PATHS[0], b"third")]) as server:
        with pytest.raises(ValueError, match="has not been published"):
            server.replace(PATHS[0], b"new")
        server.inject_fault(PATHS[1], "late")
        server.publish(2)
        (before,) = parse_listing(get(server, LISTING).text)
        server.replace(PATHS[0], b"second")
        server.replace(PATHS[1], b"new")
        (after,) = parse_listing(get(server, LISTING).text)
        assert (after.path, after == before, get(server, PATHS[0]).content) == (before.path, False, b"second")
        server.deliver(PATHS[1])
        assert get(server, PATHS[1]).content == b"new"
        assert server.publish() == PATHS[:1]
        assert get(server, PATHS[0]).content == b"third"


def test_the_names_in_a_folder() -> None:
    """Folders have a slash, and what is no folder has no names."""
    with feed_server([*FILES, ("readme", b"")]) as server:
        server.publish(9)
        assert get(server, "").text.split() == ["2015/", LISTING, "readme"]
        assert get(server, "2015").text.split() == ["01/", "02/", "03/", "04/"]
        assert get(server, "2015/04").text == "rain 4.gz\n"
        assert get(server, "201").status_code == 404


def test_what_cannot_go_wrong_is_refused(server: FeedServer) -> None:
    """With the values, and what is allowed."""
    with pytest.raises(ValueError, match=r"how is 'on fire': the faults of a provider are 'late', 'missing'"):
        server.inject_fault(PATHS[0], "on fire")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="latency_s=-1"), feed_server([], latency_s=-1):
        pass
