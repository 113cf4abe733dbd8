"""Writes small arrays in every way that Zarr v3 allows, and says what values they hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import numpy as np
import zarr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from zarr.abc.codec import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec
    from zarr.core.chunk_key_encodings import ChunkKeyEncodingParams
    from zarr.core.common import JSON

    type Values = npt.NDArray[np.generic]
    type Write = Callable[[Path], Values]

__all__ = ["CHUNKS", "SHAPE", "amend", "amended", "array", "missing", "partly", "raw_bits", "sample"]

#: The shape of most arrays, and of their chunks: the last of each row and column reaches beyond the edge.
SHAPE, CHUNKS = (5, 7), (2, 3)
_STRANGE = (np.nan, -0.0, np.inf, -np.inf, 0.1)


def sample(dtype: str, shape: tuple[int, ...] = SHAPE) -> Values:
    """Return values of a data type, first the least, the most and the strangest, then random ones.

    Parameters
    ----------
    dtype : str
        The name of the data type, one of the core other than raw bits.
    shape : tuple of int
        The shape.

    Examples
    --------
    >>> sample("int8", (4,))
    array([-128,  127,    0,   -1], dtype=int8)
    >>> sample("float64", (4,))
    array([ nan,  -0.,  inf, -inf])
    """
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
    return _complex(values, dtype) if np.dtype(dtype).kind == "c" else values


def array(
    dtype: str = "int32",
    *,
    shape: tuple[int, ...] = SHAPE,
    chunks: tuple[int, ...] = CHUNKS,
    filters: ArrayArrayCodec | None = None,
    serializer: ArrayBytesCodec | Literal["auto"] = "auto",
    compressors: BytesBytesCodec | None = None,
    keys: ChunkKeyEncodingParams | None = None,
    attributes: dict[str, JSON] | None = None,
    dimension_names: Sequence[str | None] | None = None,
) -> Write:
    """Return a function that writes a whole array at a path, every chunk of it, and returns its values.

    Parameters
    ----------
    dtype : str
        The data type.
    shape, chunks : tuple of int
        Of the array, in elements.
    filters, serializer, compressors
        The codecs, as `zarr.create_array` takes them.
    keys : mapping, optional
        The chunk key encoding.
    attributes : dict, optional
        The attributes.
    dimension_names : sequence of str or None, optional
        The names of the dimensions.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     array("uint8", shape=(3,), chunks=(2,))(pathlib.Path(folder, "steps"))
    array([  0, 255,   0], dtype=uint8)
    """

    def write(path: Path) -> Values:
        values = sample(dtype, shape)
        z = zarr.create_array(
            path,
            shape=shape,
            dtype=dtype,
            chunks=chunks,
            filters=filters,
            serializer=serializer,
            compressors=compressors,
            chunk_key_encoding=keys,
            attributes=attributes,
            dimension_names=dimension_names,
            config={"write_empty_chunks": True},
        )
        z[...] = values
        return values

    return write


def partly(dtype: str, fill: object, spelling: str | None = None) -> Write:
    """Return a function that writes one chunk of an array; the others are missing, and read as the fill value.

    Parameters
    ----------
    dtype : str
        The data type.
    fill : object
        The fill value.
    spelling : str, optional
        How ``zarr.json`` spells it, if Zarr-Python spells it otherwise.
    """

    def write(path: Path) -> Values:
        fill_value = np.array(fill, dtype)[()]
        z = zarr.create_array(path, shape=SHAPE, dtype=dtype, chunks=CHUNKS, compressors=None, fill_value=fill_value)
        values = np.full(SHAPE, fill_value, dtype)
        z[:2, :3] = values[:2, :3] = sample(dtype)[:2, :3]
        if spelling is not None:
            amend(path, {"fill_value": spelling})
        return values

    return write


def missing(path: Path) -> Values:
    """Write an array without a single chunk."""
    zarr.create_array(path, shape=SHAPE, dtype="int32", chunks=CHUNKS, compressors=None, fill_value=-7)
    return np.full(SHAPE, -7, "int32")


def raw_bits(chunks_written: int) -> Write:
    """Return a function that writes elements of 24 bits byte by byte: Zarr-Python does not know the core's ``r24``.

    Parameters
    ----------
    chunks_written : int
        How many chunks, from the first; the others are missing.
    """

    def write(path: Path) -> Values:
        values = np.full(SHAPE, np.void(bytes([1, 2, 3])), "V3")
        array("uint8")(path)
        amend(path, {"data_type": "r24", "fill_value": [1, 2, 3], "codecs": [{"name": "bytes"}]})
        corners = [(i, j) for i in range(0, SHAPE[0], CHUNKS[0]) for j in range(0, SHAPE[1], CHUNKS[1])]
        for number, (i, j) in enumerate(corners):
            key = path / "c" / str(i // CHUNKS[0]) / str(j // CHUNKS[1])
            if number >= chunks_written:
                key.unlink()
                continue
            block = np.frombuffer(np.random.default_rng(number).bytes(3 * CHUNKS[0] * CHUNKS[1]), "V3").reshape(CHUNKS)
            key.write_bytes(block.tobytes())
            part = values[i : i + CHUNKS[0], j : j + CHUNKS[1]]
            part[...] = block[: part.shape[0], : part.shape[1]]
        return values

    return write


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


def _complex(parts: Values, dtype: str) -> Values:
    """Return complex numbers with real parts `parts`, and for imaginary parts the same the other way round."""
    pairs = np.empty(parts.shape, dtype)
    pairs.real, pairs.imag = parts, parts.ravel()[::-1].reshape(parts.shape)
    return pairs
