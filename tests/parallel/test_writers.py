"""Tests of writers: real processes, one array, aligned and not; one HDF5 file, with its lock and without."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
import zarr
from zarr.storage import LocalStore

from helpers.parallel import BarrierStore, create_hdf5, read_hdf5, write_hdf5_regions, writer_processes
from tests.processes import runs, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.parallel.writers import Writers

#: How many races a test runs: 50 for `make test-long`.
RACES = int(os.environ.get("PARALLEL_RACES", "3"))
ROOT = Path(__file__).parents[2]
BANDS = [slice(0, 12), slice(12, 24), slice(24, 36), slice(36, 48)]
WANTED = np.repeat([1, 2, 3, 4], 12)[:, None]
PARENT = """
import time
from helpers.parallel import writer_processes

if __name__ == "__main__":
    with writer_processes(1) as writers:
        print(*writers.pids, flush=True)
        time.sleep(120)
"""


@pytest.fixture(scope="module")
def writers() -> Iterator[Writers]:
    """Give four processes that wait for something to write, with HDF5's locks off, as some systems have them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
        with writer_processes(4) as writers:
            yield writers


def lost(
    writers: Writers, place: Path, *, chunks: tuple[int, int], timeout_s: float | None = 20, lock: bool = False
) -> int:
    """Race on a store that makes readers meet, or on plain files, and return how many cells are not as written."""
    store = LocalStore(place / "z")
    barrier = store if timeout_s is None else BarrierStore(store, place / "marks", timeout_s=timeout_s)
    z = zarr.create_array(barrier, shape=(48, 48), chunks=chunks, dtype="u1")
    writers.write(z, BANDS, lock=lock)
    return int(np.sum(np.asarray(zarr.open_array(store, mode="r")[:]) != WANTED))


def test_unaligned_writers_lose_updates_in_every_race(writers: Writers, tmp_path: Path) -> None:
    """Half of each chunk that is shared is lost, never more or less."""
    found = [lost(writers, tmp_path / str(n), chunks=(8, 8)) for n in range(RACES)]
    assert found == [384] * RACES


def test_aligned_writers_lose_nothing_in_any_race(writers: Writers, tmp_path: Path) -> None:
    """The first mend, on the same unlucky store: nobody reads, nobody meets, no lock."""
    assert [lost(writers, tmp_path / str(n), chunks=(12, 8)) for n in range(RACES)] == [0] * RACES


def test_locked_writers_lose_nothing_in_any_race(writers: Writers, tmp_path: Path) -> None:
    """The second mend, on the same unlucky store: whoever reads next reads what was written."""
    races = [lost(writers, tmp_path / str(n), chunks=(8, 8), timeout_s=0.02, lock=True) for n in range(RACES)]
    assert races == [0] * RACES


def test_the_lower_number_loses_what_it_wrote_around_each_border(writers: Writers, tmp_path: Path) -> None:
    """The first exercise of lesson 08: 5, 10 and 15 cells."""
    z = zarr.create_array(
        BarrierStore(LocalStore(tmp_path / "z"), tmp_path / "marks"), shape=100, chunks=20, dtype="u1"
    )
    writers.write(z, [slice(n, n + 25) for n in range(0, 100, 25)])
    stored = np.asarray(zarr.open_array(tmp_path / "z", mode="r")[:])
    assert np.flatnonzero(stored == 0).tolist() == [*range(20, 25), *range(40, 50), *range(60, 75)]


def test_both_mends_hold_on_plain_files(writers: Writers, tmp_path: Path) -> None:
    """Without a store that arranges anything, too."""
    for n in range(RACES):
        assert lost(writers, tmp_path / f"aligned{n}", chunks=(12, 8), timeout_s=None) == 0
        assert lost(writers, tmp_path / f"locked{n}", chunks=(8, 8), timeout_s=None, lock=True) == 0


def test_they_are_processes_of_their_own(writers: Writers) -> None:
    """Four, and none is this one."""
    assert len({os.getpid(), *writers.pids}) == 5
    assert repr(writers) == "<Writers: 4 processes>"


def test_each_process_needs_a_region(writers: Writers, tmp_path: Path) -> None:
    """Nothing is written when there are too few."""
    z = zarr.create_array(tmp_path, shape=4, chunks=1, dtype="u1")
    with pytest.raises(ValueError, match="1 regions for 4 processes: give each process one"):
        writers.write(z, [slice(0, 4)])
    assert not np.any(z[:])


def test_a_write_that_fails_is_told(writers: Writers, tmp_path: Path) -> None:
    """Each process goes on, and the next write succeeds."""
    z = zarr.create_array(tmp_path, shape=4, chunks=1, dtype="u1")
    readonly = zarr.open_array(tmp_path, mode="r")
    parts = [slice(n, n + 1) for n in range(4)]
    with pytest.raises(RuntimeError, match=r"4 of 4 processes failed to write\. The first one says: ValueError: "):
        writers.write(readonly, parts)
    writers.write(z, parts)
    assert np.array_equal(z[:], [1, 2, 3, 4])


def test_a_process_that_died_is_told(tmp_path: Path) -> None:
    """Nobody waits for it."""
    z = zarr.create_array(tmp_path, shape=2, chunks=1, dtype="u1")
    with writer_processes(1) as writers:
        psutil.Process(writers.pids[0]).kill()
        wait_for(lambda: not runs(writers.pids[0]))
        with pytest.raises(RuntimeError, match=r"1 of 1 processes failed to write\. .*: it has ended"):
            writers.write(z, [slice(0, 2)])


def test_processes_end_with_a_parent_that_is_killed() -> None:
    """Nobody is left to end them, so they end themselves."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 1
        assert all(runs(pid) for pid in pids)
    finally:
        parent.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        parent.communicate()
    wait_for(lambda: not any(runs(pid) for pid in pids))


def new_hdf5(folder: Path, number: int = 0) -> Path:
    """Return a new file of four chunks."""
    path = folder / f"{number}.h5"
    create_hdf5(path, shape=(48, 8), chunks=(12, 8))
    return path


def test_the_lock_lets_in_one(tmp_path: Path, writers: Writers) -> None:
    """One of four writes its rows, the others nothing, in every run, whatever the environment says of locks."""
    for number in range(RACES):
        path = new_hdf5(tmp_path, number)
        assert write_hdf5_regions(writers, path, BANDS) == {"wrote": 1, "refused": 3}
        stored = read_hdf5(path)
        (winner,) = set(np.unique(stored)) - {0}
        assert np.array_equal(stored, np.where(winner == WANTED, WANTED, 0) * np.ones(8))


def test_without_the_lock_all_write_and_only_the_last_stays(tmp_path: Path, writers: Writers) -> None:
    """No error, and three quarters of the rows are lost, in every run."""
    for number in range(RACES):
        path = new_hdf5(tmp_path, number)
        assert write_hdf5_regions(writers, path, BANDS, locking=False) == {"wrote": 4, "refused": 0}
        assert read_hdf5(path)[:, 0].tolist() == [0] * 36 + [4] * 12


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    """It is not overwritten."""
    path = new_hdf5(tmp_path)
    with pytest.raises(FileExistsError):
        create_hdf5(path, shape=(1,), chunks=(1,))
    assert read_hdf5(path).shape == (48, 8)
