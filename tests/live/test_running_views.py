"""Tests of helpers.live: titles, and interrupts."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from helpers.live import view as running_views

if TYPE_CHECKING:
    from collections.abc import Iterator


class View:
    """Counts how often it is stopped."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.stops = 0

    def stop(self) -> None:
        """Count."""
        self.stops += 1


@pytest.fixture
def ignoring() -> Iterator[None]:
    """SIGINT is ignored, as it is in a kernel between cells."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def heeding() -> Iterator[None]:
    """SIGINT interrupts, also where a shell started these tests in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_one_view_of_a_title_runs() -> None:
    """The one before is stopped once, others never."""
    first, second, other = View("Life"), View("Life"), View("Walk")
    for view in (first, other, second, second):
        running_views.enter(view)
    assert (first.stops, second.stops, other.stops) == (1, 0, 0)
    for view in (second, other):
        running_views.leave(view)


@pytest.mark.usefixtures("ignoring")
def test_an_interrupt_stops_all_views_where_it_would_be_ignored() -> None:
    """Between cells."""
    life, walk = View("Life"), View("Walk")
    running_views.enter(life)
    running_views.enter(walk)
    running_views.listen()
    signal.raise_signal(signal.SIGINT)
    assert (life.stops, walk.stops) == (1, 1)
    running_views.leave(life)
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    running_views.leave(walk)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.usefixtures("heeding")
def test_an_interrupt_goes_where_it_went_elsewhere() -> None:
    """While a cell runs, and in scripts, SIGINT has a handler: it stays."""
    view = View("Life")
    running_views.enter(view)
    running_views.listen()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    running_views.leave(view)


@pytest.mark.usefixtures("ignoring")
def test_other_threads_do_not_listen() -> None:
    """Only the main thread may set a handler; elsewhere it is no error."""
    view = View("Life")
    running_views.enter(view)
    thread = threading.Thread(target=running_views.listen)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    running_views.leave(view)


@pytest.mark.usefixtures("ignoring")
def test_a_view_that_is_gone_is_not_kept() -> None:
    """Nobody has to say that it left."""
    running_views.enter(View("Life"))
    running_views.listen()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
