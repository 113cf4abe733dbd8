"""Follows a ring of frames: waits for news, reads the newest frame, and counts those that went by."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from helpers.ring import EMPTY
from helpers.units import format_seconds, require_number

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Follower", "News", "RingNews", "RingReader", "Shown"]

RETRY_S = 0.1


class Shown(NamedTuple):
    """Hold a frame as it was read.

    Parameters
    ----------
    step : int
        Its number.
    value : bytes
        Its cells.
    skipped : int, default 0
        Frames that were published since the one that was followed before, and are not shown.
    """

    step: int
    value: bytes
    skipped: int = 0


class News(NamedTuple):
    """Say what happened.

    Parameters
    ----------
    step : int or None
        The step that was published last, None if only a look at the ring will tell.
    ended : bool, default False
        Whether the writer has ended the stream.
    """

    step: int | None
    ended: bool = False


class RingNews(Protocol):
    """Wait for what happens in a ring."""

    def wait(self, within_s: float) -> News | None:
        """Return the latest news, None if there is none within so many seconds. The first wait always has news."""

    def close(self) -> None:
        """Stop to listen."""


class RingReader(Protocol):
    """Read a ring."""

    def state(self) -> tuple[int, bool]:
        """Return the newest step, -1 before the first, and whether the stream has ended."""

    def at(self, step: int) -> Shown | None:
        """Return a step, or the later one that lies in its slot by now; None if neither is there."""

    def news(self) -> RingNews:
        """Return what waits for frames."""


class Follower:
    """Return frames one by one as they come.

    Parameters
    ----------
    reader : RingReader
        What reads the ring.
    timeout_s : float
        How long to wait for a frame, from the moment at which it is asked for.
    is_closed : callable
        Says whether whoever follows has closed the reader.

    Attributes
    ----------
    ended : bool
        Whether there is nothing more to come.

    Notes
    -----
    Two threads may use it: one that polls, and one that closes it meanwhile. The one that is done last ends the
    subscription.
    """

    def __init__(self, reader: RingReader, *, timeout_s: float, is_closed: Callable[[], bool]) -> None:
        require_number("timeout_s", timeout_s, ok=lambda x: x > 0, allowed="above 0; math.inf waits without end")
        self.ended = False
        self._reader, self._news = reader, reader.news()
        self._timeout_s, self._deadline = timeout_s, math.inf
        self._is_closed = is_closed
        self._untold: News | None = None  # news of which the frame could not be read yet
        self._last = EMPTY
        self._last_one = False
        self._closing = False
        self._busy = threading.Lock()

    def poll(self, within_s: float) -> Shown | None:
        """Return the next frame, or None if none comes within so many seconds or the stream has ended.

        Raises
        ------
        TimeoutError
            If none came within ``timeout_s``, over all polls since the last one.
        ConnectionError
            If the server does not come back within that time.
        """
        try:
            with self._busy:
                shown = None if self._is_over() else self._next(within_s)
        finally:
            if self._closing:
                self.close()
        if shown is not None:
            self._last, self._deadline = shown.step, math.inf
        return shown

    def close(self) -> None:
        """Stop to listen, now or at the end of the poll that is under way."""
        self._closing = self.ended = True
        if self._busy.acquire(blocking=False):
            try:
                self._news.close()
            finally:
                self._busy.release()

    def _is_over(self) -> bool:
        self.ended = self.ended or self._last_one or self._is_closed()
        return self.ended

    def _next(self, within_s: float) -> Shown | None:
        now = time.monotonic()
        if self._deadline == math.inf:
            self._deadline = now + self._timeout_s
        try:
            shown = self._look(max(0.0, min(within_s, self._deadline - now)))
        except ConnectionError:
            if time.monotonic() >= self._deadline:
                raise
            time.sleep(min(RETRY_S, within_s))
            return None
        if shown is None and not self._is_over() and time.monotonic() >= self._deadline:
            raise TimeoutError(self._silence())
        return shown

    def _look(self, within_s: float) -> Shown | None:
        """Wait for news, and return the frame if it is a new one."""
        news = self._untold = self._untold or self._news.wait(within_s)
        if news is None:
            return None
        is_next = news.step is not None and news.step > self._last
        shown = self._reader.at(news.step) if is_next else None  # type: ignore[arg-type] # checked
        ended = news.ended
        if shown is None:
            newest, ended = self._reader.state()
            shown = self._reader.at(newest) if newest not in (EMPTY, self._last) else None
        self._untold, self._last_one = None, ended
        return None if shown is None else shown._replace(skipped=self._skipped(shown.step))

    def _skipped(self, step: int) -> int:
        """Return how many frames went by unseen; a step below the last one belongs to a stream that began anew."""
        if self._last == EMPTY:
            return 0
        return step - self._last - 1 if step > self._last else step

    def _silence(self) -> str:
        waited = format_seconds(self._timeout_s)
        since = "in a ring that has none yet" if self._last == EMPTY else f"since step {self._last}"
        return (
            f"no frame for {waited} {since}: the writer has stopped, is slower than that, or its server was restarted. "
            f"See whether it runs; follow(timeout_s=...) waits longer."
        )
