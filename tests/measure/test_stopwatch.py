"""Tests of helpers.measure."""

from __future__ import annotations

import time

import pytest

from helpers.measure import seconds_of


def test_a_call_is_made_once_with_what_it_is_given() -> None:
    """By position and by name, and waiting counts."""
    given: list[tuple[int, int]] = []

    def call(first: int, *, second: int) -> None:
        given.append((first, second))
        time.sleep(0.02)

    assert seconds_of(call, 1, second=2) >= 0.02
    assert given == [(1, 2)]


def test_what_the_call_raises_is_raised() -> None:
    """No time is better than a wrong one."""
    with pytest.raises(ZeroDivisionError):
        seconds_of(lambda: 1 / 0)
