"""Tests of the format: steps and names, and a header that is not believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from helpers.rain import file_name
from helpers.rain.format import Header, nominal_time, parse_header
from tests.rain.files import SMALL, STEP

# The header of a real file, as the public description gives it, up to what each file ends in.
REAL = (
    "algorithm_ID=3B42RT algorithm_version=07.00 granule_ID=3B42RT.2015031115.7.bin header_byte_length=2880 "
    "file_byte_length=(char2880)_header+(int2)x1440x480x2_data+(int1)x1440x480_data+(int2)x1440x480_data "
    "nominal_YYYYMMDD=20150311 nominal_HHMMSS=150000 begin_YYYYMMDD=20150311 begin_HHMMSS=133000 "
    "end_YYYYMMDD=20150311 end_HHMMSS=163000 creation_date=20150311 west_boundary=0E east_boundary=360E "
    "north_boundary=60N south_boundary=60S origin=northwest number_of_latitude_bins=480 "
    "number_of_longitude_bins=1440 grid=0.25x0.25_deg_lat/lon first_box_center=59.875N,0.125E "
    "second_box_center=59.875N,0.375E last_box_center=59.875S,359.875E number_of_variables=4 "
    "variable_name=precipitation,precipitation_error,source,uncal_precipitation "
    "variable_units=mm/hr,mm/hr,source_number,mm/hr variable_scale=100,100,1,100 "
    "variable_type=signed_integer2,signed_integer2,signed_integer1,signed_integer2 byte_order=big_endian "
    "flag_value=-31999 flag_name=insufficient_observations"
)


def changed(*changes: tuple[str, str], text: str = REAL) -> bytes:
    """Replace parts of a header, and fill it up to its length."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.encode().ljust(2880)


def test_a_real_header_is_read_and_written() -> None:
    """Key by key, in the order of the provider."""
    header = parse_header(changed())
    assert header == Header(time=STEP, created="20150311")
    assert bytes(header) == changed()


