"""Takes pictures of a figure on a page, and counts how often it changes."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import matplotlib.image
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from playwright.sync_api import Locator

PER_SECOND = 8


def middle(figure: Locator) -> npt.NDArray[np.float32]:
    """Return the middle of a picture of `figure`, without title, axes and toolbar: values from 0 to 1."""
    picture = matplotlib.image.imread(io.BytesIO(figure.screenshot()))
    top, left = (length // 5 for length in picture.shape[:2])
    return picture[top:-top, left:-left]


def count_changes(figure: Locator, *, seconds: float) -> int:
    """Return how often a picture differs from the one before, looking `PER_SECOND` times a second at most."""
    changes, before, end = 0, middle(figure), time.monotonic() + seconds
    while time.monotonic() < end:
        due = time.monotonic() + 1 / PER_SECOND
        now = middle(figure)
        changes += not np.array_equal(now, before)
        before = now
        figure.page.wait_for_timeout(max(0.0, due - time.monotonic()) * 1000)
    return changes


def wait_for_change(figure: Locator, *, within_s: float) -> None:
    """Return at the first change; fail when there is none in time."""
    deadline = time.monotonic() + within_s
    while not count_changes(figure, seconds=1 / PER_SECOND):
        assert time.monotonic() < deadline, f"the figure did not change within {within_s} s"


def wait_until_still(figure: Locator, *, for_s: float, within_s: float) -> None:
    """Return when the figure did not change for a while; fail when it goes on too long."""
    deadline = time.monotonic() + within_s
    while count_changes(figure, seconds=for_s):
        assert time.monotonic() < deadline, f"the figure still changes after {within_s} s"
