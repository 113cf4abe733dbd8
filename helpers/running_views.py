"""Knows which live views run: one of a title, and none after the kernel was interrupted while no cell ran."""

from __future__ import annotations

import signal
import threading
import weakref
from typing import Protocol

__all__ = ["Stoppable", "enter", "leave", "listen"]


class Stoppable(Protocol):
    """What runs under a title until it is stopped."""

    title: str

    def stop(self) -> None:
        """Run no longer. May be called again."""


_running: weakref.WeakSet[Stoppable] = weakref.WeakSet()


def enter(view: Stoppable) -> None:
    """Count a view among those that run, and stop any other of its title.

    So a cell that is run again does not leave its first view running where nobody sees it.

    Parameters
    ----------
    view : Stoppable
        What begins to run.

    Examples
    --------
    >>> class Clock:
    ...     title, stopped = "Clock", False
    ...     def stop(self):
    ...         self.stopped = True
    >>> first, second = Clock(), Clock()
    >>> for clock in (first, second):
    ...     enter(clock)
    >>> first.stopped, second.stopped
    (True, False)
    >>> leave(second)
    """
    for other in list(_running):
        if other.title == view.title:
            _running.discard(other)
            if other is not view:
                other.stop()
    _running.add(view)


def leave(view: Stoppable) -> None:
    """Count a view no longer among those that run."""
    _running.discard(view)
    listen()


def listen() -> None:
    """Let an interrupt stop all views where it would be ignored. A view calls this now and then while it runs.

    Notes
    -----
    Between cells a kernel ignores the button that interrupts it (SIGINT is set to SIG_IGN, ipykernel 7). While a cell
    runs, the button ends that cell, and no view. Anywhere else, as in a script, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread may set a handler
    current = signal.getsignal(signal.SIGINT)
    if _running and current is signal.SIG_IGN:
        signal.signal(signal.SIGINT, _stop_all)
    elif not _running and current is _stop_all:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stop_all(*_: object) -> None:
    for view in list(_running):
        view.stop()
