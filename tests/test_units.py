"""Tests of helpers.units: quantities as a person reads them."""

from __future__ import annotations

import pytest

from helpers.units import format_count, format_nbytes, format_seconds, require_number


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (8e15, "8.0 PB"),
        (2e21, "2,000.0 EB"),
    ],
)
def test_bytes_are_written_in_decimal_units(nbytes: float, text: str) -> None:
    """One digit after the point, and the next unit rather than 1000.0 of one."""
    assert format_nbytes(nbytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.1, "100 ms"),
        (0.9996, "1.0 s"),
        (1, "1.0 s"),
        (59.97, "1.0 min"),
        (3600, "1.0 h"),
        (864_000, "10.0 days"),
    ],
)
def test_seconds_are_written_in_the_unit_that_suits(seconds: float, text: str) -> None:
    """From milliseconds to days."""
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 reads"), (1, "1 read"), (1234, "1,234 reads")])
def test_one_is_not_many(number: int, text: str) -> None:
    """Singular for one only."""
    assert format_count(number, "read") == text


@pytest.mark.parametrize(
    ("value", "error"), [("x", TypeError), (None, TypeError), (-1, ValueError), (float("nan"), ValueError)]
)
def test_a_quantity_that_will_not_do_is_named(value: object, error: type[Exception]) -> None:
    """With its value and what is allowed."""
    with pytest.raises(error, match=r"size=.*It must be .*0 or more"):
        require_number("size", value, ok=lambda x: x >= 0, allowed="0 or more")
