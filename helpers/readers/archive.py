"""Archives to try readers on: all that the core of the Zarr v3 specification names, and what no reader can know.

Each array is written by a function that takes a path and returns the values, so that every reader's answer can be
compared with the truth, bit by bit.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec
from zarr.errors import ZarrUserWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from zarr.abc.codec import Codec
    from zarr.core.common import JSON

    type Values = npt.NDArray[np.generic]
    type Write = Callable[[Path], Values]
    type WriteNode = Callable[[Path], npt.NDArray[np.generic] | None]

__all__ = ["BEYOND", "CORE", "UNKNOWN", "Expected", "write_core_archive", "write_unknown_extensions"]

#: The shape of most arrays, and of their chunks: the last of each row and column reaches beyond the edge.
SHAPE, CHUNKS = (5, 7), (2, 3)
_STRANGE = (np.nan, -0.0, np.inf, -np.inf, 0.1)


def sample(dtype: str, shape: tuple[int, ...] = SHAPE) -> Values:
    """Return values of a data type, first the least, the most and the strangest, then random ones."""
    size = int(np.prod(shape))
    rng = np.random.default_rng(7)
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        first = np.array([info.min, info.max, 0, -1 if info.min else 1], dtype)
        rest = rng.integers(info.min, info.max, size, dtype, endpoint=True)
    else:
        real = np.finfo(dtype).dtype
        first = np.array([*_STRANGE, np.finfo(real).max, np.finfo(real).smallest_subnormal], real)
        rest = rng.normal(size=size).astype(real)
    values = np.concatenate([first, rest])[:size].reshape(shape)
    if np.dtype(dtype).kind == "c":  # the imaginary parts are the real ones, the other way round
        return np.stack([values, np.flip(values)], -1).view(dtype)[..., 0]
    return values


def array(
    dtype: str = "int32", shape: tuple[int, ...] = SHAPE, chunks: tuple[int, ...] = CHUNKS, **options: Any
) -> Write:
    """Return a function that writes a whole array, every chunk of it; options are those of `zarr.create_array`."""

    def write(path: Path) -> Values:
        values = sample(dtype, shape)
        settings = {"compressors": None, "config": {"write_empty_chunks": True}, **options}
        zarr.create_array(path, shape=shape, dtype=dtype, chunks=chunks, **settings)[...] = values
        return values

    return write


def partly(dtype: str, fill: object) -> Write:
    """Return a function that writes one chunk; the others are missing, and read as the fill value."""

    def write(path: Path) -> Values:
        fill_value = np.array(fill, dtype)[()]
        z = zarr.create_array(path, shape=SHAPE, dtype=dtype, chunks=CHUNKS, compressors=None, fill_value=fill_value)
        values = np.full(SHAPE, fill_value, dtype)
        z[:2, :3] = values[:2, :3] = sample(dtype)[:2, :3]
        return values

    return write


def missing(path: Path) -> Values:
    """Write an array without a single chunk."""
    zarr.create_array(path, shape=SHAPE, dtype="int32", chunks=CHUNKS, compressors=None, fill_value=-7)
    return np.full(SHAPE, -7, "int32")


def raw_bits(path: Path) -> Values:
    """Write elements of 24 bits as three of 8 bits each: Zarr-Python does not know the core's ``r24``."""
    values = array("uint8", (SHAPE[0], 3 * SHAPE[1]), (CHUNKS[0], 3 * CHUNKS[1]))(path).view("V3")
    grid = {"name": "regular", "configuration": {"chunk_shape": CHUNKS}}
    raw = {"data_type": "r24", "fill_value": [1, 2, 3], "codecs": [{"name": "bytes"}]}
    amend(path, {"shape": SHAPE, "chunk_grid": grid, **raw})
    return values


def partly_raw_bits(path: Path) -> Values:
    """Write them, and remove all chunks but the first."""
    written, values = raw_bits(path), np.full(SHAPE, np.void(bytes([1, 2, 3])), "V3")
    values[:2, :3] = written[:2, :3]
    for chunk in path.glob("c/*/*"):
        if chunk != path / "c/0/0":
            chunk.unlink()
    return values


def amended(write: Write, **changes: object) -> Write:
    """Return `write` with some members of ``zarr.json`` spelled in another way."""

    def amended_write(path: Path) -> Values:
        values = write(path)
        amend(path, changes)
        return values

    return amended_write


def amend(path: Path, changes: Mapping[str, object]) -> None:
    """Spell some members of the ``zarr.json`` at a path in another way, or add them."""
    document = path / "zarr.json"
    document.write_text(json.dumps(json.loads(document.read_text()) | dict(changes), indent=2))


