"""Tests of helpers.feed: what is fetched is whole, whatever the provider does."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from helpers import feed as feeds
from helpers.feed import LISTING, Feed, FeedFile, parse_listing, write_listing
from tests.providers import path_of, provider

if TYPE_CHECKING:
    from pathlib import Path

HEX = "ab" * 32


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pooch try again at once."""
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)


def test_files_come_whole_and_once(tmp_path: Path) -> None:
    """All files are fetched into the provider's layout, several at once, and not again."""
    with provider() as (serves, url):
        serves.publish(range(6))
        feed = Feed(url, tmp_path)
        files = feed.files()
        assert [file.path for file in files] == sorted(serves.files)
        assert feed.has(files[0]) is None
        fetched = feed.fetch(files)
        assert all(feed.path(file) == fetched[file] for file in files)
        assert all(feed.path(file).read_bytes() == serves.files[file.path] for file in files)
        assert all(feed.has(file) for file in files)
        serves.asked.clear()
        assert feed.fetch(files) == fetched
        assert serves.asked == []


@pytest.mark.parametrize("fault", ["503", "hang up", "truncated"])
def test_a_fault_is_tried_again(tmp_path: Path, fault: str) -> None:
    """What goes wrong twice succeeds the third time."""
    with provider() as (serves, url):
        serves.publish(range(2))
        serves.faults[path_of(1)] = [fault, fault]
        feed = Feed(url, tmp_path)
        files = feed.files()
        fetched = feed.fetch(files)
        assert fetched[files[1]] == feed.path(files[1])
        assert feed.path(files[1]).read_bytes() == serves.files[path_of(1)]
        assert serves.asked.count(path_of(1)) == 3


@pytest.mark.parametrize("fault", ["503", "hang up", "truncated"])
def test_a_fault_that_stays_leaves_no_file(tmp_path: Path, fault: str) -> None:
    """The others are fetched all the same; under the name of the one that failed there is nothing."""
    with provider() as (serves, url):
        serves.publish(range(3))
        serves.faults[path_of(1)] = [fault] * 9
        feed = Feed(url, tmp_path, tries=3)
        files = feed.files()
        fetched = feed.fetch(files)
        assert [isinstance(found, Exception) for found in fetched.values()] == [False, True, False]
        assert feed.has(files[1]) is None
        assert sum(path.suffix == ".npz" for path in tmp_path.rglob("*")) == 2
        assert serves.asked.count(path_of(1)) == 3


def test_another_version_is_known_and_fetched(tmp_path: Path) -> None:
    """A file that is processed again replaces the old one, in one step."""
    with provider() as (serves, url):
        serves.publish(range(2))
        feed = Feed(url, tmp_path)
        feed.fetch(feed.files())
        serves.publish([1], version=1)
        files = feed.files()
        assert [feed.has(file) for file in files] == [True, False]
        feed.fetch(files)
        assert feed.path(files[1]).read_bytes() == serves.files[path_of(1)]
        (tmp_path / f"{path_of(1)}.sha256").unlink()
        assert feed.has(files[1])


def test_a_provider_that_does_not_answer() -> None:
    """An error of the system's kind: the listing can be asked for again later."""
    with provider() as (serves, url):
        serves.faults[LISTING] = ["503"]
        with pytest.raises(OSError, match="503"):
            Feed(url, ".").files()
    with pytest.raises(OSError, match=r"refused|Connection"):
        Feed(url, ".").files()


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
    assert repr(Feed("http://a/", ".")) == "Feed('http://a')"
    with pytest.raises(ValueError, match="jobs=0"):
        Feed("http://a", ".", jobs=0)
    assert feeds.TIMEOUT_S <= 60
