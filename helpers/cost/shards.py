"""Knows what zarr asks of a shard: its index and then merged byte ranges, or all of it at once.

Shards in which a selection touches the same chunks cost the same. In each dimension there are few such patterns, so
that a selection over millions of shards is priced from a handful of them.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from itertools import groupby, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import zarr
from zarr.core.indexing import morton_order_coords

if TYPE_CHECKING:
    import numpy.typing as npt

    from helpers.cost.selections import Grid

__all__ = ["ShardReads", "index_nbytes", "read_shards"]

# The default `max_concurrency` of Store.get_ranges.
_RANGES_AT_ONCE = 10


class ShardReads(NamedTuple):
    """Hold what reading shards takes; round trips are requests that wait for one another, shard by shard."""

    requests: int
    nbytes: int
    round_trips: int


class _Pattern(NamedTuple):
    """Chunks touched in a shard, and chunks in it that hold any of the array, in one dimension."""

    touched: range | tuple[int, ...]
    present: int


class _Merging(NamedTuple):
    """When zarr merges two byte ranges into one request."""

    chunk_nbytes: int
    max_gap_nbytes: int
    max_nbytes: int


def index_nbytes(chunks_per_shard: int) -> int:
    """Count the bytes of a shard's index: offset and length of each chunk, and a CRC-32C.

    As zarr writes it unless told otherwise:
    https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html.

    Examples
    --------
    >>> index_nbytes(1000)
    16004
    """
    return 16 * chunks_per_shard + 4


def read_shards(picks: tuple[range, ...], grid: Grid) -> ShardReads:
    """Count what zarr asks for when it reads a selection, nowhere empty, of a sharded array.

    Notes
    -----
    Assumes that the array is written in full and not compressed: the bytes between two chunks decide whether zarr
    merges their ranges (settings `array.sharding_coalesce_…` of `zarr.config`). Chunks lie in Morton order in a
    shard, without those beyond the array's edge.

    Examples
    --------
    >>> from helpers.cost.selections import parse_grid
    >>> grid = parse_grid((200, 200), "f8", chunks=(10, 10), shards=(100, 100))
    >>> read_shards((range(200), range(1)), grid)
    ShardReads(requests=4, nbytes=108808, round_trips=4)
    """
    shards = grid.shards or grid.chunks
    per_shard = tuple(shard // chunk for shard, chunk in zip(shards, grid.chunks, strict=True))
    patterns = [_patterns(*each) for each in zip(picks, grid.chunks, shards, grid.shape, strict=True)]
    gap, longest = (zarr.config.get(f"array.sharding_coalesce_max_{name}") for name in ("gap_bytes", "bytes"))
    merging = _Merging(grid.chunk_nbytes, gap, longest)
    total = np.zeros(3, dtype=object)  # of Python's integers, which do not overflow
    for combination in product(*patterns):
        number = math.prod(count for _, count in combination)
        total += number * np.array(
            _read_shard(per_shard, tuple(pattern for pattern, _ in combination), merging), object
        )
    return ShardReads(*total)


@lru_cache(maxsize=1024)
def _patterns(picks: range, chunk: int, shard: int, length: int) -> tuple[tuple[_Pattern, int], ...]:
    """Return which patterns occur in one dimension, and in how many shards."""
    per_shard = shard // chunk
    first, last = picks[0] // shard, picks[-1] // shard
    touched: list[tuple[range | tuple[int, ...], int]]
    if picks.step > chunk:
        # Each element is in a chunk of its own, so they are few enough to be looked at.
        shares = groupby(picks, lambda element: element // shard)
        touched = [(tuple(element % shard // chunk for element in share), 1) for _, share in shares]
    else:
        # Between the first and the last element, no chunk is left out.
        start, end = picks[0] % shard // chunk, picks[-1] % shard // chunk + 1
        if first == last:
            touched = [(range(start, end), 1)]
        else:
            touched = [(range(start, per_shard), 1), (range(per_shard), last - first - 1), (range(end), 1)]
    # Only the last shard that is touched can be cut off by the edge of the array.
    *inner, (at_end, _) = touched
    counts: Counter[_Pattern] = Counter()
    for pattern, count in inner:
        counts[_Pattern(pattern, per_shard)] += count
    counts[_Pattern(at_end, min(per_shard, -(-(length - last * shard) // chunk)))] += 1
    return tuple((pattern, count) for pattern, count in counts.items() if count)


@lru_cache(maxsize=4096)
def _read_shard(per_shard: tuple[int, ...], patterns: tuple[_Pattern, ...], merging: _Merging) -> ShardReads:
    chunks = math.prod(per_shard)
    touched = math.prod(len(pattern.touched) for pattern in patterns)
    index = index_nbytes(chunks)
    if touched == chunks:
        return ShardReads(1, chunks * merging.chunk_nbytes + index, 1)
    places = _places(per_shard, tuple(pattern.present for pattern in patterns))
    spans = _spans(np.sort(places[np.ix_(*(list(pattern.touched) for pattern in patterns))], axis=None), merging)
    rounds = 1 + -(-len(spans) // _RANGES_AT_ONCE)
    return ShardReads(1 + len(spans), index + sum(spans) * merging.chunk_nbytes, rounds)


@lru_cache(maxsize=32)
def _places(per_shard: tuple[int, ...], present: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Return where each chunk lies in a shard, counted in chunks, if only the first of each dimension are there."""
    order = np.array(morton_order_coords(per_shard))
    order = order[(order < present).all(axis=1)]
    places = np.full(per_shard, -1)
    places[tuple(order.T)] = np.arange(len(order))
    return places


def _spans(places: npt.NDArray[np.int64], merging: _Merging) -> list[int]:
    """Merge sorted places as `zarr.core._coalesce` does; return the lengths of the ranges, in chunks."""
    longest = max(merging.max_nbytes // merging.chunk_nbytes, 1)
    too_far = np.flatnonzero(np.diff(places) - 1 > merging.max_gap_nbytes // merging.chunk_nbytes) + 1
    spans, start = [], 0
    for end in [*too_far.tolist(), len(places)]:
        while start < end:
            following = min(int(np.searchsorted(places, places[start] + longest)), end)
            spans.append(int(places[following - 1] - places[start]) + 1)
            start = following
    return spans