# Every kind of JSON value.
ATTRIBUTES: dict[str, JSON] = {"text": "19 °C", "whole": 3, "real": 0.1, "yes": True, "none": None, "list": [1, [2]]}
ATTRIBUTES["map"] = {"a": 1}
INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "float32", "float64", "complex64", "complex128")


@dataclass(frozen=True)
class Expected:
    """Hold what a reader should find at one path of the archive.

    Attributes
    ----------
    values : numpy.ndarray or None
        The values of the array, None if it is a group.
    attributes : mapping
        The attributes.
    dimension_names : sequence of str or None
        The names of the dimensions, None for one that has no name; empty if no dimension has a name.
    """

    values: npt.NDArray[np.generic] | None
    attributes: Mapping[str, object] = field(default_factory=dict)
    dimension_names: Sequence[str | None] = ()


def write_core_archive(path: Path) -> dict[str, Expected]:
    """Write the archive into a new folder, and return what it holds.

    Zarr-Python writes what it can. What it cannot write, raw bits and the rarer spellings of metadata, is written
    byte by byte, as the specification has it.

    Parameters
    ----------
    path : pathlib.Path
        The folder of the root group.

    Returns
    -------
    dict of str to Expected
        For each array or group, by its path below the root, what is in it: first those of `CORE`, then `BEYOND`.

    Raises
    ------
    FileExistsError
        When there is something at `path` already.

    Notes
    -----
    The core is that of version 3.1 of the specification: fifteen data types (``r24`` stands for all raw bits), six
    codecs, one chunk grid, two chunk key encodings, no storage transformer. Of Blosc's compressors ``snappy`` is left
    out, which few builds of Blosc have, Zarr-Python's among the others. ``zstd`` and ``string``, which Zarr-Python
    uses freely, are registered extensions, and consolidated metadata is in no specification yet.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     archive = write_core_archive(pathlib.Path(folder, "core.zarr"))
    >>> archive["dtypes/int8"].values[0, :4]
    array([-128,  127,    0,   -1], dtype=int8)
    """
    path.mkdir(parents=True)
    nodes = {**CORE, **BEYOND}
    for group in dict.fromkeys(["", *(name.partition("/")[0] for name in nodes)]):
        zarr.create_group(path / group)
    archive = {}
    for name, write in nodes.items():
        values, document = write(path / name), json.loads((path / name / "zarr.json").read_text())
        archive[name] = Expected(values, document.get("attributes", {}), document.get("dimension_names", ()))
    return archive


def _group(path: Path) -> None:
    zarr.create_group(path, attributes=ATTRIBUTES)


def _consolidated(path: Path) -> None:
    _group(path)
    zarr.create_group(path / "member")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZarrUserWarning)  # which says that it is in no specification yet
        zarr.consolidate_metadata(path)


def _strings(path: Path) -> Values:
    values: Values = np.array([["a", "é", ""], ["日本", "🐟", "two words"]], "T")
    zarr.create_array(path, shape=values.shape, dtype=str, chunks=(1, 2), compressors=None)[...] = values
    return values


def _blosc(cname: str, shuffle: str) -> Write:
    codec = BloscCodec(cname=cname, shuffle=shuffle, clevel=5, typesize=4, blocksize=0)  # type: ignore[arg-type]
    return array(compressors=codec)


def _sharded(codecs: tuple[Codec, ...], *, index_location: Literal["start", "end"] = "end") -> Write:
    shards = ShardingCodec(chunk_shape=CHUNKS, codecs=codecs, index_location=index_location)
    return array(chunks=(4, 6), serializer=shards)


# Left to itself Zarr-Python compresses chunks in shards with zstd, which is not in the core.
_PLAIN = (BytesCodec(),)
_CHAIN = (TransposeCodec(order=(1, 0)), BytesCodec(endian="big"), GzipCodec(), Crc32cCodec())

