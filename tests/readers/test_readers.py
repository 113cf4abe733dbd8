"""Tests of the readers in Python, and of zarrita where there is one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr

from helpers.readers import (
    READERS,
    ZARRITA_MISSING,
    read_all,
    read_with_zarrita,
    support_matrix,
    write_core_archive,
    write_unknown_extensions,
)
from helpers.readers import readers as module
from helpers.readers.readers import first_words, node_program

if TYPE_CHECKING:
    from pathlib import Path

needs_zarrita = pytest.mark.skipif(node_program() is None, reason=ZARRITA_MISSING)
# The language has had a type for half precision since Node 24; zarrita uses it where it is.
FLOAT16_SINCE = 24
PAST = {"chunk grid", "storage transformer", "unknown key"}


@pytest.mark.parametrize("reader", READERS)
def test_each_reader_reads_an_array(reader: str, tmp_path: Path) -> None:
    """Values with shape and dtype; the settings of Zarr-Python are as before. What is not there it refuses.

    The words hold no place of this machine.
    """
    values = np.arange(12, dtype="int16").reshape(3, 4)
    zarr.create_array(tmp_path / "steps", data=values, chunks=(2, 2))
    pipeline = zarr.config.get("codec_pipeline.path")
    answer, gone = read_all(READERS[reader], tmp_path, ["steps", "gone"]).values()
    assert gone.values is None
    assert gone.refusal
    assert str(tmp_path) not in gone.refusal
    assert answer.values is not None
    assert answer.values.dtype == "int16"
    assert np.array_equal(answer.values, values)
    assert answer.refusal == ""
    assert zarr.config.get("codec_pipeline.path") == pipeline


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


def test_readers_refuse_what_they_must(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All but GDAL with an unknown key, which it warns of: when that is mended, the lesson has to say so."""
    paths = write_unknown_extensions(tmp_path / "strange")
    answers = {name: read_all(read, tmp_path / "strange", paths) for name, read in READERS.items()}
    read = {(name, path) for name, said in answers.items() for path, answer in said.items() if not answer.refusal}
    assert read == {("GDAL", "unknown key")}
    assert "unknown member (example.note). Interpretation of the array might be wrong" in caplog.text


def node_version() -> int:
    """Return the major version of Node."""
    node = node_program()
    assert node is not None
    return int(subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout[1:].split(".")[0])


@needs_zarrita
def test_zarrita_finds_what_the_lesson_says(tmp_path: Path) -> None:
    """Every cell of its column that is no yes; where it has learned something since, the lesson has to say so."""
    archive = write_core_archive(tmp_path / "core.zarr")
    matrix = support_matrix({"zarrita": read_with_zarrita(tmp_path / "core.zarr", archive)}, archive)
    found = dict(zip(archive, matrix["zarrita"], strict=True))
    found = {path: cell for path, cell in found.items() if cell != "yes"}
    half = {} if node_version() >= FLOAT16_SINCE else {"dtypes/float16": "no"}
    wrong = dict.fromkeys(["fills/int64", "fills/uint64", "fills/hex"], "WRONG")
    no = ["dtypes/complex64", "dtypes/complex128", "dtypes/r24", "fills/complex", "fills/r24"]
    no += ["codecs/sharding-start", "shapes/no-elements", "metadata/short-name-codec", "metadata/short-name-keys"]
    assert found == {**half, **wrong, **dict.fromkeys(no, "no")}


@needs_zarrita
def test_zarrita_reads_past_what_it_must_refuse(tmp_path: Path) -> None:
    """Unknown chunk grids, storage transformers and keys, as the lesson says."""
    paths = write_unknown_extensions(tmp_path / "strange")
    answers = read_with_zarrita(tmp_path / "strange", paths)
    assert {path for path, answer in answers.items() if not answer.refusal} == PAST


@needs_zarrita
def test_values_keep_every_bit(tmp_path: Path) -> None:
    """Integers beyond 2**53, NaN with a payload, minus zero, dimensions in their order; what is missing is refused."""
    whole = np.array([[2**53 + 1, -(2**63)], [2**63 - 1, 0]])
    real = np.array([[-0.0, np.nan], [np.inf, 5e-324]])
    zarr.create_array(tmp_path / "whole", data=whole, filters=[zarr.codecs.TransposeCodec(order=(1, 0))])
    zarr.create_array(tmp_path / "real", data=real, chunks=(1, 2))
    answers = read_with_zarrita(tmp_path, ["whole", "real", "gone"])
    assert answers["gone"].refusal.startswith("Not found")
    assert str(tmp_path) not in answers["gone"].refusal
    for name, values in {"whole": whole, "real": real}.items():
        found = answers[name].values
        assert found is not None
        assert (found.dtype, found.shape, found.tobytes()) == (values.dtype, values.shape, values.tobytes())


@needs_zarrita
def test_a_node_that_ends_early_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is taken for a "no" that nobody gave."""
    (tmp_path / "read_zarr.mjs").write_text("throw new Error('out of order')")
    monkeypatch.setattr(module, "JAVASCRIPT", tmp_path)
    (tmp_path / "node_modules/zarrita").mkdir(parents=True)
    with pytest.raises(RuntimeError, match="answered for 0 of 1 paths"):
        read_with_zarrita(tmp_path, ["a"])


def test_a_machine_without_zarrita_gets_no_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one sentence that says what to do."""
    monkeypatch.setattr(module, "JAVASCRIPT", tmp_path)
    assert node_program() is None
    assert read_with_zarrita(tmp_path, ["a"]) == {}
    assert "`make javascript`" in ZARRITA_MISSING
