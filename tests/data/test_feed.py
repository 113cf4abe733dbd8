"""Tests of helpers.data: what is fetched is whole, whatever the provider does."""

from __future__ import annotations

import hashlib
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from helpers.data import LISTING, Feed, FeedFile, parse_listing, write_listing
from helpers.servers import feed_server
from tests.processes import wait_for
from tests.providers import encoded, files_of, path_of

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.servers import Fault

HEX = "ab" * 32
FAULTS: dict[Fault, str] = {
    "missing": "the provider answers 404 Not Found",
    "503": "the provider answers 503 Service Unavailable",
    "hang up": "the connection failed (ChunkedEncodingError)",
    "truncated": "what came has another checksum than the listing says",
}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pooch try again at once."""
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda _: None))


def test_files_come_whole_and_once(tmp_path: Path) -> None:
    """All files are fetched into the provider's layout, several at once, and not again."""
    with feed_server(files_of(range(6))) as server:
        server.publish(6)
        feed = Feed(server.url, tmp_path)
        files = feed.files()
        assert [file.path for file in files] == server.published
        assert feed.used(files[0]) is None
        fetched = feed.fetch(files)
        assert all(feed.path(file) == fetched[file] for file in files)
        assert [feed.path(file).read_bytes() for file in files] == [encoded(place) for place in range(6)]
        assert [feed.used(file) for file in files] == [False] * 6
        feed.note_used(files)
        assert all(feed.used(file) for file in files)
        server.reset()
        assert feed.fetch(files) == fetched
        assert server.requests == {}


@pytest.mark.parametrize(("fault", "said"), FAULTS.items())
def test_a_fault_that_stays_leaves_no_file(tmp_path: Path, fault: Fault, said: str) -> None:
    """The others are fetched all the same, and it is when the third try succeeds; until then there is nothing."""
    with feed_server(files_of(range(3))) as server:
        server.publish(3)
        server.inject_fault(path_of(1), fault, times=5)
        feed = Feed(server.url, tmp_path, tries=3)
        files = feed.files()
        fetched = feed.fetch(files)
        assert [isinstance(found, OSError) for found in fetched.values()] == [False, True, False]
        assert str(fetched[files[1]]) == said
        assert not feed.path(files[1]).exists()
        assert sum(path.suffix == ".npz" for path in tmp_path.rglob("*")) == 2
        assert server.asked.count(path_of(1)) == 3
        assert feed.fetch(files)[files[1]] == feed.path(files[1])
        assert feed.path(files[1]).read_bytes() == encoded(1)


def test_another_version_is_known_and_fetched(tmp_path: Path) -> None:
    """A file that is processed again replaces the old one, in one step."""
    with feed_server(files_of(range(2))) as server:
        server.publish(2)
        feed = Feed(server.url, tmp_path)
        feed.fetch(feed.files())
        feed.note_used(feed.files())
        server.replace(path_of(1), encoded(1, version=1))
        files = feed.files()
        assert [feed.used(file) for file in files] == [True, False]
        feed.fetch(files)
        assert feed.path(files[1]).read_bytes() == encoded(1, version=1)
        assert not feed.used(files[1])
        feed.note_used(files)
        feed.path(files[1]).unlink()
        assert feed.used(files[1])


def test_several_files_are_on_the_way_at_once(tmp_path: Path) -> None:
    """With four jobs, four requests are at the provider together; each waits until all are."""
    with feed_server(files_of(range(4)), latency_s=1) as server:
        server.publish(4)
        feed = Feed(server.url, tmp_path)
        files = feed.files()
        began = threading.Thread(target=feed.fetch, args=(files,))
        began.start()
        wait_for(lambda: server.requests.get("GET") == 4)
        assert not any(feed.path(file).exists() for file in files)
        began.join()
        assert all(feed.path(file).exists() for file in files)


def test_a_provider_that_does_not_answer() -> None:
    """An error of the system's kind: the listing can be asked for again later."""
    with feed_server([]) as server:
        server.inject_fault(LISTING, "503")
        with pytest.raises(OSError, match="503"):
            Feed(server.url, ".").files()
    with pytest.raises(OSError, match=r"refused|Connection"):
        Feed(server.url, ".").files()


@pytest.mark.parametrize(
    "line",
    [
        "<html>",
        f"{HEX} 12",
        f"{HEX[1:]} 12 a",
        f"{HEX} -1 a",
        f"{HEX} 1 ../a",
        f"{HEX} 1 a/../../b",
        f"{HEX} 1 /etc/passwd",
        f"{HEX} 1 a//b",
        f"{HEX} 1 c:a",
        f"{HEX} 1 a\\b",
        f"{HEX} 1 a\x00b",
        f"{HEX} 1 first",
        "",
    ],
)
def test_a_listing_is_not_trusted(line: str) -> None:
    """What is no entry, leads elsewhere, or comes twice is refused, with its line."""
    with pytest.raises(ValueError, match="line 2 of the listing is"):
        parse_listing(f"{HEX} 1 first\n{line}\n")


def test_a_listing_comes_back() -> None:
    """What is written is read."""
    files = [FeedFile(path=f"{n}/a b.gz", nbytes=n, sha256=hashlib.sha256(bytes(n)).hexdigest()) for n in range(3)]
    assert parse_listing(write_listing(files)) == files
    assert parse_listing("") == []
    with pytest.raises(ValueError, match="tries=0"):
        Feed("http://a", ".", tries=0)