def test_a_reprocessed_header_with_an_address_is_read() -> None:
    """Made long after its step; the address of a help desk is passed over."""
    header = parse_header(
        changed(
            ("2015031115.7.", "2012110700.7R2."),
            ("nominal_YYYYMMDD=20150311 nominal_HHMMSS=15", "nominal_YYYYMMDD=20121107 nominal_HHMMSS=00"),
            ("begin_YYYYMMDD=20150311 begin_HHMMSS=13", "begin_YYYYMMDD=20121106 begin_HHMMSS=22"),
            ("end_YYYYMMDD=20150311 end_HHMMSS=16", "end_YYYYMMDD=20121107 end_HHMMSS=01"),
            ("creation_date=20150311", "creation_date=20121109"),
            ("insufficient_observations", "insufficient_observations contact_name=Helpdesk run_latency=LAST"),
        )
    )
    assert (header.time, header.created) == (np.datetime64("2012-11-07"), "20121109")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("algorithm_ID=3B42RT", "algorithm_ID=3B41RT", "begins with b'algorithm_ID=3B41RT"),
        ("version=07.00", "version=06.00", "algorithm_version='06.00'"),
        ("granule_ID=3B42RT.2015031115", "granule_ID=3B42RT.2015031118", "granule_ID='3B42RT.2015031118.7.bin'"),
        ("header_byte_length=2880", "header_byte_length=1440", "header_byte_length='1440'. With the rest"),
        ("x1440x480x2", "x1440x720x2", "file_byte_length="),
        ("nominal_HHMMSS=150000", "nominal_HHMMSS=160000", "not a step of 3B42RT"),
        ("nominal_HHMMSS=150000", "nominal_HHMMSS=180000", "granule_ID="),
        ("nominal_YYYYMMDD=20150311", "nominal_YYYYMMDD=20150231", "not understood"),
        ("begin_HHMMSS=133000", "begin_HHMMSS=123000", "begin_HHMMSS='123000'"),
        ("north_boundary=60N", "north_boundary=60S", "-60 north.* That is no grid"),
        ("north_boundary=60N", "north_boundary=95N", "95 north.* That is no grid"),
        ("north_boundary=60N", "north_boundary=50N", "grid="),
        ("east_boundary=360E", "east_boundary=0E", "0 to 0 east.* That is no grid"),
        ("origin=northwest", "origin=southwest", "origin='southwest'"),
        ("latitude_bins=480", "latitude_bins=48O", "not understood.*48O"),
        ("latitude_bins=480", "latitude_bins=1", r"\(1, 1440\) cells.* That is no grid"),
        ("latitude_bins=480", "latitude_bins=4800", r"\(4800, 1440\) cells.* more than 15.0 MB"),
        ("latitude_bins=480", f"latitude_bins={'9' * 400}", r"says '\(9+\.\.\.'"),
        ("latitude_bins=480", "latitude_bins=-480", "That is no grid"),
        ("first_box_center=59.875N", "first_box_center=59.875S", "first_box_center"),
        ("second_box_center=59.875N,0.375E", "second_box_center=59.875N,0.25E", "second_box_center"),
        ("number_of_variables=4", "number_of_variables=3", "number_of_variables"),
        ("=precipitation,precipitation_error", "=precipitation,snow", "variable_name="),
        ("units=mm/hr", "units=mm/day", "variable_units="),
        ("scale=100,100,1,100", "scale=100,100,1", "scale="),
        ("scale=100,100,1,100", "scale=100,100,1,0", "scale="),
        ("scale=100,100,1,100", "scale=100,100,10,100", "1 for source"),
        ("type=signed_integer2", "type=signed_integer4", "variable_type="),
        ("byte_order=big_endian", "byte_order=little_endian", "byte_order='little_endian'"),
        ("flag_value=-31999", "flag_value=-9999", "flag_value='-9999'"),
        (" flag_value=-31999", "", "has no flag_value"),
        (" north_boundary=60N", "", "lacks a key.*north_boundary"),
        ("origin=northwest", "origin=northwest origin=northwest", "'origin=northwest' where a new KEY=VALUE"),
        ("origin=northwest", "northwest", "'northwest' where"),
        ("origin=northwest", " origin=northwest", "'' where"),
        ("origin=northwest", "origin=north\x00west", "KEY=VALUE"),
        ("origin=northwest", "origin=north=west", "KEY=VALUE"),
        ("origin=northwest", "origin=nord-østen", "no ASCII header"),
        ("algorithm_ID=3B42RT", "<html>Not found</html>", "begins with b'<html>"),
    ],
)
def test_a_header_that_does_not_agree_is_refused(old: str, new: str, fault: str) -> None:
    """Each key, on its own, against the others or against the format."""
    with pytest.raises(ValueError, match=fault):
        parse_header(changed((old, new)))


@pytest.mark.parametrize(
    "header",
    [
        SMALL,
        replace(SMALL, scales=(10, 1, 1, 1000)),
        replace(SMALL, north=-10, south=-70, west=-180, east=180),
        replace(SMALL, created="20200101", synthetic="made up, for a test"),
    ],
)
def test_headers_of_other_sizes_and_scales_are_read(header: Header) -> None:
    """Whatever agrees with itself."""
    assert parse_header(bytes(header)) == replace(header, created=header.created or "20150311")


def test_three_hours_are_centred_on_the_step() -> None:
    """Those of midnight begin on the day before."""
    pairs = Header(time=np.datetime64("2016-03-01T00", "s")).pairs()
    assert (pairs["begin_YYYYMMDD"], pairs["begin_HHMMSS"]) == ("20160229", "223000")
    assert (pairs["end_YYYYMMDD"], pairs["end_HHMMSS"]) == ("20160301", "013000")


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
        ("2000-02-29T21", "2000-02-29T21:00:00.* is not a step"),
        ("2020-01-01", "is not a step"),
        (np.datetime64("NaT", "s"), "NaT is not a step"),
        ("yesterday", "yesterday"),
    ],
)
def test_what_is_no_step_is_refused(time: Any, fault: str) -> None:
    """Between steps, by however little; outside the mission; no time at all."""
    with pytest.raises(ValueError, match=fault):
        file_name(time)
