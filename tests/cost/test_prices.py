"""Tests of helpers.cost: tiers are added up, not jumped between."""

from __future__ import annotations

import math
from typing import Any

import pytest

from helpers.cost import S3_STANDARD

GB, TB, PB = 2**30, 2**40, 2**50


@pytest.mark.parametrize(
    ("nbytes", "usd"),
    [
        (0, 0),
        (GB, 0.023),
        (50 * TB, 50 * 1024 * 0.023),
        (51 * TB, 50 * 1024 * 0.023 + 1024 * 0.022),
        (PB, 50 * 1024 * 0.023 + 450 * 1024 * 0.022 + 524 * 1024 * 0.021),
    ],
)
def test_a_month_of_storage_is_added_up_tier_by_tier(nbytes: int, usd: float) -> None:
    """Each GB at the price of the tier it falls into."""
    assert math.isclose(S3_STANDARD.storage(nbytes), usd)
    assert math.isclose(S3_STANDARD.storage(nbytes, months=12), 12 * usd)


def test_keeping_the_large_array_of_the_lessons_costs_a_fortune() -> None:
    """10⁸ by 10⁸ float32 are 40 PB, or 35.5 PiB: some 780,000 dollars a month."""
    assert round(S3_STANDARD.storage(10**16 * 4)) == 782_874


def test_bytes_that_leave_are_added_up_tier_by_tier() -> None:
    """The more, the cheaper."""
    assert math.isclose(S3_STANDARD.transfer(GB), 0.09)
    assert math.isclose(S3_STANDARD.transfer(11 * TB), 10 * 1024 * 0.09 + 1024 * 0.085)


@pytest.mark.parametrize("nbytes", [-1, math.inf, math.nan])
def test_amounts_that_make_no_sense_are_refused(nbytes: Any) -> None:
    """The error names the value and what is allowed."""
    with pytest.raises(ValueError, match=r"nbytes=.* is not allowed. It must be finite, 0 or more"):
        S3_STANDARD.storage(nbytes)
    with pytest.raises(ValueError, match="months=-1 is not allowed"):
        S3_STANDARD.storage(1, months=-1)
