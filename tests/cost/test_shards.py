"""Tests of helpers.cost.shards: what zarr asks of a shard. That it is all zarr asks, test_plans counts."""

from __future__ import annotations

import numpy as np
import pytest
from zarr.abc.store import RangeByteRequest
from zarr.core._coalesce import coalesce_ranges

from helpers.cost.shards import _Merging, _spans


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
