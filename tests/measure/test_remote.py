"""Tests of helpers.measure.remote: what was planned is what the server counts, and about as long as it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from obstore.store import S3Store
from zarr.storage import ObjectStore

from helpers.measure import compare_with_plan
from helpers.servers import S3Server, s3_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from helpers.cost import Selection

CUBE = np.arange(100 * 12 * 20, dtype="f4").reshape(100, 12, 20)
LAYOUTS: dict[str, dict[str, Any]] = {
    "days": {"chunks": (1, 12, 20)},
    "block": {"chunks": (100, 12, 20)},
    "shard": {"chunks": (10, 4, 5), "shards": (50, 12, 20)},
}
LATENCY_S, BANDWIDTH_BPS = 0.1, 50e6


@pytest.fixture(scope="module")
def near() -> Iterator[S3Server]:
    """Run a server at hand, with one array in each layout."""
    with s3_server() as server:
        server.create_bucket("archive")
        arrays_of(server, "w")
        yield server


@pytest.fixture(scope="module")
def far(near: S3Server) -> Iterator[S3Server]:  # noqa: ARG001
    """Run a server 100 ms away, with one array in each layout."""
    with s3_server(latency_s=LATENCY_S, bandwidth_Bps=BANDWIDTH_BPS) as server:
        server.create_bucket("archive")
        with zarr.config.set({"async.concurrency": 100}):
            arrays_of(server, "w")
        yield server


def arrays_of(server: S3Server, mode: str = "r") -> dict[str, zarr.Array[Any]]:
    """Write the cube to a server in each layout, or open it there."""
    arrays = {}
    for name, layout in LAYOUTS.items():
        store = ObjectStore(S3Store("archive", prefix=name, endpoint=server.endpoint))
        if mode == "w":
            arrays[name] = zarr.create_array(store, data=CUBE, compressors=None, **layout)
        else:
            arrays[name] = zarr.open_array(store, mode="r", zarr_format=3)
    return arrays


def counts_as_planned(table: pd.DataFrame) -> bool:
    """Return whether requests and bytes are those of the plan, exactly."""
    return all((table[what]["planned"] == table[what]["counted"]).all() for what in ("requests", "bytes"))


@pytest.mark.parametrize("under_way", [1, 10, 100])
@pytest.mark.parametrize(
    "selection",
    [np.s_[:], np.s_[:, 5, 7], np.s_[3], np.s_[40:60, 2:9, ::3], np.s_[::7, 0, -1]],
    ids=["all", "line", "plane", "box", "steps"],
)
def test_requests_and_bytes_are_those_of_the_plan(near: S3Server, selection: Selection, under_way: int) -> None:
    """For each layout, whatever is selected and however many requests are under way."""
    reads = [(name, under_way) for name in LAYOUTS]
    assert counts_as_planned(compare_with_plan(near, arrays_of(near), selection=selection, reads=reads, tries=1))


def test_seconds_are_about_those_of_the_plan(near: S3Server, far: S3Server) -> None:
    """Each read within a fifth, 100 ms away; a machine that is busy with other tests gets more chances."""
    line = np.s_[:, 5, 7]
    reads = [("days", 10), ("days", 100), ("block", 10), ("shard", 10)]
    off = dict.fromkeys(reads, np.inf)
    deadline = time.monotonic() + 60
    while max(off.values()) > 0.2 and time.monotonic() < deadline:
        at_hand = compare_with_plan(near, arrays_of(near), selection=line, reads=[("days", 100)], tries=3)
        table = compare_with_plan(
            far,
            arrays_of(far),
            selection=line,
            reads=[read for read in reads if off[read] > 0.2],
            latency_s=LATENCY_S,
            bandwidth_Bps=BANDWIDTH_BPS,
            at_hand_s=at_hand["seconds"]["measured"].min(),
        )
        assert counts_as_planned(table)
        for read, ratio in (table["seconds"]["measured"] / table["seconds"]["planned"]).items():
            off[read] = abs(ratio - 1)
    assert max(off.values()) <= 0.2, off


def test_one_after_the_other_is_planned_as_it_takes(far: S3Server) -> None:
    """Twenty of the chunks, one under way: two seconds, no less and a fifth more at most."""
    table = compare_with_plan(
        far,
        arrays_of(far),
        selection=np.s_[:20, 0, 0],
        reads=[("days", 1)],
        latency_s=LATENCY_S,
        bandwidth_Bps=BANDWIDTH_BPS,
        tries=5,
    )
    (ratio,) = table["seconds"]["measured"] / table["seconds"]["planned"]
    assert 1 <= ratio <= 1.2
