"""Tests of helpers.rain: what a file holds is what comes out."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from helpers.rain import FIELDS, Header, decode, file_name
from tests.rain_files import SMALL, STEP, assert_decoded, plain_file

if TYPE_CHECKING:
    from pathlib import Path

BOTH = pytest.mark.parametrize("unreliable", ["mask", "decode"])


def one_field(*numbers: int, header: Header = SMALL) -> bytes:
    """Store numbers from the first cell on, in each of the fields of rain; all else is 0."""
    header = replace(header, names=("precipitation",), scales=(100,))
    cells = np.zeros(header.shape, ">i2")
    cells.flat[: len(numbers)] = numbers
    return bytes(header) + cells.tobytes()


@BOTH
@pytest.mark.parametrize(
    "header",
    [
        SMALL,
        replace(SMALL, byte_order="little_endian"),
        replace(SMALL, scales=(10, 1, 1, 1000)),
        replace(SMALL, names=("source", "uncal_precipitation", "precipitation"), scales=(1, 100, 10)),
        replace(SMALL, shape=(2, 31), north=51, south=49, west=-30, east=30),
    ],
)
def test_every_number_is_decoded_as_its_header_says(header: Header, unreliable: Literal["mask", "decode"]) -> None:
    """Against a decoder that takes one number at a time: all of int16 and int8, both modes."""
    raw = plain_file(header)
    assert_decoded(decode(raw, unreliable=unreliable), raw, unreliable=unreliable)
    assert_decoded(decode(gzip.compress(raw), unreliable=unreliable), raw, unreliable=unreliable)


@pytest.mark.parametrize(
    ("stored", "masked", "decoded"),
    [(0, 0, 0), (1, 0.01, 0.01), (32767, 327.67, 327.67), (-31999, np.nan, np.nan), (-1, np.nan, 0), (-101, np.nan, 1)],
)
def test_missing_is_not_zero_and_a_negative_number_is_no_rain(stored: int, masked: float, decoded: float) -> None:
    """At the equator, where the sign alone tells; never clipped to 0."""
    raw = one_field(stored, header=replace(SMALL, north=30, south=-30))
    for unreliable, due in (("mask", masked), ("decode", decoded)):
        rain = decode(raw, unreliable=unreliable).precipitation[0]  # type: ignore[arg-type]
        np.testing.assert_equal(rain[0, 0].item(), np.float32(due).item())
        assert not rain[0, 1:].any()


def test_all_of_the_band_is_masked_whatever_its_sign() -> None:
    """Polewards of 50 degrees north and south, exactly."""
    band = decode(plain_file(SMALL)).where(lambda ds: abs(ds.lat) > 50, drop=True)
    assert band.lat.values.tolist() == [57.5, 52.5, -52.5, -57.5]
    assert all(band[name].isnull().all() for name in FIELDS if name != "source")


@pytest.mark.parametrize("fields", ["uncal_precipitation", ["source", "precipitation"]])
def test_only_the_fields_asked_for_are_decoded(fields: Any) -> None:
    """One by its name or several, with the values that they have among all."""
    raw = plain_file()
    some = decode(raw, fields=fields)
    assert list(some.data_vars) == ([fields] if isinstance(fields, str) else list(fields))
    assert some.identical(decode(raw)[list(some.data_vars)])


def test_fields_that_are_not_asked_for_are_checked_too() -> None:
    """Damage in the last field shows when the first is decoded."""
    packed = bytearray(gzip.compress(plain_file()))
    packed[-8] ^= 1  # in the checksum
    with pytest.raises(ValueError, match=r"damaged.*incorrect data check"):
        decode(bytes(packed), fields="precipitation")


def test_a_file_is_read_from_a_path(tmp_path: Path) -> None:
    """A path or its text; packed or plain, whatever the name says."""
    raw = plain_file()
    path = tmp_path / file_name(STEP)
    for content in (raw, gzip.compress(raw)):
        path.write_bytes(content)
        assert decode(path).identical(decode(raw))
        assert decode(str(path)).identical(decode(raw))


def test_a_file_of_another_step_is_refused(tmp_path: Path) -> None:
    """A provider that serves one file under the name of another would shift the rain."""
    path = tmp_path / file_name("2015-03-11T18")
    path.write_bytes(plain_file())
    with pytest.raises(ValueError, match=r"18\.7\.bin\.gz: the name says 2015031118, the header 2015031115"):
        decode(path)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    """As from open."""
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / "none.gz")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"fields": "rain"}, r"\['rain'\] is not among the fields.*precipitation_error"),
        ({"unreliable": "clip"}, "unreliable='clip'.*mask"),
    ],
)
def test_a_wrong_option_is_named(changes: Any, fault: str) -> None:
    """Before the file is read."""
    with pytest.raises(ValueError, match=fault):
        decode("/no/such/file", **changes)


def test_a_field_that_the_file_lacks_is_named() -> None:
    """With those that it holds."""
    with pytest.raises(ValueError, match=r"<3,648 bytes>: it has no source. It holds precipitation\."):
        decode(one_field(), fields="source")


def test_a_file_of_zeros_is_decoded() -> None:
    """It packs so well that all of it is taken in with the header."""
    ds = decode(gzip.compress(bytes(Header(time=STEP)) + bytes(4_838_400), 9))
    assert float(ds.precipitation.sum()) == 0
    assert int(ds.precipitation.count()) == 400 * 1440