#: What the core names: for each path of the archive how its array or group is written.
CORE: dict[str, WriteNode] = {
    **{f"dtypes/{dtype}": array(dtype) for dtype in (*INTEGERS, *FLOATS)},
    "dtypes/r24": raw_bits,
    "codecs/bytes-little": array(serializer=BytesCodec(endian="little")),
    "codecs/bytes-big": array(serializer=BytesCodec(endian="big")),
    "codecs/transpose": array(filters=TransposeCodec(order=(1, 0))),
    "codecs/gzip": array(compressors=GzipCodec(level=6)),
    "codecs/blosc-lz4": _blosc("lz4", "shuffle"),
    "codecs/blosc-lz4hc": _blosc("lz4hc", "noshuffle"),
    "codecs/blosc-blosclz": _blosc("blosclz", "shuffle"),
    "codecs/blosc-zlib": _blosc("zlib", "shuffle"),
    "codecs/blosc-zstd": _blosc("zstd", "bitshuffle"),
    "codecs/crc32c": array(compressors=Crc32cCodec()),
    "codecs/sharding-end": _sharded(_PLAIN),
    "codecs/sharding-start": _sharded(_PLAIN, index_location="start"),
    "codecs/sharding-chain": _sharded(_CHAIN),
    "keys/default-slash": array(chunk_key_encoding={"name": "default", "separator": "/"}),
    "keys/default-dot": array(chunk_key_encoding={"name": "default", "separator": "."}),
    "keys/v2-slash": array(chunk_key_encoding={"name": "v2", "separator": "/"}),
    "keys/v2-dot": array(chunk_key_encoding={"name": "v2", "separator": "."}),
    "fills/bool": partly("bool", True),
    "fills/int64": partly("int64", -(2**63) + 1),
    "fills/uint64": partly("uint64", 2**64 - 1),
    "fills/number": partly("float32", 0.1),
    "fills/minus-zero": partly("float64", -0.0),
    "fills/nan": partly("float32", np.nan),
    "fills/infinity": partly("float64", np.inf),
    "fills/minus-infinity": partly("float64", -np.inf),
    "fills/hex": amended(partly("float32", np.array(0x7FC00001, "u4").view("f4")), fill_value="0x7fc00001"),
    "fills/complex": partly("complex64", complex(-np.inf, 0.5)),
    "fills/r24": partly_raw_bits,
    "shapes/no-dimension": array(shape=(), chunks=()),
    "shapes/one-dimension": array(shape=(7,), chunks=(3,)),
    "shapes/three-dimensions": array(shape=(3, 5, 7), chunks=(2, 2, 3)),
    "shapes/five-dimensions": array(shape=(2, 3, 2, 3, 2), chunks=(1, 2, 2, 2, 1)),
    "shapes/no-elements": array(shape=(0, 7)),
    "shapes/chunk-beyond-array": array(chunks=(10, 10)),
    "shapes/no-chunks": missing,
    "metadata/attributes": array(attributes=ATTRIBUTES),
    "metadata/dimension-names": array(dimension_names=("time", None)),
    "metadata/group": _group,
    "metadata/short-name-codec": amended(array("uint8"), codecs=["bytes"]),
    "metadata/short-name-keys": amended(array(), chunk_key_encoding="default"),
    "metadata/ignorable-key": amended(array(), hint={"name": "example.hint", "must_understand": False}),
}

#: What stands outside the core: two registered extensions, and consolidated metadata.
BEYOND: dict[str, WriteNode] = {
    "beyond/zstd": array(compressors=ZstdCodec(level=3)),
    "beyond/string": _strings,
    "beyond/consolidated": _consolidated,
}


_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
_GRID = {"name": "example.spiral", "configuration": {"chunk_shape": [2, 3]}}

#: For each point where the format can be extended, what stands there in ``zarr.json``.
UNKNOWN: dict[str, dict[str, object]] = {
    "data type": {"data_type": "example.colour"},
    "chunk grid": {"chunk_grid": _GRID},
    "chunk key encoding": {"chunk_key_encoding": {"name": "example.hashed"}},
    "codec": {"codecs": [_BYTES, {"name": "example.rot13"}]},
    "storage transformer": {"storage_transformers": [{"name": "example.mirror"}]},
    "unknown key": {"example.note": {"name": "example.note"}},
}


def write_unknown_extensions(path: Path) -> list[str]:
    """Write one array for each entry of `UNKNOWN` into a new folder, and return their paths in it.

    Parameters
    ----------
    path : pathlib.Path
        The folder.

    Returns
    -------
    list of str
        The names of `UNKNOWN`.

    Raises
    ------
    FileExistsError
        When there is something at `path` already.

    Notes
    -----
    "An implementation MUST fail to open Zarr groups or arrays if any metadata fields are present which (a) the
    implementation does not recognize and (b) are not explicitly set to ``"must_understand": false``", says version
    3.1 of the specification, under "Extension definition". The chunks are those of an ordinary array: a reader that
    does not refuse finds numbers, and cannot know what they mean.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_unknown_extensions(pathlib.Path(folder, "unknown.zarr"))[-1]
    'unknown key'
    """
    path.mkdir(parents=True)
    for name, changes in UNKNOWN.items():
        zarr.create_array(path / name, data=np.arange(6, dtype="int32").reshape(2, 3), chunks=(2, 3), compressors=None)
        amend(path / name, changes)
    return list(UNKNOWN)
