"""Tests of helpers.readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr

from helpers.readers import READERS, first_words, read_all

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("reader", READERS)
def test_each_reader_reads_an_array(reader: str, tmp_path: Path) -> None:
    """Values with shape and dtype; the settings of Zarr-Python are as before."""
    values = np.arange(12, dtype="int16").reshape(3, 4)
    zarr.create_array(tmp_path / "steps", data=values, chunks=(2, 2))
    pipeline = zarr.config.get("codec_pipeline.path")
    answer = read_all(READERS[reader], tmp_path, ["steps"])["steps"]
    assert answer.values is not None
    assert answer.values.dtype == "int16"
    assert np.array_equal(answer.values, values)
    assert answer.refusal == ""
    assert zarr.config.get("codec_pipeline.path") == pipeline


@pytest.mark.parametrize("reader", READERS)
def test_each_reader_refuses_in_its_own_words(reader: str, tmp_path: Path) -> None:
    """What is not there is no crash, and the words hold no place of this machine."""
    answer = read_all(READERS[reader], tmp_path, ["gone"])["gone"]
    assert answer.values is None
    assert answer.refusal
    assert str(tmp_path) not in answer.refusal


def test_zarrs_does_not_fall_back_to_zarr_python(tmp_path: Path) -> None:
    """A "yes" of zarrs is zarrs': what it cannot decode is an error."""
    z = zarr.create_array(tmp_path / "words", shape=(2,), dtype=str)
    z[...] = np.array(["a", "b"], "T")
    assert read_all(READERS["zarr-python"], tmp_path, ["words"])["words"].refusal == ""
    assert read_all(READERS["zarrs"], tmp_path, ["words"])["words"].refusal == "UnsupportedDataTypeError"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("No such codec\nmore", "No such codec"),
        ('READ: Error reading local file "/a/b/zarr.json": Unsupported [spec={}]', "Unsupported"),
        ("ZARR:/a/b/c: No such file", "No such file"),
        ("", "no words"),
        ("many " * 60, "many " * 21 + "..."),
    ],
)
def test_first_words_name_no_place(message: str, words: str) -> None:
    """One line, from where it no longer speaks of this machine, and not too long."""
    assert first_words(message) == words
