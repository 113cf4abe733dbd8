"""Knows what zarr asks of a shard: its index and then merged byte ranges, or all of it at once.

Shards in which a selection touches the same chunks cost the same. In each dimension there are few such
patterns, so that a selection over millions of shards is priced from a handful of them.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import zarr

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from helpers.cost.selections import Grid, Picks

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
    """Count the bytes of a shard's index: 16 for each chunk, and 4 of checksum.

    Parameters
    ----------
    chunks_per_shard : int
        Chunks that a shard holds.

    Returns
    -------
    int
        Bytes.

    Notes
    -----
    As zarr writes it unless told otherwise: offset and length of each chunk, then CRC-32C. See
    https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html.

    Examples
    --------
    >>> index_nbytes(1000)
    16004
    """
    return 16 * chunks_per_shard + 4


def read_shards(picks: tuple[Picks, ...], grid: Grid) -> ShardReads:
    """Count what zarr asks for when it reads a selection of a sharded array.

    Parameters
    ----------
    picks : tuple of Picks
        What is selected in each dimension; none of them empty.
    grid : Grid
        A grid with shards.

    Returns
    -------
    ShardReads
        Requests, bytes and round trips over all shards.

    Notes
    -----
    Assumes that the array is written in full and not compressed: the bytes between two chunks decide whether zarr
    merges their ranges (settings `array.sharding_coalesce_…` of `zarr.config`). Chunks lie in Morton order in a
    shard, without those beyond the array's edge.

    Examples
    --------
    >>> from helpers.cost import parse_grid
    >>> from helpers.cost import parse_selection
    >>> grid = parse_grid((200, 200), "f8", chunks=(10, 10), shards=(100, 100))
    >>> read_shards(parse_selection((slice(None), 0), grid.shape), grid)
    ShardReads(requests=4, nbytes=108808, round_trips=4)
    """
    shards = grid.shards or grid.chunks
    per_shard = tuple(shard // chunk for shard, chunk in zip(shards, grid.chunks, strict=True))
    patterns = [_patterns(*each) for each in zip(picks, grid.chunks, shards, grid.shape, strict=True)]
    merging = _merging(grid.chunk_nbytes)
    requests = nbytes = round_trips = 0
    for combination in product(*patterns):
        number = math.prod(count for _, count in combination)
        shard = _read_shard(per_shard, tuple(pattern for pattern, _ in combination), merging)
        requests += number * shard.requests
        nbytes += number * shard.nbytes
        round_trips += number * shard.round_trips
    return ShardReads(requests, nbytes, round_trips)


# --- which patterns occur in one dimension, and in how many shards ---


@lru_cache(maxsize=1024)
def _patterns(picks: Picks, chunk: int, shard: int, length: int) -> tuple[tuple[_Pattern, int], ...]:
    found: Iterator[tuple[range | tuple[int, ...], int]]
    if picks.step <= chunk:
        found = _dense_patterns(picks, chunk, shard)
    elif picks.step < shard:
        found = _strided_patterns(picks, chunk, shard)
    else:
        found = _sparse_patterns(picks, chunk, shard)
    # Only the last shard that is touched can be cut off by the edge of the array; it comes last.
    left = length - picks.last // shard * shard
    counts: Counter[_Pattern] = Counter()
    *inner, (touched, _) = found
    for pattern, count in inner:
        counts[_Pattern(pattern, shard // chunk)] += count
    counts[_Pattern(touched, min(shard // chunk, -(-left // chunk)))] += 1
    return tuple((pattern, count) for pattern, count in counts.items() if count)


def _dense_patterns(picks: Picks, chunk: int, shard: int) -> Iterator[tuple[range | tuple[int, ...], int]]:
    # No step is longer than a chunk: between the first and the last element, no chunk is left out.
    shards_on = picks.last // shard - picks.first // shard
    start, end = picks.first % shard // chunk, picks.last % shard // chunk + 1
    if shards_on == 0:
        yield range(start, end), 1
    else:
        yield range(start, shard // chunk), 1
        yield range(shard // chunk), shards_on - 1
        yield range(end), 1


def _strided_patterns(picks: Picks, chunk: int, shard: int) -> Iterator[tuple[range | tuple[int, ...], int]]:
    # Each shard holds some elements, in chunks of their own. Where the first of them lies repeats after a period.
    first, last = picks.first // shard, picks.last // shard
    if first == last:
        yield tuple(element % shard // chunk for element in range(picks.first, picks.last + 1, picks.step)), 1
        return
    yield tuple(element % shard // chunk for element in range(picks.first, (first + 1) * shard, picks.step)), 1
    between = last - first - 1
    period = picks.step // math.gcd(picks.step, shard)
    turn = np.arange(min(between, period))
    offset = ((picks.first - (first + 1) * shard) % picks.step - turn * (shard % picks.step)) % picks.step
    element = offset[:, np.newaxis] + np.arange(-(-shard // picks.step)) * picks.step
    touched = np.where(element < shard, element // chunk, -1)
    for row, count in zip(touched.tolist(), _repeats(turn, between, period).tolist(), strict=True):
        yield tuple(place for place in row if place >= 0), count
    start = last * shard + (picks.first - last * shard) % picks.step
    yield tuple(element % shard // chunk for element in range(start, picks.last + 1, picks.step)), 1


def _sparse_patterns(picks: Picks, chunk: int, shard: int) -> Iterator[tuple[range | tuple[int, ...], int]]:
    # Each element is in a shard of its own. Where it lies in there repeats after a period.
    before = picks.count - 1
    period = shard // math.gcd(shard, picks.step)
    turn = np.arange(min(before, period))
    place = (picks.first % shard + turn * (picks.step % shard)) % shard // chunk
    counts = np.zeros(shard // chunk, dtype=np.int64)
    np.add.at(counts, place, _repeats(turn, before, period))
    for touched in np.flatnonzero(counts).tolist():
        yield (touched,), int(counts[touched])
    yield (picks.last % shard // chunk,), 1


def _repeats(turn: npt.NDArray[np.int64], total: int, period: int) -> npt.NDArray[np.int64]:
    # How many of `total` turns are this one, a period later, two periods later, …
    return np.asarray(-((turn - total) // period))


# --- what one shard costs ---


def _merging(chunk_nbytes: int) -> _Merging:
    gap, longest = (zarr.config.get(f"array.sharding_coalesce_max_{name}") for name in ("gap_bytes", "bytes"))
    return _Merging(chunk_nbytes, gap, longest)


@lru_cache(maxsize=4096)
def _read_shard(per_shard: tuple[int, ...], patterns: tuple[_Pattern, ...], merging: _Merging) -> ShardReads:
    chunks = math.prod(per_shard)
    touched = math.prod(len(pattern.touched) for pattern in patterns)
    index = index_nbytes(chunks)
    if touched == chunks:
        return ShardReads(1, chunks * merging.chunk_nbytes + index, 1)
    spans = [1] if touched == 1 else _spans(_ranks(per_shard, patterns), merging)
    rounds = 1 + -(-len(spans) // _RANGES_AT_ONCE)
    return ShardReads(1 + len(spans), index + sum(spans) * merging.chunk_nbytes, rounds)


def _ranks(per_shard: tuple[int, ...], patterns: tuple[_Pattern, ...]) -> npt.NDArray[np.int64]:
    """Find where the touched chunks lie in a shard, counted in chunks."""
    stored = _codes(per_shard, tuple(range(pattern.present) for pattern in patterns))
    return np.searchsorted(stored, _codes(per_shard, tuple(pattern.touched for pattern in patterns)))


@lru_cache(maxsize=32)
def _codes(per_shard: tuple[int, ...], places: tuple[range | tuple[int, ...], ...]) -> npt.NDArray[np.int64]:
    """Sort the Morton codes of chunks: the bits of their coordinates interleaved, those of axis 0 lowest."""
    nbits = [(size - 1).bit_length() for size in per_shard]
    order = [(bit, axis) for bit in range(max(nbits)) for axis, bits in enumerate(nbits) if bit < bits]
    codes = np.zeros(1, dtype=np.int64)
    for axis, place in enumerate(places):
        coordinate = np.array(place, dtype=np.int64)
        spread = np.zeros_like(coordinate)
        for position, (bit, of_axis) in enumerate(order):
            if of_axis == axis:
                spread |= (coordinate >> bit & 1) << position
        codes = np.add.outer(codes, spread).ravel()
    codes.sort()
    return codes


def _spans(ranks: npt.NDArray[np.int64], merging: _Merging) -> list[int]:
    """Merge sorted places as `zarr.core._coalesce` does, and return the lengths of the ranges, in chunks."""
    longest = max(merging.max_nbytes // merging.chunk_nbytes, 1)
    too_far = np.flatnonzero(np.diff(ranks) - 1 > merging.max_gap_nbytes // merging.chunk_nbytes) + 1
    spans, start = [], 0
    for end in [*too_far.tolist(), len(ranks)]:
        while start < end:
            following = min(int(np.searchsorted(ranks, ranks[start] + longest)), end)
            spans.append(int(ranks[following - 1] - ranks[start]) + 1)
            start = following
    return spans
