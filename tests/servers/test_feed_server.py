"""Tests of helpers.servers: a provider that answers, and one that misbehaves."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import requests

from helpers.data import LISTING, parse_listing
from helpers.rain import decode, file_path, simulate, simulated_files
from helpers.servers import FeedServer, feed_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import Misdeed

ROOT = Path(__file__).parent.parent
FILES = [(f"2015/{month:02}/rain {month}.gz", bytes([month]) * 1000) for month in range(1, 5)]
PATHS = [path for path, _ in FILES]
FORGETFUL = """
from urllib.request import urlopen
from helpers.servers import feed_server

block = feed_server([("a", b"b")])
server = block.__enter__()
server.publish()
print(urlopen(f"{server.url}/a").read())
"""


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """Run a provider that has published two files of four."""
    with feed_server(FILES) as serves:
        serves.publish(2)
        yield serves


def get(server: FeedServer, path: str) -> requests.Response:
    """Ask for what lies at a path."""
    return requests.get(f"{server.url}/{quote(path)}", timeout=20)


def test_a_provider_of_3b42rt() -> None:
    """The layout, the listing and the files are the product's; what comes is what is simulated."""
    with feed_server(simulated_files("2012-11-07T03", steps=2)) as server:
        assert server.publish(9) == [file_path("2012-11-07T03"), file_path("2012-11-07T06")]
        names = get(server, "3B42RT/2012/11/").text.splitlines()
        assert names == ["3B42RT.2012110703.7R2.bin.gz", "3B42RT.2012110706.7.bin.gz"]
        files = parse_listing(get(server, LISTING).text)
        assert [file.name for file in files] == names
        answer = get(server, files[0].path)
        assert "Content-Encoding" not in answer.headers
        ds = decode(answer.content, unreliable="decode")
        assert ds.identical(simulate("2012-11-07T03", seed=7))


def test_time_goes_on(server: FeedServer) -> None:
    """What is published can be fetched, what is not cannot, and neither number nor port is a secret of the repr."""
    assert server.published == PATHS[:2]
    assert repr(server) == "FeedServer(2 files)"
    assert [get(server, path).status_code for path in PATHS] == [200, 200, 404, 404]
    assert server.publish() == PATHS[2:3]
    assert get(server, PATHS[2]).content == FILES[2][1]
    with pytest.raises(ValueError, match="count=0 is not allowed"):
        server.publish(0)


def test_requests_and_bytes_are_counted(server: FeedServer) -> None:
    """Those that fail too, with the bytes that came of them."""
    server.misbehave(PATHS[0], "truncated")
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
def test_answers_that_say_no(server: FeedServer, how: Misdeed, status: int) -> None:
    """As often as ordered; the listing names the file all the same."""
    server.misbehave(PATHS[0], how, times=2)
    assert [get(server, PATHS[0]).status_code for _ in range(3)] == [status, status, 200]
    assert server.published == PATHS[:2]
    server.misbehave(LISTING, how)
    assert get(server, LISTING).status_code == status


def test_half_of_a_file(server: FeedServer) -> None:
    """One answer looks whole and one does not; without a number of times, until reset."""
    server.misbehave(PATHS[1], "truncated", times=None)
    assert [len(get(server, PATHS[1]).content) for _ in range(3)] == [500] * 3
    server.reset()
    server.misbehave(PATHS[1], "hang up")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="500 more expected"):
        get(server, PATHS[1])
    assert get(server, PATHS[1]).content == FILES[1][1]


def test_orders_are_carried_out_in_turn(server: FeedServer) -> None:
    """What goes wrong differently each time goes right in the end."""
    server.misbehave(PATHS[0], "503")
    server.misbehave(PATHS[0], "missing")
    server.misbehave(PATHS[1], "missing", times=None)
    assert [get(server, path).status_code for path in PATHS[:1] * 3 + PATHS[1:2]] == [503, 404, 200, 404]


def test_a_late_file(server: FeedServer) -> None:
    """It is neither listed nor there until it is delivered, whatever is reset."""
    server.misbehave(PATHS[2], "late")
    assert server.publish(2) == PATHS[3:]
    server.reset()
    assert get(server, PATHS[2]).status_code == 404
    assert PATHS[2] not in get(server, LISTING).text
    assert server.deliver(PATHS[2])
    assert get(server, PATHS[2]).content == FILES[2][1]
    assert server.published == PATHS


def test_a_file_that_is_processed_again(server: FeedServer) -> None:
    """Path and listing stay, size and checksum change."""
    before = parse_listing(get(server, LISTING).text)
    server.replace(PATHS[0], b"again")
    after = parse_listing(get(server, LISTING).text)
    assert [file.path for file in after] == [file.path for file in before]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]
    assert get(server, PATHS[0]).content == b"again"


def test_a_folder_of_this_machine(tmp_path: Path) -> None:
    """Its files are there from the start."""
    (tmp_path / "a.gz").write_bytes(b"one")
    with feed_server(tmp_path) as server:
        assert get(server, "a.gz").content == b"one"
        assert get(server, "").text == f"a.gz\n{LISTING}\n"


def test_latency() -> None:
    """An answer takes as long as told."""
    with feed_server(FILES, latency_s=0.1) as server:
        began = time.monotonic()
        get(server, LISTING)
        assert time.monotonic() - began >= 0.1


def test_what_cannot_be_ordered_is_refused(server: FeedServer) -> None:
    """With the values, and what is allowed."""
    with pytest.raises(ValueError, match=r"how is 'on fire': a provider can be told 'late', 'missing'"):
        server.misbehave(PATHS[0], "on fire")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="times=0 is not allowed"):
        server.misbehave(PATHS[0], "503", times=0)
    with pytest.raises(ValueError, match=f"not '{LISTING}'"):
        server.misbehave(LISTING, "late")
    with pytest.raises(ValueError, match="latency_s=-1"), feed_server([], latency_s=-1):
        pass


def test_it_is_gone_with_its_block_and_with_its_python() -> None:
    """The address answers no more; a Python that forgets the block ends all the same."""
    with feed_server(FILES) as server:
        get(server, LISTING)
    client = http.client.HTTPConnection(server.url.removeprefix("http://"))
    with pytest.raises(ConnectionRefusedError):
        client.connect()
    ran = subprocess.run([sys.executable, "-c", FORGETFUL], capture_output=True, text=True, check=True, cwd=ROOT)
    assert (ran.stdout, ran.stderr) == ("b'b'\n", "")
