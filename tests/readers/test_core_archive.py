"""Tests of helpers.readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zarr

from helpers.readers import BEYOND, CORE, Expected, write_core_archive

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
    """Data types, codecs and key encodings: no more and no less than the specification has."""
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


def test_groups_hold_it_together(root: Path, archive: dict[str, Expected]) -> None:
    """The root and each part are groups, so that a reader can walk to every path."""
    assert isinstance(zarr.open(root, mode="r"), zarr.Group)
    for path in archive:
        assert isinstance(zarr.open(root / Path(path).parent, mode="r"), zarr.Group)


def test_expected_metadata_is_what_is_stored(archive: dict[str, Expected]) -> None:
    """Attributes of every JSON kind, a named dimension and one without a name."""
    assert archive["metadata/attributes"].attributes["none"] is None
    assert archive["metadata/group"].values is None
    assert archive["metadata/dimension-names"].dimension_names == ["time", None]
    assert archive["shapes/no-dimension"].values is not None
    assert archive["shapes/no-dimension"].values.shape == ()


def test_nothing_is_overwritten(root: Path, archive: dict[str, Expected]) -> None:
    """A second archive in the same place is refused."""
    assert archive
    with pytest.raises(FileExistsError):
        write_core_archive(root)
