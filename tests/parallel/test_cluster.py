"""Tests of the Dask cluster: a scheduler and workers as real processes."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

import dask
import dask.array
import numpy as np
import pytest
import zarr
from distributed import Client, KilledWorker

from helpers.parallel import cluster as module
from helpers.parallel import dask_cluster
from helpers.parallel.cluster import VARIABLE
from tests.processes import runs, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

da: Any = dask.array  # typed in part
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the guard is a shell, which Windows lacks")


@pytest.fixture(autouse=True)
def nobody_elses_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without an address, whatever the environment of the tests."""
    monkeypatch.delenv(VARIABLE, raising=False)
    with dask.config.set({"scheduler-address": None}):
        yield


def connect() -> Any:
    """Return a client of the cluster that the environment names."""
    return Client()  # type: ignore[no-untyped-call]


def test_the_result_is_right_although_a_worker_was_killed(tmp_path: Path) -> None:
    """Two workers convert 24 chunks in files; one is killed on the way, and nothing is missing."""

    def slowly_down(block: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
        time.sleep(0.05)
        return block - 273

    data = np.arange(24 * 8).reshape(24, 8)
    kelvin = zarr.create_array(tmp_path / "kelvin", data=data, chunks=(1, 8))
    work = da.from_zarr(kelvin).map_blocks(slowly_down, dtype=data.dtype, meta=data[:0])
    with dask_cluster(workers=2) as cluster, connect() as client:
        pids = set(client.run(os.getpid).values())
        conversion = client.compute(da.to_zarr(work, tmp_path / "celsius", compute=False))
        wait_for(lambda: len(list(tmp_path.glob("celsius/c/*/0"))) >= 4, within_s=60)
        assert cluster.kill_worker()
        assert len(list(tmp_path.glob("celsius/c/*/0"))) < 24
        conversion.result(timeout=60)
        left = set(client.run(os.getpid).values())
    assert np.array_equal(zarr.open_array(tmp_path / "celsius")[:], data - 273)
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert len(left) == 1
    wait_for(lambda: not any(runs(pid) for pid in pids))


@pytest.mark.skipif("PARALLEL_RACES" not in os.environ, reason="`make test-long` kills four workers")
def test_a_task_is_given_up_at_the_fourth_death_of_its_worker() -> None:
    """Three are allowed unless the configuration says otherwise."""
    with dask_cluster(workers=5), connect() as client:
        deadly = client.submit(lambda: os.kill(os.getpid(), 9))
        with pytest.raises(KilledWorker, match="on 4 different workers"):
            deadly.result(timeout=60)
        assert len(client.nthreads()) == 1


def test_a_cluster_that_runs_already_is_used_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inner block finds the outer one's by its address, kills nobody, and ends nothing.

    All are killed and clean nothing up: what they leave lies in folders that go with them.
    """
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with dask_cluster(workers=1) as outer:
        assert os.environ[VARIABLE] == outer.address
        assert [command.split()[:2] for command in outer.commands] == [["dask", "scheduler"], ["dask", "worker"]]
        with dask_cluster() as inner, connect() as client:
            assert (inner.address, inner.commands) == (outer.address, ())
            assert not inner.kill_worker()
            assert client.submit(sum, [1, 2]).result() == 3
        with connect() as client:
            assert client.submit(sum, [3, 4]).result() == 7
        assert list(tmp_path.glob("zarr-notebooks-*/dask-scratch-space"))
        assert not (tmp_path / "dask-scratch-space").exists()
        assert outer.kill_worker()
        assert not outer.kill_worker()
    assert VARIABLE not in os.environ
    assert dask.config.get("scheduler-address") is None
    assert not list(tmp_path.iterdir())


def test_a_scheduler_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last words are in the error."""
    monkeypatch.setattr(module, "HOST", "no.such.host.invalid")
    with pytest.raises(RuntimeError, match=r"(?s)did not get ready .* It says:\n.*gaierror"), dask_cluster():
        pass
