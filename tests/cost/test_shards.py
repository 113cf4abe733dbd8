"""Tests of helpers.cost.shards: what zarr asks of a shard. That it is all zarr asks, test_plans counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr
from zarr.abc.store import RangeByteRequest
from zarr.core._coalesce import coalesce_ranges

from helpers.cost.selections import parse_grid, parse_selection
from helpers.cost.shards import ShardReads, _Merging, _spans, read_shards


def reads(shape: Any, chunks: Any, shards: Any, selection: Any) -> ShardReads:
    """Count what reading bytes takes."""
    grid = parse_grid(shape, "u1", chunks=chunks, shards=shards)
    return read_shards(parse_selection(selection, grid.shape), grid)


def test_a_whole_shard_is_one_request() -> None:
    """Data and index together."""
    assert reads(100, 10, 100, ...) == ShardReads(requests=1, nbytes=100 + 16 * 10 + 4, round_trips=1)


def test_a_part_of_a_shard_is_its_index_and_then_ranges() -> None:
    """Near ranges are merged, with what lies between them."""
    assert reads(100, 10, 100, np.s_[::50]) == ShardReads(requests=2, nbytes=60 + 16 * 10 + 4, round_trips=2)


def test_far_ranges_are_requests_of_their_own() -> None:
    """With more than a MiB between them."""
    megabyte = 2**20
    far = reads(10 * megabyte, megabyte, 10 * megabyte, np.s_[:: 3 * megabyte])
    assert far == ShardReads(requests=5, nbytes=4 * megabyte + 16 * 10 + 4, round_trips=2)


def test_the_model_keeps_to_zarrs_settings() -> None:
    """As zarr.config has them when the array is read."""
    with zarr.config.set({"array.sharding_coalesce_max_gap_bytes": 0}):
        assert reads(100, 10, 100, np.s_[::50]).requests == 3


def test_a_shard_with_an_end_beyond_the_array_is_never_whole() -> None:
    """All that there is of it is read in two requests; this surprises."""
    assert reads(95, 10, 100, ...).requests == 1
    assert reads(89, 10, 100, ...).requests == 2


@pytest.mark.parametrize("seed", range(20))
def test_ranges_are_merged_as_zarr_merges_them(seed: int) -> None:
    """Against the function that zarr uses."""
    rng = np.random.default_rng(seed)
    nbytes, gap, longest = (int(number) for number in rng.integers([1, 0, 1], [50, 500, 3000]))
    ranks = np.flatnonzero(rng.random(200) < 0.2)
    ranges = [RangeByteRequest(rank * nbytes, (rank + 1) * nbytes) for rank in ranks.tolist()]
    groups, _ = coalesce_ranges(ranges, max_gap_bytes=gap, max_coalesced_bytes=longest)
    spans = [(group[-1][1].end - group[0][1].start) // nbytes for group in groups]
    assert _spans(ranks, _Merging(nbytes, gap, longest)) == spans
