"""Tests of helpers.servers."""

from __future__ import annotations

import pytest

from helpers.servers import MISDEEDS, Misdeeds, require_misdeed


def test_orders_are_kept_for_each_path_in_turn() -> None:
    """Those that end first, then the one that does not; forgotten, there are none."""
    misdeeds = Misdeeds()
    misdeeds.order("a", "missing", times=None)
    misdeeds.order("a", "503", times=2)
    misdeeds.order("a", "hang up", times=1)
    misdeeds.order("b", "truncated", times=1)
    assert [misdeeds.take("a") for _ in range(5)] == ["503", "503", "hang up", "missing", "missing"]
    assert [misdeeds.take("b"), misdeeds.take("b"), misdeeds.take("c")] == ["truncated", None, None]
    misdeeds.forget()
    assert misdeeds.take("a") is None


def test_what_cannot_be_ordered_is_refused() -> None:
    """With the values, and what is allowed."""
    assert MISDEEDS == ("late", "missing", "truncated", "503", "hang up")
    with pytest.raises(ValueError, match=r"how is 'on fire': a provider can be told 'late', 'missing'"):
        require_misdeed("on fire", times=1)
    with pytest.raises(ValueError, match="times=0 is not allowed"):
        Misdeeds().order("a", "503", times=0)
