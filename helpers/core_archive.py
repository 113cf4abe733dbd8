"""Writes one archive with every data type, codec and feature that the core of the Zarr v3 specification names."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec
from zarr.errors import ZarrUserWarning

from helpers.array_pieces import CHUNKS, amended, array, missing, partly, raw_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from zarr.core.common import JSON

    from helpers.array_pieces import Write

    type WriteNode = Callable[[Path], npt.NDArray[np.generic] | None]

__all__ = ["BEYOND", "CORE", "Expected", "write_core_archive"]

# Every kind of JSON value.
ATTRIBUTES: dict[str, JSON] = {
    "text": "19 °C",
    "whole": 3,
    "real": 0.1,
    "yes": True,
    "none": None,
    "list": [1, [2]],
    "map": {"a": 1},
}
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
    return {name: _written(path / name, write) for name, write in nodes.items()}


def _written(path: Path, write: WriteNode) -> Expected:
    values = write(path)
    document = json.loads((path / "zarr.json").read_text())
    return Expected(values, document.get("attributes", {}), document.get("dimension_names", ()))


def _group(path: Path) -> None:
    zarr.create_group(path, attributes=ATTRIBUTES)


def _consolidated(path: Path) -> None:
    _group(path)
    zarr.create_group(path / "member")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZarrUserWarning)  # which says that it is in no specification yet
        zarr.consolidate_metadata(path)


def _strings(path: Path) -> npt.NDArray[np.generic]:
    values: npt.NDArray[np.generic] = np.array([["a", "é", ""], ["日本", "🐟", "two words"]], "T")
    z = zarr.create_array(path, shape=values.shape, dtype=str, chunks=(1, 2), compressors=None)
    z[...] = values
    return values


def _blosc(
    cname: Literal["lz4", "lz4hc", "blosclz", "zlib", "zstd"], shuffle: Literal["noshuffle", "shuffle", "bitshuffle"]
) -> Write:
    return array(compressors=BloscCodec(cname=cname, shuffle=shuffle, clevel=5, typesize=4, blocksize=0))


def _sharded(shards: ShardingCodec) -> Write:
    return array(chunks=(4, 6), serializer=shards)


# Left to itself Zarr-Python compresses chunks in shards with zstd, which is not in the core.
_PLAIN = (BytesCodec(),)
_CHAIN = (TransposeCodec(order=(1, 0)), BytesCodec(endian="big"), GzipCodec(), Crc32cCodec())

#: What the core names: for each path of the archive how its array or group is written.
CORE: dict[str, WriteNode] = {
    **{f"dtypes/{dtype}": array(dtype) for dtype in (*INTEGERS, *FLOATS)},
    "dtypes/r24": raw_bits(9),
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
    "codecs/sharding-end": _sharded(ShardingCodec(chunk_shape=CHUNKS, codecs=_PLAIN)),
    "codecs/sharding-start": _sharded(ShardingCodec(chunk_shape=CHUNKS, codecs=_PLAIN, index_location="start")),
    "codecs/sharding-chain": _sharded(ShardingCodec(chunk_shape=CHUNKS, codecs=_CHAIN)),
    "keys/default-slash": array(keys={"name": "default", "separator": "/"}),
    "keys/default-dot": array(keys={"name": "default", "separator": "."}),
    "keys/v2-slash": array(keys={"name": "v2", "separator": "/"}),
    "keys/v2-dot": array(keys={"name": "v2", "separator": "."}),
    "fills/bool": partly("bool", True),
    "fills/int64": partly("int64", -(2**63) + 1),
    "fills/uint64": partly("uint64", 2**64 - 1),
    "fills/number": partly("float32", 0.1),
    "fills/minus-zero": partly("float64", -0.0),
    "fills/nan": partly("float32", np.nan),
    "fills/infinity": partly("float64", np.inf),
    "fills/minus-infinity": partly("float64", -np.inf),
    "fills/hex": partly("float32", np.array(0x7FC00001, "u4").view("f4"), "0x7fc00001"),
    "fills/complex": partly("complex64", complex(-np.inf, 0.5)),
    "fills/r24": raw_bits(1),
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
