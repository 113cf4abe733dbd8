"""Looks at what the threads of this Python are doing, again and again, while a function runs."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import FrameType

__all__ = ["CODECS", "Looks", "look_at_threads"]

#: The functions in which zarr's codecs do their work.
CODECS = ("_encode_sync", "_decode_sync")


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What was seen while a function ran.

    Attributes
    ----------
    inside : int
        How often a thread was seen inside one of the functions that were looked for.
    at_once : int
        The most threads seen inside at one moment.
    total : int
        How often was looked.
    seconds : float
        How long the function ran.
    cores : float
        How many cores it kept busy on average.
    """

    inside: int
    at_once: int
    total: int
    seconds: float
    cores: float


def look_at_threads(
    function: Callable[[], object], *, inside: Collection[str] = CODECS, every_s: float = 0.001
) -> Looks:
    """Run a function in a thread, and look from another how many threads are inside functions of some names.

    To look takes the GIL, the lock that only one thread of Python holds at a time. So whoever is seen inside a
    function that never returns to Python, such as a codec, has let go of that lock; one that keeps it is not
    seen, however long it runs.

    Parameters
    ----------
    function : callable
        What to run, without arguments.
    inside : collection of str, default CODECS
        Names of Python functions.
    every_s : float, default 0.001
        Seconds from one look to the next, above 0. A busy machine takes longer.

    Returns
    -------
    Looks
        What was seen.

    Raises
    ------
    ValueError
        If `every_s` is not above 0.

    Notes
    -----
    The two looks at the start and the end of a call, while Python itself runs, may see it as well. What the
    function raises is raised here.

    Examples
    --------
    >>> def sleeper():
    ...     time.sleep(0.3)
    >>> def adder():
    ...     return sum(range(20_000_000))
    >>> sleeping, adding = (look_at_threads(each, inside=[each.__name__]) for each in (sleeper, adder))
    >>> sleeping.inside / sleeping.seconds > 5 * adding.inside / adding.seconds
    True
    """
    require_number("every_s", every_s, ok=lambda s: s > 0, allowed="above 0")
    call = _Call(function)
    seen = []
    began, busy = time.perf_counter(), time.process_time()
    call.start()
    while call.is_alive():
        seen.append(sum(not _names(frame).isdisjoint(inside) for frame in sys._current_frames().values()))
        time.sleep(every_s)
    seconds = time.perf_counter() - began
    cores = (time.process_time() - busy) / seconds
    call.join()
    if call.failure is not None:
        raise call.failure
    return Looks(
        inside=sum(n > 0 for n in seen), at_once=max(seen, default=0), total=len(seen), seconds=seconds, cores=cores
    )


class _Call(threading.Thread):
    """A call in a thread of its own."""

    def __init__(self, function: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.function = function
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            self.function()
        except Exception as error:  # raised again where it was asked for
            self.failure = error


def _names(frame: FrameType) -> set[str]:
    return {each.f_code.co_name for each in _outwards(frame)}


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
