"""Suggests chunks for the way an array is read: those with which a mix of reads waits least."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from helpers.cost.plans import BANDWIDTH_BPS, CONCURRENCY, LATENCY_S, plan_picks
from helpers.cost.selections import parse_grid, parse_selection
from helpers.units import format_nbytes, format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from helpers.cost.plans import ReadPlan
    from helpers.cost.selections import Grid, Selection, Sizes

__all__ = ["Suggestion", "suggest_chunks"]


@dataclass(frozen=True, repr=False, kw_only=True)
class Suggestion:
    """Hold chunks that `suggest_chunks` suggests, and what each of the reads would take with them.

    Parameters
    ----------
    chunks : tuple of int
        Elements of a chunk in each dimension.
    shards : tuple of int or None
        Elements of a shard, if shards were asked for.
    nbytes : int
        Bytes of a chunk, not compressed.
    objects : int
        Stored objects of the whole array: shards, or chunks without shards.
    seconds : float
        Weighted mean of the seconds of the reads.
    plans : tuple of ReadPlan
        The reads, in the order in which they were given.
    each_seconds : tuple of float
        Seconds of each.

    Examples
    --------
    >>> timed = {"seconds": 0.2, "plans": (), "each_seconds": (0.1, 0.3)}
    >>> Suggestion(chunks=(100, 10), shards=(200, 20), nbytes=8000, objects=6, **timed)
    <Suggestion: chunks (100, 10) of 8.0 kB in shards (200, 20), 200 ms on average (100 ms, 300 ms)>
    """

    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    nbytes: int
    objects: int
    seconds: float
    plans: tuple[ReadPlan, ...]
    each_seconds: tuple[float, ...]

    def __repr__(self) -> str:
        each = ", ".join(format_seconds(seconds) for seconds in self.each_seconds)
        where = f"{format_nbytes(self.nbytes)}{f' in shards {self.shards}' if self.shards else ''}"
        return f"<Suggestion: chunks {self.chunks} of {where}, {format_seconds(self.seconds)} on average ({each})>"


def suggest_chunks(
    shape: Sizes,
    dtype: npt.DTypeLike,
    reads: Sequence[tuple[Selection, float]],
    *,
    target_nbytes: int = 4 * 2**20,
    shard_nbytes: int | None = None,
    latency_s: float = LATENCY_S,
    bandwidth_Bps: float | None = BANDWIDTH_BPS,  # noqa: N803
    concurrency: int = CONCURRENCY,
    limit: int = 10,
) -> list[Suggestion]:
    """Rank chunk shapes by how long they make a mix of reads wait.

    Parameters
    ----------
    shape : int or tuple of int
        Elements of the array in each dimension.
    dtype : dtype-like
        Data type of fixed size.
    reads : sequence of (selection, weight)
        Typical selections, and how often each happens compared with the others.
    target_nbytes : int, default 4 MiB
        Bytes of a chunk that must not be exceeded, not compressed.
    shard_nbytes : int, optional
        Bytes of a shard that must not be exceeded, not compressed; without it, chunks are objects of their own.
    latency_s, bandwidth_Bps, concurrency
        How far away the store is; as for `ReadPlan.seconds`.
    limit : int, default 10
        How many suggestions to return at most.

    Returns
    -------
    list of Suggestion
        The best first.

    Raises
    ------
    IndexError, TypeError, ValueError
        As for `plan_read`; also if there are no reads, their weights add up to nothing, or not even one element
        fits the target.

    Notes
    -----
    Candidates cut each dimension into 1, 2, 3, 4, 6, 8, 12, … parts, in every combination that fits the
    target and in which no dimension could be cut less: the line along which one read is traded for another.
    With shards, chunks of a quarter, a 16th and a 64th of the target are tried: requests within a shard are
    merged, so that smaller chunks pay. A shard has as many chunks along every dimension, as many as fit.
    They are ranked in bands of 5 % in seconds; within a band, the one that cuts the dimensions most evenly
    comes first, because it is the kindest to reads that are not listed.

    Why 4 MiB: with ten requests under way, 0.1 s of latency and 100 MB/s, the link is busy from 1 MB a
    chunk on. Smaller chunks wait, larger ones bring bytes that nobody asked for. The margin is for
    compression, which makes chunks smaller on the way. Nearer stores do well with smaller chunks, farther
    ones with larger.

    Examples
    --------
    >>> import numpy as np
    >>> suggest_chunks((365, 1000, 1000), "f4", [(np.s_[:, 500, 500], 1), (np.s_[100], 1)], limit=1)
    [<Suggestion: chunks (23, 167, 250) of 3.8 MB, 1.0 s on average (815 ms, 1.2 s)>]
    """
    whole = parse_grid(shape, dtype, chunks=-1, shards=None)
    total = sum(weight for _, weight in reads)
    if not total > 0:
        msg = f"reads={reads!r} name no read with a weight above 0. Give at least one, such as (np.s_[0], 1)."
        raise ValueError(msg)
    picks = [parse_selection(selection, whole.shape) for selection, _ in reads]
    found = []
    for grid in dict.fromkeys(_grids(whole, target_nbytes, shard_nbytes)):
        plans = tuple(plan_picks(each, grid) for each in picks)
        seconds = tuple(
            plan.seconds(latency_s=latency_s, bandwidth_Bps=bandwidth_Bps, concurrency=concurrency) for plan in plans
        )
        mean = sum(weight / total * each for (_, weight), each in zip(reads, seconds, strict=True))
        found.append(
            Suggestion(
                chunks=grid.chunks,
                shards=grid.shards,
                nbytes=grid.chunk_nbytes,
                objects=math.prod(map(_cells, grid.shape, grid.shards or grid.chunks)),
                seconds=mean,
                plans=plans,
                each_seconds=seconds,
            )
        )
    return _ranked(found, whole.shape)[:limit]


def _cells(length: int, size: int) -> int:
    return -(-length // size)


def _grids(whole: Grid, target_nbytes: int, shard_nbytes: int | None) -> Iterator[Grid]:
    fits = target_nbytes // whole.itemsize
    if fits < 1:
        msg = f"target_nbytes={target_nbytes!r} does not fit one element of {whole.itemsize} bytes. Give more."
        raise ValueError(msg)
    for parts in (1,) if shard_nbytes is None else (4, 16, 64):
        for chunks in _candidates(whole, max(fits // parts, 1)):
            grid = whole._replace(chunks=chunks)
            yield grid if shard_nbytes is None else grid._replace(shards=_shards(grid, shard_nbytes))


def _shards(grid: Grid, nbytes: int) -> tuple[int, ...]:
    """Multiply the chunks by one number in every dimension, as far as `nbytes` and the array reach."""
    cells = [*map(_cells, grid.shape, grid.chunks)]
    times = int((nbytes / grid.chunk_nbytes) ** (1 / max(sum(cut > 1 for cut in cells), 1)) + 1e-9)
    return tuple(chunk * max(min(times, cut), 1) for chunk, cut in zip(grid.chunks, cells, strict=True))


def _candidates(whole: Grid, fits: int) -> list[tuple[int, ...]]:
    # From small to large, so that a chunk is made before those that it could grow into.
    sizes = [sorted({max(_cells(length, parts), 1) for parts in _parts(length)}) for length in whole.shape]
    larger = [dict(pairwise(steps)) for steps in sizes]
    candidates: list[tuple[int, ...]] = [()]
    for steps in sizes:
        room = [(chunks, fits // math.prod(chunks)) for chunks in candidates]
        candidates = [(*chunks, step) for chunks, left in room for step in steps if step <= left]
    return [chunks for chunks in candidates if not _can_grow(chunks, larger, fits)]


def _parts(length: int) -> Iterator[int]:
    for power in range(length.bit_length() + 1):
        yield 2**power
        yield 3 * 2**power


def _can_grow(chunks: tuple[int, ...], larger: list[dict[int, int]], fits: int) -> bool:
    size = math.prod(chunks)
    return any(size // chunk * more[chunk] <= fits for chunk, more in zip(chunks, larger, strict=True) if chunk in more)


def _ranked(found: list[Suggestion], shape: tuple[int, ...]) -> list[Suggestion]:
    best = min(one.seconds for one in found)

    def key(one: Suggestion) -> tuple[float, float, float, tuple[int, ...]]:
        slower = math.floor(math.log(one.seconds / best, 1.05)) if best else one.seconds
        return slower, _unevenness(one.chunks, shape), one.seconds, one.chunks

    return sorted(found, key=key)


def _unevenness(chunks: tuple[int, ...], shape: tuple[int, ...]) -> float:
    """Measure how many times more one dimension is cut than another, in powers of two."""
    cuts = [math.log2(length / chunk) for length, chunk in zip(shape, chunks, strict=True) if length > 1]
    return round(max(cuts) - min(cuts), 6) if cuts else 0.0
