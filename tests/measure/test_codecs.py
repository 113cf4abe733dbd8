"""Tests of helpers.measure.codecs, of what codecs make of flipped bits, and of what lesson 04 says of both."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ZstdCodec
from zarr.codecs.numcodecs import LZ4, Delta, FixedScaleOffset, Quantize

from benchmarks.compression import rows
from helpers.measure import Coding, compare_codecs, flip_bit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from zarr.abc.codec import BytesBytesCodec

DATA = np.arange(3000, dtype="int16").reshape(30, 100)
CODINGS: Mapping[str, Coding] = {
    "none": {"compressors": None},
    "gzip": {"compressors": GzipCodec()},
    "delta": {"filters": [Delta(dtype="<i2")], "serializer": BytesCodec(), "compressors": [ZstdCodec(level=1)]},
    "default": {},
}
# What changes only a header may change nothing, or the size that a decoder makes room for.
BITS = np.random.default_rng(7).choice(np.arange(16 * 8, 200 * 8), 200, replace=False).tolist()

type Compressors = BytesBytesCodec | list[BytesBytesCodec] | None


def test_sizes_and_ratios_are_of_the_chunk_alone() -> None:
    """Without a codec the ratio is 1; metadata is not counted."""
    table = compare_codecs(DATA, CODINGS, repeats=1)
    assert table.index.tolist() == list(CODINGS)
    assert table.index.name == "codec"
    assert table["nbytes"]["none"] == DATA.nbytes
    assert table["ratio"].tolist() == pytest.approx((DATA.nbytes / table["nbytes"]).tolist())
    assert table["ratio"]["delta"] > table["ratio"]["default"] > 1
    assert (table[["write_MBps", "read_MBps"]] > 0).all(axis=None)
    assert (table["max_error"] == 0).all()


def test_what_a_lossy_codec_changes_is_measured() -> None:
    """Rounding to a 16th is off by a 32nd at most, and NaN that stays NaN is no error."""
    data = np.random.default_rng(7).normal(size=(20, 50))
    data[3, 4] = np.nan
    table = compare_codecs(data, {"rounded": {"filters": [Quantize(digits=1, dtype="<f8")]}, "default": {}}, repeats=1)
    assert 0.03 < table["max_error"]["rounded"] <= 1 / 32
    assert table["max_error"]["default"] == 0
    assert compare_codecs(np.array([np.nan]), {"default": {}})["max_error"].tolist() == [0]


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_a_lost_nan_is_an_infinite_error() -> None:
    """A codec that makes a number of NaN does not come out well: numcodecs #511, open."""
    data = np.array([1.0, np.nan])
    coding: Coding = {"filters": [FixedScaleOffset(offset=0, scale=10, dtype="<f8", astype="<i2")]}
    assert compare_codecs(data, {"scaled": coding})["max_error"].tolist() == [np.inf]


def test_lesson_04_orders_the_codecs_rightly() -> None:
    """What its prose says of ratios is so; what it says of speeds is measured by `make bench`."""
    counted = [row for row in rows(repeats=1) if not str(row["name"]).startswith(("Writing", "Reading"))]
    assert len(counted) == 8
    assert [row for row in counted if not row["ok"]] == []


def written(folder: Path, compressors: Compressors) -> zarr.Array[Any]:
    """Return an array of one chunk of at least 200 bytes."""
    data = np.random.default_rng(7).normal(20, 5, (16, 16)).round(1).astype("float32")
    return zarr.create_array(folder, data=data, chunks=(16, 16), compressors=compressors)


def outcomes(array: zarr.Array[Any], file: Path, bits: list[int]) -> dict[str, int]:
    """Flip one bit at a time, read, and flip it back, as lesson 04 does."""
    truth = array[:].tobytes()  # type: ignore[union-attr] # an array, not a scalar
    found: Counter[str] = Counter()
    for bit in bits:
        flip_bit(file, bit)
        try:
            found["right" if array[:].tobytes() == truth else "wrong"] += 1  # type: ignore[union-attr]
        except Exception:
            found["error"] += 1
        flip_bit(file, bit)
    return dict(found)


@pytest.mark.parametrize("compressors", [None, ZstdCodec(), BloscCodec(), LZ4()], ids=["none", "zstd", "blosc", "lz4"])
def test_without_a_checksum_flips_come_through_as_data(tmp_path: Path, compressors: Compressors) -> None:
    """Many flips are read as other values, without an error: zarr's default included. The file is whole again."""
    array = written(tmp_path, compressors)
    truth = array[:]
    found = outcomes(array, tmp_path / "c/0/0", BITS)
    assert sum(found.values()) == 200
    assert found["wrong"] > 20
    np.testing.assert_array_equal(array[:], truth)


@pytest.mark.parametrize(
    ("compressors", "unnoticed"),
    [([ZstdCodec(), Crc32cCodec()], 0), ([Crc32cCodec()], 0), (GzipCodec(), 9), (ZstdCodec(checksum=True), 9)],
    ids=["zstd and crc32c", "crc32c", "gzip", "zstd with checksum"],
)
def test_a_checksum_lets_nothing_wrong_through(tmp_path: Path, compressors: Compressors, unnoticed: int) -> None:
    """crc32c finds each of 200 flips. A checksum of what was decoded may let one pass that changes no value."""
    found = outcomes(written(tmp_path, compressors), tmp_path / "c/0/0", BITS)
    assert "wrong" not in found
    assert found.get("right", 0) <= unnoticed
    assert sum(found.values()) == 200


def test_a_damaged_index_of_a_shard_is_an_error(tmp_path: Path) -> None:
    """The index has a checksum by default; the chunks of the shard have none."""
    data = np.arange(1, 65, dtype="uint8").reshape(8, 8)
    array = zarr.create_array(tmp_path, data=data, chunks=(4, 4), shards=(8, 8), compressors=None)
    file = tmp_path / "c/0/0"
    assert file.stat().st_size == 64 + 4 * 16 + 4
    assert outcomes(array, file, [*range(64 * 8, 68 * 8)]) == {"error": 32}
    assert outcomes(array, file, [*range(32)]) == {"wrong": 32}
