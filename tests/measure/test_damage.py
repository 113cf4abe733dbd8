"""Tests of helpers.measure, and of what codecs make of flipped bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec
from zarr.codecs.numcodecs import LZ4

from helpers.measure import flip_bit, try_bits

if TYPE_CHECKING:
    from pathlib import Path

    from zarr.abc.codec import BytesBytesCodec

# What changes only a header may change nothing, or the size that a decoder makes room for.
BITS = np.random.default_rng(7).choice(np.arange(16 * 8, 200 * 8), 200, replace=False).tolist()


type Compressors = BytesBytesCodec | list[BytesBytesCodec] | None


def written(folder: Path, compressors: Compressors) -> zarr.Array[Any]:
    """Return an array of one chunk of at least 200 bytes."""
    data = np.random.default_rng(7).normal(20, 5, (16, 16)).round(1).astype("float32")
    return zarr.create_array(folder, data=data, chunks=(16, 16), compressors=compressors)


def test_a_bit_is_flipped_and_flipped_back(tmp_path: Path) -> None:
    """Twice the same bit gives the same file."""
    file = tmp_path / "chunk"
    file.write_bytes(b"abc")
    flip_bit(file, 8)
    assert file.read_bytes() == b"acc"
    flip_bit(file, 8)
    assert file.read_bytes() == b"abc"


@pytest.mark.parametrize("bit", [-1, 24])
def test_a_bit_that_is_not_there_is_refused(tmp_path: Path, bit: int) -> None:
    """The error says how many there are."""
    file = tmp_path / "chunk"
    file.write_bytes(b"abc")
    with pytest.raises(IndexError, match=f"chunk has 24 bits, and no bit {bit}"):
        flip_bit(file, bit)
    assert file.read_bytes() == b"abc"


@pytest.mark.parametrize("compressors", [None, ZstdCodec(), BloscCodec(), LZ4()], ids=["none", "zstd", "blosc", "lz4"])
def test_without_a_checksum_flips_come_through_as_data(tmp_path: Path, compressors: Compressors) -> None:
    """Many flips are read as other values, without an error: zarr's default included. The file is whole again."""
    array = written(tmp_path, compressors)
    truth = array[:]
    found = try_bits(array, tmp_path / "c/0/0", bits=BITS)
    assert sum(found.values()) == 200
    assert found["wrong"] > 20
    np.testing.assert_array_equal(array[:], truth)


@pytest.mark.parametrize(
    "compressors",
    [[ZstdCodec(), Crc32cCodec()], [Crc32cCodec()]],
    ids=["zstd and crc32c", "crc32c"],
)
def test_with_crc32c_every_flip_is_an_error(tmp_path: Path, compressors: Compressors) -> None:
    """Not one of 200 is read."""
    assert try_bits(written(tmp_path, compressors), tmp_path / "c/0/0", bits=BITS) == {"error": 200}


@pytest.mark.parametrize("compressors", [GzipCodec(), ZstdCodec(checksum=True)], ids=["gzip", "zstd with checksum"])
def test_a_checksum_of_the_data_lets_nothing_wrong_through(tmp_path: Path, compressors: Compressors) -> None:
    """What is checked is what was decoded: a flip that changes no value may go unnoticed, and does no harm."""
    found = try_bits(written(tmp_path, compressors), tmp_path / "c/0/0", bits=BITS)
    assert "wrong" not in found
    assert found["error"] > 190


def test_a_damaged_index_of_a_shard_is_an_error(tmp_path: Path) -> None:
    """The index has a checksum by default; the chunks of the shard have none."""
    data = np.arange(1, 65, dtype="uint8").reshape(8, 8)
    array = zarr.create_array(tmp_path, data=data, chunks=(4, 4), shards=(8, 8), compressors=None)
    file = tmp_path / "c/0/0"
    assert file.stat().st_size == 64 + 4 * 16 + 4
    assert try_bits(array, file, bits=range(64 * 8, 68 * 8)) == {"error": 32}
    assert try_bits(array, file, bits=range(32)) == {"wrong": 32}
