"""Times calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["seconds_of"]


def seconds_of[**P](call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    """Return how long a call takes, in seconds of the clock on the wall.

    Parameters
    ----------
    call : callable
        What to call, once.
    *args, **kwargs
        What it is given.

    Returns
    -------
    float
        Seconds, waiting included. What the call raises is raised.

    Examples
    --------
    >>> 0.05 <= seconds_of(time.sleep, 0.05) < 5
    True
    """
    begin = time.perf_counter()
    call(*args, **kwargs)
    return time.perf_counter() - begin
