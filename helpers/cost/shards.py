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

    from helpers.cost.selections import Grid, Picks

__all__ = ["ShardReads", "index_nbytes", "read_chunks", "read_shards"]

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


def read_shards(picks: Picks, grid: Grid) -> ShardReads:
    """Count what zarr asks for when it reads a selection of a sharded array.

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
    per_shard, merging = _per_shard(grid), _merging(grid)
    each = zip(picks, grid.chunks, grid.shards or grid.chunks, grid.shape, strict=True)
    total = np.zeros(3, dtype=object)  # of Python's integers, which do not overflow
    for combination in product(*(_patterns(*one) for one in each)) if all(picks) else ():
        number = math.prod(count for _, count in combination)
        total += number * np.array(
            _read_shard(per_shard, tuple(pattern for pattern, _ in combination), merging), object
        )
    return ShardReads(*total)


def read_chunks(chunks: npt.NDArray[np.intp], grid: Grid) -> ShardReads:
    """Count what zarr asks for when it reads some chunks, each once, of a sharded array: `read_shards` for points.

    Examples
    --------
    >>> from helpers.cost.selections import parse_grid
    >>> grid = parse_grid((200, 200), "f8", chunks=(10, 10), shards=(100, 100))
    >>> read_chunks(np.array([[0, 0], [9, 9], [19, 0]]), grid)
    ShardReads(requests=4, nbytes=84008, round_trips=4)
    """
    per_shard, merging = _per_shard(grid), _merging(grid)
    in_all = [-(-length // chunk) for length, chunk in zip(grid.shape, grid.chunks, strict=True)]
    total = np.zeros(3, dtype=object)
    for shard in np.unique(chunks // per_shard, axis=0):
        inside = chunks[(chunks // per_shard == shard).all(axis=1)] % per_shard
        present = np.minimum(per_shard, in_all - shard * per_shard)
        places = _places(per_shard, tuple(present.tolist()))[tuple(inside.T)]
        total += np.array(_read_places(np.sort(places), math.prod(per_shard), merging), object)
    return ShardReads(*total)


def _per_shard(grid: Grid) -> tuple[int, ...]:
    return tuple(shard // chunk for shard, chunk in zip(grid.shards or grid.chunks, grid.chunks, strict=True))


def _merging(grid: Grid) -> _Merging:
    gap, longest = (zarr.config.get(f"array.sharding_coalesce_max_{name}") for name in ("gap_bytes", "bytes"))
    return _Merging(grid.chunk_nbytes, gap, longest)


@lru_cache(maxsize=1024)
def _patterns(picks: range | tuple[int, ...], chunk: int, shard: int, length: int) -> tuple[tuple[_Pattern, int], ...]:
    """Return which patterns occur in one dimension, and in how many shards."""
    per_shard = shard // chunk
    if isinstance(picks, tuple):
        # One element for each chunk that is touched, in order.
        picks = tuple(number * chunk for number in sorted({element // chunk for element in picks}))
    first, last = picks[0] // shard, picks[-1] // shard
    touched: list[tuple[range | tuple[int, ...], int]]
    if isinstance(picks, tuple) or picks.step > chunk:
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
    if touched == chunks:
        return _read_places(np.arange(chunks), chunks, merging)
    places = _places(per_shard, tuple(pattern.present for pattern in patterns))
    inside = places[np.ix_(*(list(pattern.touched) for pattern in patterns))]
    return _read_places(np.sort(inside, axis=None), chunks, merging)


def _read_places(places: npt.NDArray[np.int64], chunks: int, merging: _Merging) -> ShardReads:
    """Count what reading the chunks at these sorted places of one shard takes, of `chunks` that it may hold."""
    index = index_nbytes(chunks)
    if len(places) == chunks:
        return ShardReads(1, chunks * merging.chunk_nbytes + index, 1)
    spans = _spans(places, merging)
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
