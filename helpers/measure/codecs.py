"""Compares codecs on one chunk of data: what they save, cost and change; and flips a bit of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np
import pandas as pd
import zarr
from tqdm import tqdm
from zarr.core.sync import sync
from zarr.storage import MemoryStore

from helpers.measure.layouts import seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from zarr.abc.codec import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec

__all__ = ["Coding", "compare_codecs", "flip_bit"]


class Coding(TypedDict, total=False):
    """Name the codecs of an array as `zarr.create_array` takes them; what is left out is Zarr's default."""

    filters: Sequence[ArrayArrayCodec] | None
    serializer: ArrayBytesCodec
    compressors: Sequence[BytesBytesCodec] | BytesBytesCodec | None


def compare_codecs(data: npt.NDArray[np.generic], codings: Mapping[str, Coding], *, repeats: int = 3) -> pd.DataFrame:
    """Write `data` as a single chunk in memory once for each coding, read it back, and say what that took.

    Parameters
    ----------
    data : numpy.ndarray
        Numbers or booleans, of any shape and at least one element.
    codings : mapping of str to mapping
        For each name the ``filters``, ``serializer`` and ``compressors`` that differ from Zarr's defaults.
    repeats : int, default 3
        How often each write and each read is timed.

    Returns
    -------
    pandas.DataFrame
        One row for each coding, with columns ``nbytes`` (stored), ``ratio`` (bytes of `data` for each byte stored),
        ``write_MBps`` and ``read_MBps`` (10⁶ bytes of `data` a second, in the fastest turn), and ``max_error`` (the
        largest difference between what was given and what is read; 0 where nothing is lost).

    Raises
    ------
    ValueError
        When `repeats` is less than 1, or zarr refuses a coding.

    Notes
    -----
    Speeds are those of Zarr with that codec, for one chunk at a time: zarr's own work is in them, a store is not. The
    fastest turn is the one that the rest of the machine disturbed least.
    Sizes are the same on every machine with the same versions of the codecs.

    Examples
    --------
    >>> from zarr.codecs import GzipCodec
    >>> days = np.tile(np.arange(100, dtype="int32"), 50)
    >>> table = compare_codecs(days, {"none": {"compressors": None}, "gzip": {"compressors": GzipCodec()}})
    >>> table["nbytes"].loc["none"], table["ratio"].loc["gzip"] > 30, table["max_error"].tolist()
    (np.int64(20000), np.True_, [0.0, 0.0])
    """
    rows = {name: _row(data, coding, repeats) for name, coding in tqdm(codings.items(), desc="codecs", leave=False)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("codec")


def _row(data: npt.NDArray[np.generic], coding: Coding, repeats: int) -> dict[str, float]:
    array = zarr.create_array(
        MemoryStore(),
        shape=data.shape,
        dtype=data.dtype,
        chunks=data.shape,
        # A chunk of nothing but the fill value would not be stored, and so have no size.
        config={"write_empty_chunks": True},
        **coding,
    )
    write_s = min(seconds_of(array.__setitem__, ..., data) for _ in range(repeats))
    read_s = min(seconds_of(array.__getitem__, ...) for _ in range(repeats))
    nbytes = sync(array.store.getsize_prefix("c"))
    return {
        "nbytes": nbytes,
        "ratio": data.nbytes / nbytes,
        "write_MBps": data.nbytes / write_s / 1e6,
        "read_MBps": data.nbytes / read_s / 1e6,
        "max_error": _max_error(data, np.asarray(array[...])),
    }


def _max_error(given: npt.NDArray[np.generic], read: npt.NDArray[np.generic]) -> float:
    """Return the largest difference; NaN in the same places is no difference, and elsewhere an infinite one."""
    before, after = given.astype("float64"), read.astype("float64")
    if (np.isnan(before) != np.isnan(after)).any():
        return float("inf")
    return float(np.nanmax(np.abs(before - after), initial=0.0))


def flip_bit(file: Path, bit: int) -> None:
    """Change one bit of a file; a second time changes it back. Bit 8 is the lowest of the second byte.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "chunk")
    ...     _ = file.write_bytes(bytes([0, 0]))
    ...     flip_bit(file, 9)
    ...     list(file.read_bytes())
    [0, 2]
    """
    value = bytearray(file.read_bytes())
    value[bit // 8] ^= 1 << bit % 8
    file.write_bytes(value)
