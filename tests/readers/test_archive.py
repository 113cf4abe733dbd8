"""Tests of the archives: that they hold what the specification names, laid out as it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from helpers.readers import BEYOND, CORE, UNKNOWN, write_core_archive, write_unknown_extensions
from helpers.readers.archive import (
    CHUNKS,
    SHAPE,
    Expected,
    amended,
    array,
    missing,
    partly,
    partly_raw_bits,
    raw_bits,
    sample,
)

# What version 3.1 of the specification names.
DATA_TYPES = {"bool", "float16", "float32", "float64", "complex64", "complex128", "r24"}
DATA_TYPES |= {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
CODECS = {"bytes", "blosc", "crc32c", "gzip", "sharding_indexed", "transpose"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an archive."""
    return tmp_path_factory.mktemp("core") / "core.zarr"


@pytest.fixture(scope="module")
def archive(root: Path) -> dict[str, Expected]:
    """Write the archive."""
    return write_core_archive(root)


def codec_names(codecs: list[Any]) -> set[str]:
    """Return the names of codecs, those inside shards included."""
    names = {codec if isinstance(codec, str) else codec["name"] for codec in codecs}
    inner = [
        codec["configuration"] for codec in codecs if isinstance(codec, dict) and codec["name"] == "sharding_indexed"
    ]
    return names.union(*(codec_names(each["codecs"]) | codec_names(each["index_codecs"]) for each in inner))


def test_all_that_the_core_names_is_there(root: Path, archive: dict[str, Expected]) -> None:
    """Data types, codecs and key encodings: no more, no less than the specification has, in groups to walk through."""
    for path in archive:
        assert isinstance(zarr.open(root / Path(path).parent, mode="r"), zarr.Group)
    assert list(archive) == [*CORE, *BEYOND]
    documents = [json.loads((root / path / "zarr.json").read_text()) for path in CORE]
    arrays = [document for document in documents if document["node_type"] == "array"]
    assert {document["data_type"] for document in arrays} == DATA_TYPES
    assert set().union(*(codec_names(document["codecs"]) for document in arrays)) == CODECS
    assert {document["chunk_grid"]["name"] for document in arrays} == {"regular"}
    keys = [document["chunk_key_encoding"] for document in arrays]
    assert {key if isinstance(key, str) else key["name"] for key in keys} == {"default", "v2"}
    assert not any(document.get("storage_transformers") for document in arrays)
    endings = [document["fill_value"] for document in arrays]
    assert all(spelling in endings for spelling in ("NaN", "Infinity", "-Infinity", "0x7fc00001"))


def test_nothing_is_overwritten(root: Path, archive: dict[str, Expected]) -> None:
    """A second archive in the same place is refused."""
    assert archive
    with pytest.raises(FileExistsError):
        write_core_archive(root)


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
    values = raw_bits(tmp_path / "a")
    chunk = (tmp_path / "a/c/2/2").read_bytes()
    assert len(chunk) == 3 * CHUNKS[0] * CHUNKS[1]
    assert chunk[:3] == values[4, 6].tobytes()
    assert values.shape == SHAPE
    document = json.loads((tmp_path / "a/zarr.json").read_text())
    assert (document["data_type"], document["fill_value"]) == ("r24", [1, 2, 3])
    assert partly_raw_bits(tmp_path / "b")[-1, -1].tobytes() == bytes([1, 2, 3])
    assert keys(tmp_path / "b") == ["c/0/0"]


def test_metadata_is_amended_after_writing(tmp_path: Path) -> None:
    """Only the members that are named change."""
    amended(array(), hint={"must_understand": False})(tmp_path / "a")
    document = json.loads((tmp_path / "a/zarr.json").read_text())
    assert document["hint"] == {"must_understand": False}
    assert document["data_type"] == "int32"


def test_each_array_has_one_thing_that_nobody_knows(tmp_path: Path) -> None:
    """Its metadata holds the invented name, and its chunk is stored."""
    paths = write_unknown_extensions(tmp_path / "strange")
    assert paths == list(UNKNOWN)
    for path in paths:
        document = json.loads((tmp_path / "strange" / path / "zarr.json").read_text())
        assert json.dumps(document).count("example.") in {1, 2}
        assert (tmp_path / "strange" / path / "c/0/0").stat().st_size == 24
