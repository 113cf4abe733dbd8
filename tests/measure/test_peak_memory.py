"""Tests of helpers.measure.peak_memory."""

from __future__ import annotations

import os

import pytest

from helpers.measure import peak_memory
from helpers.measure.peak_memory import peak_nbytes


def test_what_is_held_at_once_counts_and_what_came_before_does_not() -> None:
    """Two pieces one after the other take less than both at once."""

    def in_turn(nbytes: int) -> int:
        return sum(len(bytearray(nbytes)) for _ in range(2))

    def at_once(nbytes: int) -> int:
        return sum(len(piece) for piece in [bytearray(nbytes) for _ in range(2)])

    one, two = peak_memory(in_turn, 80_000_000), peak_memory(at_once, 80_000_000)
    assert one.result == two.result == 160_000_000
    assert 60e6 < two.nbytes - one.nbytes < 100e6


def test_the_memory_of_the_one_who_asks_does_not_count() -> None:
    """Linux lets a program begin with the peak of the one that started it, if one asks it the wrong way."""
    mine = b"x" * 300_000_000
    assert peak_nbytes() > len(mine)
    measured = peak_memory(os.getpid)
    assert measured.nbytes < 50_000_000
    assert measured.result != os.getpid()
    assert "at the peak>" in repr(measured)


def test_a_call_that_fails_is_told_with_what_it_said() -> None:
    """The last lines of the traceback name the error."""
    with pytest.raises(RuntimeError, match=r"(?s)failed with code 1\. It said:.*ZeroDivisionError: "):
        peak_memory(divmod, 1, 0)
