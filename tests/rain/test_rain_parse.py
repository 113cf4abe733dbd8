"""Tests of helpers.rain and helpers.rain: what a header says, and that it is not believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.rain import Header, parse_header
from tests.rain_files import SMALL, STEP

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
        ("algorithm_ID=3B42RT", "algorithm_ID=3B41RT", "algorithm_ID='3B41RT'. It must be 3B42RT"),
        ("version=07.00", "version=06.00", "algorithm_version='06.00'"),
        ("granule_ID=3B42RT.2015031115", "granule_ID=3B42RT.2015031118", "granule_ID='3B42RT.2015031118.7.bin'"),
        ("header_byte_length=2880", "header_byte_length=1440", "header_byte_length='1440'. With the rest"),
        ("x1440x480x2", "x1440x720x2", "file_byte_length="),
        ("nominal_HHMMSS=150000", "nominal_HHMMSS=160000", "not a step of 3B42RT"),
        ("nominal_HHMMSS=150000", "nominal_HHMMSS=180000", "granule_ID="),
        ("nominal_YYYYMMDD=20150311", "nominal_YYYYMMDD=20150231", "nominal_YYYYMMDD=20150231 and"),
        ("begin_HHMMSS=133000", "begin_HHMMSS=123000", "begin_HHMMSS='123000'"),
        ("creation_date=20150311", "creation_date=today", "creation_date='today'"),
        ("north_boundary=60N", "north_boundary=60S", "South must be below north"),
        ("north_boundary=60N", "north_boundary=95N", "within 90 degrees"),
        ("north_boundary=60N", "north_boundary=50N", "grid="),
        ("east_boundary=360E", "east_boundary=0E", "west below east"),
        ("origin=northwest", "origin=southwest", "origin='southwest'"),
        ("latitude_bins=480", "latitude_bins=48O", "latitude_bins='48O'"),
        ("latitude_bins=480", "latitude_bins=1", "at least 2"),
        ("latitude_bins=480", "latitude_bins=4800", "48.4 MB. .* at most"),
        ("latitude_bins=480", "latitude_bins=999999", "10.1 GB"),
        ("latitude_bins=480", f"latitude_bins={'9' * 400}", r"latitude_bins='9+\.\.\.'"),
        ("latitude_bins=480", "latitude_bins=-480", "latitude_bins='-480'"),
        ("first_box_center=59.875N", "first_box_center=59.875S", "first_box_center"),
        ("second_box_center=59.875N,0.375E", "second_box_center=59.875N,0.25E", "second_box_center"),
        ("number_of_variables=4", "number_of_variables=3", "number_of_variables"),
        ("=precipitation,precipitation_error", "=precipitation,precipitation", "fields"),
        ("=precipitation,precipitation_error", "=precipitation,snow", "variable_name="),
        ("units=mm/hr", "units=mm/day", "variable_units="),
        ("scale=100,100,1,100", "scale=100,100,1", "scales"),
        ("scale=100,100,1,100", "scale=100,100,1,0", "variable_scale="),
        ("scale=100,100,1,100", "scale=100,100,10,100", "source must be 1"),
        ("type=signed_integer2", "type=signed_integer4", "variable_type="),
        ("byte_order=big_endian", "byte_order=middle_endian", "byte_order='middle_endian'"),
        ("flag_value=-31999", "flag_value=-9999", "flag_value='-9999'"),
        (" flag_value=-31999", "", "has no flag_value"),
        (" byte_order=big_endian", "", "has no byte_order"),
        ("origin=northwest", "origin=northwest origin=northwest", "'origin=northwest' where a new KEY=VALUE"),
        ("origin=northwest", "northwest", "'northwest' where"),
        ("origin=northwest", " origin=northwest", "'' where"),
        ("origin=northwest", "origin=north\x00west", "KEY=VALUE"),
        ("origin=northwest", "origin=north=west", "KEY=VALUE"),
        ("origin=northwest", "origin=nord-østen", "is 0xc3. A header is ASCII"),
        ("algorithm_ID=3B42RT", "<html>Not found</html>", "begins with b'<html>"),
    ],
)
def test_a_header_that_does_not_agree_is_refused(old: str, new: str, fault: str) -> None:
    """Each key, on its own, against the others or against the format."""
    with pytest.raises(ValueError, match=fault):
        parse_header(changed((old, new)))


def test_a_short_header_is_refused() -> None:
    """The file ends within it."""
    with pytest.raises(ValueError, match="ends after 2,000 bytes"):
        parse_header(changed()[:2000])


@pytest.mark.parametrize(
    "header",
    [
        SMALL,
        replace(SMALL, byte_order="little_endian", scales=(10, 1, 1, 1000)),
        replace(SMALL, names=("source", "precipitation"), scales=(1, 100)),
        replace(SMALL, north=-10, south=-70, west=-180, east=180),
        replace(SMALL, created="20200101", synthetic="made up, for a test"),
    ],
)
def test_headers_of_other_sizes_scales_and_orders_are_read(header: Header) -> None:
    """Whatever agrees with itself."""
    assert parse_header(bytes(header)) == replace(header, created=header.created or "20150311")
