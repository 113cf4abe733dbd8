"""Tests of helpers.readers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr

from helpers.readers import CHUNKS, SHAPE, amended, array, missing, partly, raw_bits, sample

if TYPE_CHECKING:
    from pathlib import Path


def keys(path: Path) -> list[str]:
    """Return the chunks that are stored."""
    return sorted(str(found.relative_to(path)) for found in path.rglob("*") if found.is_file() and found.suffix == "")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_samples_of_floats_hold_what_is_easily_lost(dtype: str) -> None:
    """NaN, both infinities, minus zero, the greatest and the least above zero."""
    values = sample(dtype)
    assert values.dtype == dtype
    parts = values.real
    assert np.isnan(parts).any()
    assert {np.inf, -np.inf, np.finfo(dtype).max} <= set(parts.ravel().tolist())
    assert np.signbit(parts[parts == 0]).any()
    assert np.min(parts[parts > 0]) == np.finfo(dtype).smallest_subnormal


def test_samples_of_integers_hold_their_ends() -> None:
    """The least and the most, even those beyond 2**53."""
    assert {0, 2**64 - 1} <= set(sample("uint64").ravel().tolist())
    assert {-(2**63), 2**63 - 1} <= set(sample("int64").ravel().tolist())


def test_an_array_stores_every_chunk(tmp_path: Path) -> None:
    """Also those that hold only the fill value."""
    values = array("bool")(tmp_path / "a")
    assert len(keys(tmp_path / "a")) == 9
    assert np.array_equal(np.asarray(zarr.open_array(tmp_path / "a")[...]), values)


def test_a_part_of_an_array_is_one_chunk(tmp_path: Path) -> None:
    """The rest is missing and reads as the fill value."""
    values = partly("uint64", 2**64 - 1)(tmp_path / "a")
    assert keys(tmp_path / "a") == ["c/0/0"]
    assert values[-1, -1] == 2**64 - 1
    assert zarr.open_array(tmp_path / "a")[-1, -1] == 2**64 - 1


def test_a_missing_array_has_no_chunk(tmp_path: Path) -> None:
    """There is only its metadata."""
    assert (missing(tmp_path / "a") == -7).all()
    assert keys(tmp_path / "a") == []


def test_raw_bits_are_laid_out_by_the_specification(tmp_path: Path) -> None:
    """Three bytes an element, edge chunks at full size, the fill value a list of bytes."""
    values = raw_bits(9)(tmp_path / "a")
    chunk = (tmp_path / "a/c/2/2").read_bytes()
    assert len(chunk) == 3 * CHUNKS[0] * CHUNKS[1]
    assert chunk[:3] == values[4, 6].tobytes()
    assert values.shape == SHAPE
    document = json.loads((tmp_path / "a/zarr.json").read_text())
    assert (document["data_type"], document["fill_value"]) == ("r24", [1, 2, 3])
    assert raw_bits(1)(tmp_path / "b")[-1, -1].tobytes() == bytes([1, 2, 3])
    assert keys(tmp_path / "b") == ["c/0/0"]


def test_metadata_is_amended_after_writing(tmp_path: Path) -> None:
    """Only the members that are named change."""
    amended(array(), hint={"must_understand": False})(tmp_path / "a")
    document = json.loads((tmp_path / "a/zarr.json").read_text())
    assert document["hint"] == {"must_understand": False}
    assert document["data_type"] == "int32"
