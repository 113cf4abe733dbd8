"""Tests of helpers.figures.growing: what is drawn is what is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from helpers.figures import draw_append, draw_commits, draw_last_chunk, draw_writers
from helpers.figures.growing import BLUE, GREEN, GREY, ORANGE, RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KEYS = ["time/zarr.json", "rain/zarr.json", "time/c/1", "rain/c/1", "zarr.json"]


def colours(ax: Axes) -> list[str]:
    """Return the colours of the filled boxes, in the order in which they were drawn."""
    patches: list[Any] = list(ax.patches)
    return [to_hex(each.get_facecolor()) for each in patches if each.get_facecolor()[3]]


def test_changes_are_coloured_by_kind_and_sights_by_what_they_say(ax: Axes) -> None:
    """Five changes, six sights; what cannot be read is red, what is new is green."""
    sights = ["4 steps", "cannot be opened", "8 steps, torn", "8 steps, torn", "8 steps", "8 steps"]
    counts = draw_append(ax, KEYS, {"a reader": sights})
    assert counts == {"chunk": 2, "array metadata": 2, "group metadata": 1}
    expected = [ORANGE, ORANGE, BLUE, BLUE, GREEN, GREY, RED, RED, RED, GREEN, GREEN]
    assert colours(ax) == [each.lower() for each in expected]
    assert "torn" in ax.texts[7].get_text()


def test_a_key_and_a_sight_stand_in_their_boxes(ax: Axes) -> None:
    """Both are broken into short lines; the first box is half as wide as the others."""
    draw_append(ax, ["rain/c/1"], {"a reader": ["4 steps, whole", "8 steps, whole"]})
    assert [each.get_text() for each in ax.texts] == ["rain/\nc/1", "4\nsteps,\nwhole", "8 steps,\nwhole"]


@pytest.mark.parametrize(
    ("length", "batch", "expected"),
    [
        (16, 8, {"kept": 16, "new": 8, "empty": 16}),
        (40, 40, {"kept": 0, "new": 40, "empty": 0}),
        (36, 8, {"kept": 36, "new": 8, "empty": 36}),
    ],
)
def test_steps_of_the_chunks_that_a_batch_touches(ax: Axes, length: int, batch: int, expected: dict[str, int]) -> None:
    """Whole chunks are drawn: those that the batch goes into, and no other."""
    assert draw_last_chunk(ax, length, chunk=40, batch=batch) == expected
    assert len(colours(ax)) == sum(expected.values())


def test_steps_of_nobody_are_white_and_say_so(ax: Axes) -> None:
    """A step without a writer's value is seen, and is no writer."""
    assert draw_writers(ax, [1, 1, 0, 2], chunk=2) == 0
    assert [each.get_text() for each in ax.texts] == ["1", "1", "?", "2"]
    assert colours(ax) == [BLUE.lower(), BLUE.lower(), "#ffffff", ORANGE.lower()]


def test_chunks_of_two_writers_are_counted_and_drawn_whole(ax: Axes) -> None:
    """The last chunk has room for a step that nobody wrote."""
    assert draw_writers(ax, np.array([1, 2, 2, 3, 3]), chunk=3) == 1
    assert ax.get_xlim()[1] > 6


def test_commits_stand_in_the_lane_of_their_owner(ax: Axes) -> None:
    """In the order of the history."""
    lanes = {"begin": ["room"], "writer 1": ["a", "c"], "writer 2": ["b"]}
    assert draw_commits(ax, lanes, ["room", "b", "a", "c"]) == ["begin", "writer 2", "writer 1", "writer 1"]
    assert [each.get_position() for each in ax.texts] == [(0, 0), (1, 2), (2, 1), (3, 1)]


def test_a_commit_of_nobody_is_refused(ax: Axes) -> None:
    """A picture that leaves out a commit would be a lie."""
    with pytest.raises(KeyError):
        draw_commits(ax, {"writer 1": ["a"]}, ["a", "b"])
