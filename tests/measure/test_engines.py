"""Tests of helpers.measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr

from helpers.measure import ENGINES, write_hdf5

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", ["u1", "<i4", "<f8"])
def test_engine_reads_what_was_written(name: str, dtype: str, tmp_path: Path) -> None:
    """Each engine gives the values of a part, a line and the whole, edge chunks included."""
    data = np.arange(1, 71).reshape(7, 10).astype(dtype)
    zarr.create_array(tmp_path / "grid.zarr", data=data, chunks=(3, 4), compressors=None)
    write_hdf5(tmp_path / "grid.h5", data, chunks=(3, 4))
    with ENGINES[name](tmp_path / "grid.zarr") as read:
        for selection in (np.s_[2:5, 3:9], np.s_[:, 9], np.s_[...]):
            assert np.array_equal(read(selection), data[selection])


def test_an_hdf5_file_is_not_overwritten(tmp_path: Path) -> None:
    """What lies there stays there."""
    write_hdf5(tmp_path / "a.h5", np.arange(3), chunks=(3,))
    with pytest.raises(FileExistsError):
        write_hdf5(tmp_path / "a.h5", np.arange(4), chunks=(4,))
