"""Tests of helpers.rain: what is written is what a real file holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.rain import Header
from tests.rain_files import SMALL, STEP


def test_fields_follow_each_other_as_in_a_real_file() -> None:
    """Two of 480 x 1440 x 2 bytes, one of one byte a cell, one more of two."""
    header = Header(time=STEP)
    assert [header.nbytes_of(name) for name in header.names] == [1_382_400, 1_382_400, 691_200, 1_382_400]
    assert header.nbytes == sum(map(header.nbytes_of, header.names))
    assert {str(header.dtype(name)) for name in header.names} == {">i2", "int8"}


def test_the_grid_begins_in_the_north_west() -> None:
    """Centres of cells, down and to the east."""
    header = Header(time=STEP)
    assert (header.lat[0], header.lat[1], header.lat[-1]) == (59.875, 59.625, -59.875)
    assert (header.lon[0], header.lon[1], header.lon[-1]) == (0.125, 0.375, 359.875)


def test_three_hours_are_centred_on_the_step() -> None:
    """Those of midnight begin on the day before."""
    pairs = Header(time=np.datetime64("2016-03-01T00", "s")).pairs()
    assert (pairs["begin_YYYYMMDD"], pairs["begin_HHMMSS"]) == ("20160229", "223000")
    assert (pairs["end_YYYYMMDD"], pairs["end_HHMMSS"]) == ("20160301", "013000")


def test_a_header_always_has_its_length() -> None:
    """Filled up with spaces."""
    assert len(bytes(SMALL)) == len(bytes(replace(SMALL, synthetic="made up"))) == 2880
    assert bytes(SMALL).rstrip(b" ").endswith(b" flag_name=insufficient_observations")


def test_a_header_that_does_not_fit_is_not_written() -> None:
    """Rather than pushing the fields out of their place."""
    with pytest.raises(ValueError, match=r"3,.* does not fit"):
        bytes(replace(SMALL, synthetic="very " * 600))
