"""Writes arrays that extend Zarr v3 in ways no reader can know: the specification has each of them refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import zarr

from helpers.array_pieces import amend

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["UNKNOWN", "write_unknown_extensions"]

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
