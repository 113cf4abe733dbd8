"""Tests of helpers.servers: what is there when."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from helpers.data import LISTING, FeedFile, parse_listing
from helpers.servers import Shelf

if TYPE_CHECKING:
    from pathlib import Path

FILES = [(f"2015/{month:02}/rain.gz", bytes([month]) * month) for month in range(1, 5)]
PATHS = [path for path, _ in FILES]


def listed(shelf: Shelf) -> list[str]:
    """Return the paths in the listing."""
    return [file.path for file in parse_listing(shelf.listing())]


def test_nothing_is_made_before_its_time() -> None:
    """Of an iterator no more is taken than is published; where it ends, nothing more appears."""
    made: list[str] = []
    shelf = Shelf((made.append(path) or path, data) for path, data in FILES)  # type: ignore[func-returns-value]
    assert (made, listed(shelf)) == ([], [])
    assert shelf.publish(3) == made == listed(shelf) == PATHS[:3]
    assert shelf.publish(3) == PATHS[3:]
    assert shelf.publish(1) == []


def test_the_listing_has_size_and_checksum() -> None:
    """And what lies at a path is what they are of."""
    shelf = Shelf(FILES)
    shelf.publish(2)
    for file in parse_listing(shelf.listing()):
        data = shelf.get(file.path)
        assert data is not None
        assert file == FeedFile(path=file.path, nbytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    assert shelf.get(PATHS[3]) is None


def test_a_late_file_has_its_turn_and_comes_when_it_is_delivered() -> None:
    """Told before its turn or after it; delivered before its turn, it comes in time."""
    shelf = Shelf(FILES)
    for path in PATHS[1:3]:
        shelf.hold(path)
    assert shelf.publish(2) == PATHS[:1]
    shelf.hold(PATHS[0])
    assert (listed(shelf), shelf.get(PATHS[0]), shelf.get(PATHS[1])) == ([], None, None)
    assert shelf.deliver(PATHS[1])
    assert not shelf.deliver(PATHS[2])
    assert listed(shelf) == [PATHS[1]]
    assert shelf.publish(2) == PATHS[2:]
    assert shelf.deliver(PATHS[0])
    assert listed(shelf) == PATHS
    with pytest.raises(ValueError, match="is not late"):
        shelf.deliver(PATHS[0])


def test_another_version() -> None:
    """It takes the place of one that is there, or late; one that has not been published has no other version."""
    shelf = Shelf([*FILES[:2], (PATHS[0], b"third")])
    with pytest.raises(ValueError, match="has not been published"):
        shelf.replace(PATHS[0], b"new")
    shelf.hold(PATHS[1])
    shelf.publish(2)
    shelf.replace(PATHS[0], b"second")
    shelf.replace(PATHS[1], b"new")
    assert (shelf.get(PATHS[0]), shelf.get(PATHS[1]), listed(shelf)) == (b"second", None, PATHS[:1])
    shelf.deliver(PATHS[1])
    assert shelf.get(PATHS[1]) == b"new"
    assert shelf.publish(1) == PATHS[:1]
    assert shelf.get(PATHS[0]) == b"third"


def test_a_folder(tmp_path: Path) -> None:
    """All its files appear at once, then those that are new or changed; notes of downloads are no files of it."""
    for path, data in FILES[:2]:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(data)
    (tmp_path / LISTING).write_text("mine")
    (tmp_path / f"{PATHS[0]}.sha256").write_text("note")
    shelf = Shelf(tmp_path)
    assert shelf.paths == PATHS[:2]
    assert shelf.publish(9) == []
    (tmp_path / PATHS[1]).write_bytes(b"changed")
    (tmp_path / "2016.gz").write_bytes(b"new")
    assert shelf.publish(1) == [PATHS[1]]
    assert shelf.publish(1) == ["2016.gz"]
    assert shelf.get(PATHS[1]) == b"changed"
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        Shelf(tmp_path / "nowhere")


def test_the_names_in_a_folder() -> None:
    """Folders have a slash, and what is no folder has no names."""
    shelf = Shelf([*FILES, ("readme", b"")])
    shelf.publish(9)
    assert shelf.names("") == ["2015/", LISTING, "readme"]
    assert shelf.names("2015") == ["01/", "02/", "03/", "04/"]
    assert shelf.names("2015/04") == ["rain.gz"]
    assert shelf.names("201") == shelf.names(PATHS[0]) == []


@pytest.mark.parametrize("path", ["", "/a", "../a", "a//b", "a\nb", LISTING])
def test_what_could_not_be_listed_is_refused(path: str) -> None:
    """Named with what is allowed, and nothing of it appears."""
    shelf = Shelf([(path, b"")])
    with pytest.raises(ValueError, match="is no path of a provider's file"):
        shelf.publish(1)
    with pytest.raises(ValueError, match="is no path of a provider's file"):
        shelf.hold(path)
    assert shelf.listing() == ""
