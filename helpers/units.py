"""Quantities as a person reads them, bytes and seconds, and a check that names a number which will not do."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["format_count", "format_nbytes", "format_seconds", "is_integer", "require_number"]

_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# Each unit, its seconds, and from where on a value would print as 60.0 (24.0) of it, which is 1.0 of the next.
_TIME_UNITS = (("s", 1, 59.95), ("min", 60, 59.95 * 60), ("h", 3600, 23.95 * 3600), ("days", 86_400, math.inf))


def format_count(number: int, noun: str) -> str:
    """Write how many there are of something, with commas, and the noun in the plural unless there is one.

    Examples
    --------
    >>> format_count(1, "read"), format_count(12_000, "read")
    ('1 read', '12,000 reads')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_nbytes(nbytes: float) -> str:
    """Write a number of bytes, at least 0, in decimal units, as drives and networks are sold.

    Examples
    --------
    >>> format_nbytes(512), format_nbytes(64_000_000), format_nbytes(35e15)
    ('512 B', '64.0 MB', '35.0 PB')
    """
    # A value that would print as 1000.0 of one unit is 1.0 of the next.
    power = sum(nbytes >= 999.95 * 1000**n for n in range(len(_BYTE_UNITS) - 1))
    return f"{nbytes:,.0f} B" if power == 0 else f"{nbytes / 1000**power:,.1f} {_BYTE_UNITS[power]}"


def format_seconds(seconds: float) -> str:
    """Write a duration, at least 0 s, with a unit that suits its size, to two or three significant digits.

    Examples
    --------
    >>> format_seconds(0.052), format_seconds(2.5), format_seconds(90), format_seconds(1e6)
    ('52 ms', '2.5 s', '1.5 min', '11.6 days')
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"
    unit, scale = next((unit, scale) for unit, scale, limit in _TIME_UNITS if seconds < limit)
    return f"{seconds / scale:,.1f} {unit}"


def is_integer(value: object) -> bool:
    """Say whether a value is an integer, of Python or NumPy, and not a truth value."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def require_number(name: str, value: object, *, ok: Callable[[float], bool], allowed: str) -> None:
    """Raise an error that names the value and what is allowed, unless a quantity is a number that will do.

    Parameters
    ----------
    name : str
        The quantity, with its unit.
    value : object
        What was given for it.
    ok : callable
        Says whether a number will do.
    allowed : str
        What is allowed, as it ends the sentence "It must be …".

    Raises
    ------
    TypeError
        If `value` is not a number.
    ValueError
        If `value` is a number that will not do.

    Examples
    --------
    >>> require_number("latency_s", -1, ok=lambda x: x >= 0, allowed="0 or more")
    Traceback (most recent call last):
    ValueError: latency_s=-1 is not allowed. It must be 0 or more.
    """
    if not isinstance(value, Real):
        msg = f"{name}={value!r} is a {type(value).__name__}. It must be a number, {allowed}."
        raise TypeError(msg)
    if not ok(float(value)):
        msg = f"{name}={value!r} is not allowed. It must be {allowed}."
        raise ValueError(msg)
