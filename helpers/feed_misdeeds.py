"""Keeps what a provider is told to do wrong, until it has done so."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Literal, get_args

from helpers.units import require_number

__all__ = ["MISDEEDS", "Misdeed", "Misdeeds"]

type Misdeed = Literal["late", "missing", "truncated", "503", "hang up"]

MISDEEDS: tuple[Misdeed, ...] = get_args(Misdeed.__value__)


class Misdeeds:
    """Keep orders to break answers, for each path those given first first.

    Examples
    --------
    >>> misdeeds = Misdeeds()
    >>> misdeeds.order("2015/a.gz", "503", times=2)
    >>> misdeeds.order("2015/a.gz", "hang up", times=None)
    >>> [misdeeds.take("2015/a.gz") for _ in range(4)], misdeeds.take("2015/b.gz")
    (['503', '503', 'hang up', 'hang up'], None)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: defaultdict[str, list[Misdeed]] = defaultdict(list)
        self._for_ever: dict[str, Misdeed] = {}

    def order(self, path: str, how: Misdeed, *, times: int | None) -> None:
        """Break so many answers, or with None all that are not broken otherwise, until `forget`."""
        require_misdeed(how, times=times)
        with self._lock:
            if times is None:
                self._for_ever[path] = how
            else:
                self._orders[path] += [how] * int(times)

    def take(self, path: str) -> Misdeed | None:
        """Return how to break the next answer, which is the next no longer; None to leave it whole."""
        with self._lock:
            orders = self._orders[path]
            return orders.pop(0) if orders else self._for_ever.get(path)

    def forget(self) -> None:
        """Break nothing any more."""
        with self._lock:
            self._orders.clear()
            self._for_ever.clear()


def require_misdeed(how: str, *, times: int | None) -> None:
    """Raise a ValueError that says what is allowed, unless this can be ordered."""
    if how not in MISDEEDS:
        msg = f"how is {how!r}: a provider can be told {', '.join(map(repr, MISDEEDS))}"
        raise ValueError(msg)
    if times is not None:
        require_number("times", times, ok=lambda x: x >= 1, allowed="1 or more, or None for all until reset")
