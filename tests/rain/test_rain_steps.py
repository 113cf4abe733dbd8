"""Tests of helpers.rain: steps and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from helpers.rain import file_name, nominal_time, require_name


@pytest.mark.parametrize(
    ("time", "name"),
    [
        ("2000-03-01T12", "3B42RT.2000030112.7R2.bin.gz"),
        ("2012-11-07T03", "3B42RT.2012110703.7R2.bin.gz"),
        ("2012-11-07T06", "3B42RT.2012110706.7.bin.gz"),
        ("2019-12-31T21", "3B42RT.2019123121.7.bin.gz"),
    ],
)
def test_names_carry_7r2_until_november_2012(time: str, name: str) -> None:
    """Both sides of the change, and both ends of the archive."""
    assert file_name(time) == name


@pytest.mark.parametrize(
    "time",
    [
        "2015-03-11T15",
        "2015-03-11 15:00:00",
        "2015-03-11T15Z",
        "2015-03-11T17:30+02:30",
        datetime(2015, 3, 11, 15),
        datetime(2015, 3, 11, 15, tzinfo=UTC),
        datetime(2015, 3, 11, 5, tzinfo=timezone(timedelta(hours=-10))),
        np.datetime64("2015-03-11T15"),
        np.datetime64("2015-03-11T15", "ns"),
    ],
)
def test_a_step_can_be_given_in_many_ways(time: Any) -> None:
    """Strings, datetimes and NumPy's; without a time zone they are UTC."""
    assert nominal_time(time) == np.datetime64("2015-03-11T15")


@pytest.mark.parametrize(
    ("time", "fault"),
    [
        ("2015-03-11T16", "every 3 hours"),
        ("2015-03-11T15:00:00.5", "every 3 hours"),
        (np.datetime64("2015-03-11T15:00:00.000000001"), "every 3 hours"),
        ("2000-02-29T21", "2000-02-29T21:00:00 has no file"),
        ("2020-01-01", "has no file"),
        (np.datetime64("NaT", "s"), "NaT has no file"),
        ("yesterday", "'yesterday' is not understood"),
    ],
)
def test_what_is_no_step_is_refused(time: Any, fault: str) -> None:
    """Between steps, by however little; outside the mission; no time at all."""
    with pytest.raises(ValueError, match=fault):
        file_name(time)


def test_what_is_no_time_is_a_type_error() -> None:
    """A number could count anything."""
    with pytest.raises(TypeError, match="a time that is a int"):
        file_name(2015031115)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["3B42RT.2015031115.7.bin", "3B42RT.2015031115.7R2.bin.gz", "rain.gz", "-"])
def test_a_name_may_agree_or_say_nothing(name: str) -> None:
    """Either era, packed or not; and names of one's own."""
    require_name(name, np.datetime64("2015-03-11T15", "s"))
