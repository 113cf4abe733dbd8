"""Tests of helpers.append: what is counted is what the wire saw."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from helpers.append import compare_appends
from helpers.servers import s3_server

STEPS, CHUNKS = 4, {"time": 4, "lat": 20}


def pieces(count: int) -> list[xr.Dataset]:
    """Return pieces of a chunk's steps, of values that do not shrink."""
    rng = np.random.default_rng(7)
    time = np.datetime64("2020-01-01", "ns") + np.arange(count * STEPS) * np.timedelta64(3, "h")
    rain = rng.random((count * STEPS, 40, 50), np.float32)
    ds = xr.Dataset(
        {"rain": (("time", "lat", "lon"), rain)}, {"time": time, "lat": np.arange(40), "lon": np.arange(50)}
    )
    return [ds.isel(time=slice(number * STEPS, (number + 1) * STEPS)) for number in range(count)]


def test_ways_to_append_are_compared() -> None:
    """Each writes the chunks and a constant number of documents, however long the archive is."""
    with s3_server() as server:
        server.create_bucket("archive")
        table = compare_appends(server, "s3://archive/short", pieces(2), chunks=CHUNKS)
        longer = compare_appends(server, "s3://archive/long", pieces(3), chunks=CHUNKS)
        assert server.requests == {}
    assert list(table.index) == ["append", "append_commit", "to_zarr"]
    chunks = 2
    assert ((table.writes > chunks) & (table.writes <= chunks + 8)).all()
    assert (longer.writes == table.writes).all()
    assert (longer.reads == table.reads).all()
    incompressible = STEPS * 40 * 50 * 4
    assert ((table.written > 0.8 * incompressible) & (table.written < incompressible + 20_000)).all()
    assert (table.reads_of_a_step >= chunks).all()
    # The first piece fixed the chunks of time: with xarray alone, a reader fetches one more for each piece.
    assert (longer.reads_to_open - table.reads_to_open).to_dict() == {"append": 0, "append_commit": 0, "to_zarr": 1}


def test_one_piece_is_not_enough() -> None:
    """The first one begins the archive: nothing is appended."""
    with s3_server() as server, pytest.raises(ValueError, match="pieces has 1"):
        compare_appends(server, "s3://archive", pieces(1), chunks=CHUNKS)
