"""Tests of helpers.parallel: real processes that write one HDF5 file at once, with its lock and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr

from helpers.parallel import Writers, create_hdf5, read_hdf5, write_hdf5_regions, writer_processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BANDS = [slice(0, 4), slice(4, 8), slice(8, 12)]
WANTED = np.repeat([1, 2, 3], 4)[:, None]
TIMES = 5


@pytest.fixture(scope="module")
def writers() -> Iterator[Writers]:
    """Give three processes that wait for something to write."""
    with writer_processes(3) as writers:
        yield writers


def new(folder: Path, number: int = 0) -> Path:
    """Return a new file of three chunks."""
    path = folder / f"{number}.h5"
    create_hdf5(path, shape=(12, 8), chunks=(4, 8))
    return path


def test_the_lock_lets_in_one(tmp_path: Path, writers: Writers) -> None:
    """One of three writes its rows, the others write nothing, in every run."""
    for number in range(TIMES):
        path = new(tmp_path, number)
        assert write_hdf5_regions(writers, path, BANDS) == {"wrote": 1, "refused": 2}
        stored = read_hdf5(path)
        (winner,) = set(np.unique(stored)) - {0}
        assert np.array_equal(stored, np.where(winner == WANTED, WANTED, 0) * np.ones(8))


def test_without_the_lock_all_write_and_only_the_last_stays(tmp_path: Path, writers: Writers) -> None:
    """No error, and two thirds of the rows are lost, in every run."""
    for number in range(TIMES):
        path = new(tmp_path, number)
        assert write_hdf5_regions(writers, path, BANDS, locking=False) == {"wrote": 3, "refused": 0}
        assert read_hdf5(path)[:, 0].tolist() == [0] * 8 + [3] * 4


def test_the_environment_does_not_switch_the_lock_off(
    tmp_path: Path, writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some systems set it; the lesson is the same there."""
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    with writer_processes(2) as two:
        assert write_hdf5_regions(two, new(tmp_path), [slice(0, 4), slice(4, 8)])["refused"] == 1
    assert len(writers.pids) == 3


def test_the_same_in_zarr_loses_nothing(tmp_path: Path, writers: Writers) -> None:
    """The same processes, chunks and rows, compressed, without a lock."""
    for number in range(TIMES):
        z = zarr.create_array(tmp_path / f"{number}.zarr", shape=(12, 8), chunks=(4, 8), dtype="u1")
        writers.write(z, BANDS)
        assert (np.asarray(z[:]) == WANTED).all()


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    """It is not overwritten."""
    path = new(tmp_path)
    with pytest.raises(FileExistsError):
        create_hdf5(path, shape=(1,), chunks=(1,))
    assert read_hdf5(path).shape == (12, 8)


def test_each_process_needs_a_region(tmp_path: Path, writers: Writers) -> None:
    """Two regions for three processes are refused."""
    with pytest.raises(ValueError, match="2 regions for 3 processes"):
        write_hdf5_regions(writers, new(tmp_path), BANDS[:2])


def test_nothing_is_left_behind(tmp_path: Path, writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder in which the processes meet goes."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    write_hdf5_regions(writers, new(tmp_path), BANDS)
    assert list(place.iterdir()) == []
