"""Tests of helpers.measure, and of the benchmark that says what lesson 04 says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pytest
from zarr.codecs import BytesCodec, GzipCodec, ZstdCodec
from zarr.codecs.numcodecs import Delta, FixedScaleOffset, Quantize

from benchmarks.compression import rows
from helpers.measure import Coding, compare_codecs, draw_codecs

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA = np.arange(3000, dtype="int16").reshape(30, 100)
CODINGS: Mapping[str, Coding] = {
    "none": {"compressors": None},
    "gzip": {"compressors": GzipCodec()},
    "delta": {"filters": [Delta(dtype="<i2")], "serializer": BytesCodec(), "compressors": [ZstdCodec(level=1)]},
    "default": {},
}


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


def test_a_chunk_of_fill_has_a_size_too() -> None:
    """Zeros are written although they are the fill value, booleans are data as well."""
    table = compare_codecs(np.zeros((10, 10), dtype=bool), {"none": {"compressors": None}})
    assert table["nbytes"].tolist() == [100]


def test_nothing_to_compare_is_refused() -> None:
    """No repeats and no data have no speed."""
    with pytest.raises(ValueError, match="repeats=0 times nothing"):
        compare_codecs(DATA, CODINGS, repeats=0)
    with pytest.raises(ValueError, match=r"shape \(0,\) has nothing to compress"):
        compare_codecs(np.zeros(0), CODINGS)


def test_a_picture_names_the_codecs_asked_for() -> None:
    """Each codec has two marks, at its speeds and its ratio; a name that is not there is an error."""
    table = compare_codecs(DATA, CODINGS, repeats=1)
    _, ax = plt.subplots()
    draw_codecs(ax, table, labels=["gzip"])
    assert [text.get_text() for text in ax.texts] == ["gzip"]
    assert np.asarray(ax.lines[1].get_xdata()).tolist() == table["read_MBps"].tolist()
    with pytest.raises(KeyError, match="zip"):
        draw_codecs(ax, table, labels=["zip"])
    plt.close("all")


def test_lesson_04_orders_the_codecs_rightly() -> None:
    """What the prose of the lesson says of ratios and speeds is so on this machine."""
    assert [row for row in rows(repeats=3) if not row["ok"]] == []
