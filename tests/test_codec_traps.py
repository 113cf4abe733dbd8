"""Tests of traps that lesson 04 shows: each tells when zarr or numcodecs has mended it."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, CastValue, GzipCodec, ScaleOffset, ShardingCodec, ZstdCodec
from zarr.codecs.numcodecs import BitRound, Blosc, Delta, FixedScaleOffset, PackBits, Quantize

from helpers.measure import compare_codecs, flip_bit

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from zarr.abc.codec import ArrayArrayCodec, BytesBytesCodec

SMOOTH = (np.arange(4096) / 100 + np.random.default_rng(7).normal(0, 0.02, 4096)).astype("float32")


def read_through(data: npt.NDArray[np.generic], codec: ArrayArrayCodec) -> npt.NDArray[np.generic]:
    """Return `data` as it is read from an array with this filter."""
    return np.asarray(zarr.create_array({}, data=data, chunks=data.shape, filters=codec)[:])


def test_the_blosc_of_numcodecs_does_not_shuffle() -> None:
    """It is not told how many bytes make a number, so it takes each for itself; `BloscCodec` asks the array."""
    codings = {
        "numcodecs": {"compressors": Blosc(cname="zstd", clevel=5, shuffle=1)},
        "not shuffled": {"compressors": BloscCodec(cname="zstd", clevel=5, shuffle="noshuffle")},
        "shuffled": {"compressors": BloscCodec(cname="zstd", clevel=5, shuffle="shuffle")},
        "told": {"compressors": Blosc(cname="zstd", clevel=5, shuffle=1, typesize=4)},
    }
    nbytes = compare_codecs(SMOOTH, codings, repeats=1)["nbytes"]  # type: ignore[arg-type] # mypy infers object
    assert nbytes["numcodecs"] == nbytes["not shuffled"] > nbytes["shuffled"] == nbytes["told"]


def test_delta_of_floats_does_not_come_back() -> None:
    """Steps are rounded, and so are their sums; those of integers are exact, also where they overflow."""
    values = np.random.default_rng(7).normal(20, 5, 4096).astype("float32")
    assert not np.array_equal(read_through(values, Delta(dtype="<f4")), values)
    far = np.array([100, -100, 127, -128, 0], dtype="int8")
    np.testing.assert_array_equal(read_through(far, Delta(dtype="|i1")), far)


def test_fixed_scale_offset_wraps_around_zarr_3772() -> None:
    """What does not fit is stored as something else, silently (zarr-python #3772, open)."""
    kiln = np.array([20.0, 350.0], dtype="float32")
    narrow = FixedScaleOffset(offset=0, scale=100, dtype="<f4", astype="<i2")
    assert read_through(kiln, narrow).tolist() == pytest.approx([20, -305.36])
    wide = FixedScaleOffset(offset=0, scale=100, dtype="<f4", astype="<i4")
    assert read_through(kiln, wide).tolist() == pytest.approx([20, 350])


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_fixed_scale_offset_makes_a_number_of_nan_numcodecs_511() -> None:
    """NaN has no integer (numcodecs #511, open); Quantize and BitRound keep NumPy's."""
    data = np.array([1.5, np.nan], dtype="float32")
    scaled = read_through(data, FixedScaleOffset(offset=0, scale=10, dtype="<f4", astype="<i2"))
    assert not np.isnan(scaled).any()
    for codec in (Quantize(digits=1, dtype="<f4"), BitRound(keepbits=9)):
        np.testing.assert_array_equal(read_through(data, codec), data)


def test_bit_round_makes_a_number_of_a_nan_of_all_ones() -> None:
    """It rounds it up, into the sign; Quantize does not."""
    missing = np.array([0x7FC00000, 0x7FFFFFFF, 0xFFFFFFFF], dtype="uint32").view("float32")
    rounded = read_through(missing, BitRound(keepbits=11))
    assert np.isnan(rounded).tolist() == [True, False, False]
    assert rounded[1:].tolist() == [0, 0]
    assert np.isnan(read_through(missing, Quantize(digits=2, dtype="<f4"))).all()


def test_scale_offset_and_quantize_keep_what_16_bits_do_not() -> None:
    """They stay with floats; on integers, `scale_offset` refuses what does not fit."""
    kiln = np.array([20.0, 350.0, np.nan], dtype="float32")
    filters = [ScaleOffset(scale=100), Quantize(digits=0, dtype="<f4")]
    np.testing.assert_array_equal(np.asarray(zarr.create_array({}, data=kiln, filters=filters)[:]), kiln)
    with pytest.raises(ValueError, match="outside the range of dtype int16"):
        zarr.create_array({}, data=np.array([300], dtype="int16"), filters=ScaleOffset(scale=200))


def test_specified_scaling_needs_a_package_and_says_so() -> None:
    """`scale_offset` comes with zarr; `cast_value` refuses to be used without its package."""
    kiln = np.array([20.0, 400.0], dtype="float32")
    filters = [ScaleOffset(offset=0, scale=100), CastValue(data_type="int16")]
    if find_spec("cast_value_rs") is None:
        with pytest.raises(ImportError, match="cast-value-rs"):
            zarr.create_array({}, data=kiln, filters=filters)
    else:
        with pytest.raises(Exception, match=r"range|represent|overflow"):
            zarr.create_array({}, data=kiln, filters=filters)


def test_bits_are_packed_eight_to_a_byte() -> None:
    """One byte more says how many of the last are not used."""
    coins = np.random.default_rng(7).random((100, 80)) < 0.5
    table = compare_codecs(coins, {"bits": {"filters": [PackBits()], "compressors": None}}, repeats=1)
    assert table["nbytes"].tolist() == [1001]
    assert table["max_error"].tolist() == [0]


def test_the_index_of_a_shard_cannot_be_compressed() -> None:
    """Its size must be known before it is read."""
    with pytest.raises(ValueError, match="must produce a fixed-size encoding"):
        ShardingCodec(chunk_shape=(16, 16), index_codecs=[ZstdCodec()])


def test_old_names_of_codecs_warn() -> None:
    """`numcodecs.zarr3`, which older code imports from, is deprecated."""
    zarr3 = import_module("numcodecs.zarr3")
    vars(zarr3).pop("Delta", None)
    with pytest.warns(DeprecationWarning, match="Import Delta via"):
        assert zarr3.Delta is Delta


@pytest.mark.parametrize("compressor", [GzipCodec(), ZstdCodec(checksum=True)], ids=["gzip", "zstd with checksum"])
def test_gzip_and_a_checksum_of_zstd_let_no_flipped_bit_through(tmp_path: Path, compressor: BytesBytesCodec) -> None:
    """Each flip is an error, or hits a bit that says nothing; none is read as other numbers."""
    readings = np.round(SMOOTH[:256], 1)
    zarr.create_array(tmp_path / "z", data=readings, chunks=(256,), compressors=compressor)
    file = tmp_path / "z/c/0"
    outcomes: Counter[str] = Counter()
    for bit in np.random.default_rng(7).choice(8 * file.stat().st_size, 100, replace=False).tolist():
        flip_bit(file, bit)
        try:
            outcomes[
                "right" if np.array_equal(np.asarray(zarr.open_array(tmp_path / "z")[:]), readings) else "wrong"
            ] += 1
        except Exception:
            outcomes["error"] += 1
        flip_bit(file, bit)
    assert outcomes["wrong"] == 0
    assert outcomes["error"] > 90
