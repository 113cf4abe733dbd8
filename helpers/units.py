"""Checks quantities, and writes them the way a person reads them: bytes, seconds and dollars."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["format_count", "format_nbytes", "format_seconds", "format_usd", "is_integer", "require_number"]

_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# Each unit, its seconds, and how many of it make the next.
_TIME_UNITS = (
    ("s", 1, 60),
    ("min", 60, 60),
    ("h", 3600, 24),
    ("days", 86_400, 365.25),
    ("years", 31_557_600, math.inf),
)


def format_count(number: int, noun: str) -> str:
    """Write how many there are of something.

    Parameters
    ----------
    number : int
        How many.
    noun : str
        One of them.

    Returns
    -------
    str
        The number with commas, and the noun in the plural unless there is one.

    Examples
    --------
    >>> format_count(1, "read"), format_count(12_000, "read")
    ('1 read', '12,000 reads')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_nbytes(nbytes: float) -> str:
    """Write a number of bytes in decimal units, as drives and networks are sold.

    Parameters
    ----------
    nbytes : float
        Bytes, at least 0.

    Returns
    -------
    str
        One digit after the point; none for plain bytes.

    Examples
    --------
    >>> format_nbytes(512), format_nbytes(64_000_000), format_nbytes(35e15)
    ('512 B', '64.0 MB', '35.0 PB')
    """
    unit, scale = 0, 1
    # A value that would print as 1000.0 of one unit is 1.0 of the next.
    while nbytes >= 999.95 * scale and unit < len(_BYTE_UNITS) - 1:
        unit, scale = unit + 1, scale * 1000
    return f"{nbytes:,.0f} B" if unit == 0 else f"{nbytes / scale:,.1f} {_BYTE_UNITS[unit]}"


def format_seconds(seconds: float) -> str:
    """Write a duration with a unit that suits its size.

    Parameters
    ----------
    seconds : float
        Seconds, at least 0.

    Returns
    -------
    str
        Two or three significant digits, in ms, s, minutes, hours, days or years.

    Examples
    --------
    >>> format_seconds(0.052), format_seconds(2.5), format_seconds(90), format_seconds(35e6)
    ('52 ms', '2.5 s', '1.5 min', '1.1 years')
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"
    # A value that would print as 60.0 s is 1.0 min.
    unit, scale = next((unit, scale) for unit, scale, count in _TIME_UNITS if seconds < (count - 0.05) * scale)
    return f"{seconds / scale:,.1f} {unit}"


def format_usd(usd: float) -> str:
    """Write an amount of dollars: in cents and fractions of a cent where it is small.

    Parameters
    ----------
    usd : float
        US dollars, at least 0.

    Returns
    -------
    str
        Two decimals from a cent on, two significant digits below.

    Examples
    --------
    >>> format_usd(718_000), format_usd(0.5), format_usd(8e-05), format_usd(0)
    ('$718,000.00', '$0.50', '$0.00008', '$0.00')
    """
    if usd == 0 or usd >= 0.01:
        return f"${usd:,.2f}"
    digits = 1 - math.floor(math.log10(usd))
    return f"${usd:.{digits}f}".rstrip("0")


def is_integer(value: object) -> bool:
    """Say whether a value is an integer, of Python or NumPy, and not a truth value.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        Whether it is.

    Examples
    --------
    >>> is_integer(3), is_integer(True), is_integer(3.0)
    (True, False, False)
    """
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
