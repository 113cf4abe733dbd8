"""Predicts the requests, bytes, time and money of a read or a write, from an array's metadata alone.

Nothing is read and nothing is enumerated: the plan for an array with 10⁸ chunks takes microseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from helpers.cost.selections import (
    count_covered,
    count_touched,
    parse_blocks,
    parse_grid,
    parse_orthogonal,
    parse_points,
    parse_selection,
)
from helpers.cost.shards import index_nbytes, read_chunks, read_shards
from helpers.units import format_count, format_nbytes

if TYPE_CHECKING:
    import numpy.typing as npt

    from helpers.cost.selections import Grid, Indexer, Picks, Selection, Sizes
    from helpers.cost.shards import ShardReads

__all__ = [
    "BANDWIDTH_BPS",
    "CONCURRENCY",
    "LATENCY_S",
    "S3_STANDARD",
    "Prices",
    "ReadPlan",
    "WritePlan",
    "plan_picks",
    "plan_read",
    "plan_write",
]

#: AWS says that small objects take some 100 to 200 ms from S3:
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
LATENCY_S = 0.1
#: A link of about 1 Gbit/s.
BANDWIDTH_BPS = 100e6
#: zarr's default of `async.concurrency`.
CONCURRENCY = 10


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Hold the list prices of an object store, in US dollars.

    Parameters
    ----------
    name : str
        Whose prices, where, and as of when.
    get_usd, put_usd : float
        For one read request; for one write or list request.
    storage_usd : tuple of (float, float)
        For a GB kept for a month: pairs of an upper bound in GB and the price of a GB below it.

    Notes
    -----
    A GB is 2³⁰ bytes here, as in AWS's bills. Bytes that leave the cloud, free tiers, discounts, taxes, deletes and
    retries are left out: a reader in the same region pays for requests only.

    Examples
    --------
    >>> tiers = ((10, 0.03), (math.inf, 0.02))
    >>> round(Prices(name="ours", get_usd=4e-7, put_usd=5e-6, storage_usd=tiers).storage(15 * 2**30), 2)
    0.4
    """

    name: str
    get_usd: float
    put_usd: float
    storage_usd: tuple[tuple[float, float], ...]

    def storage(self, nbytes: float) -> float:
        """Price bytes kept for a month.

        Examples
        --------
        >>> round(S3_STANDARD.storage(1e12), 2)
        21.42
        """
        amount, below, usd = nbytes / 2**30, 0.0, 0.0
        for bound, price in self.storage_usd:
            usd += max(min(amount, bound) - below, 0) * price
            below = bound
        return usd


#: List prices of S3 Standard in us-east-1, from https://aws.amazon.com/s3/pricing as others quoted it. Compare before
#: you rely on them.
S3_STANDARD = Prices(
    name="S3 Standard, us-east-1, list prices (requests of 2020, storage of 2022)",
    get_usd=0.0004 / 1000,
    put_usd=0.005 / 1000,
    storage_usd=((50 * 1024, 0.023), (500 * 1024, 0.022), (math.inf, 0.021)),
)


@dataclass(frozen=True, repr=False, kw_only=True)
class _Plan:
    """What a read and a write have in common."""

    chunks: int
    objects: int
    nbytes_read: int
    round_trips: int

    @property
    def _moved(self) -> int:
        return self.nbytes_read

    @property
    def _where(self) -> str:
        return f"{format_count(self.chunks, 'chunk')} in {format_count(self.objects, 'object')}"

    def seconds(
        self,
        *,
        latency_s: float = LATENCY_S,
        bandwidth_Bps: float | None = BANDWIDTH_BPS,  # noqa: N803
        concurrency: int = CONCURRENCY,
    ) -> float:
        """Estimate how long zarr waits for the store.

        Parameters
        ----------
        latency_s : float, default 0.1
            Seconds from a request to its answer.
        bandwidth_Bps : float or None, default 1e8
            Bytes per second of the link that all requests share; None is no limit.
        concurrency : int, default 10
            Objects under way at once (zarr's setting `async.concurrency`).

        Returns
        -------
        float
            Seconds.

        Notes
        -----
        A latency for each round of objects, and then all bytes: more than it takes, as bytes of one request
        come while others wait. The time to encode and decode is left out.
        """
        if self.objects == 0:
            return 0.0
        depth = self.round_trips / self.objects
        waits = max(math.ceil(depth), math.ceil(self.objects / concurrency) * depth)
        return waits * latency_s + (0.0 if bandwidth_Bps is None else self._moved / bandwidth_Bps)


@dataclass(frozen=True, repr=False, kw_only=True)
class ReadPlan(_Plan):
    """Hold what reading a selection will take; `helpers.cost.plan_read` makes it.

    Parameters
    ----------
    chunks : int
        Chunks that hold any of the selection.
    objects : int
        Stored objects that do: shards, or chunks without shards.
    requests : int
        Read requests that zarr makes.
    nbytes_read : int
        Bytes that come back, not compressed: whole chunks, and with shards also indices and gaps.
    nbytes_needed : int
        Bytes of the elements selected.
    round_trips : int
        Latencies waited for if objects were read one after the other.
    """

    requests: int
    nbytes_needed: int

    @property
    def amplification(self) -> float:
        """Bytes read for each byte needed; 1 if nothing is."""
        return self.nbytes_read / self.nbytes_needed if self.nbytes_needed else 1.0

    def price(self, prices: Prices) -> float:
        """Price the requests in US dollars, for a reader in the same region."""
        return self.requests * prices.get_usd

    def __repr__(self) -> str:
        got, need = format_nbytes(self.nbytes_read), format_nbytes(self.nbytes_needed)
        read = f"{got} read for {need} needed ({_times(self.amplification)})"
        return f"<ReadPlan: {format_count(self.requests, 'request')} for {self._where}, {read}>"


@dataclass(frozen=True, repr=False, kw_only=True)
class WritePlan(_Plan):
    """Hold what writing a selection will take; `helpers.cost.plan_write` makes it.

    Parameters
    ----------
    chunks, objects : int
        As for `ReadPlan`.
    reads, writes : int
        Requests of each kind: an object that is written in part is read first.
    nbytes_read, nbytes_written : int
        Bytes that come back and that are sent, not compressed.
    nbytes_given : int
        Bytes of the elements selected.
    round_trips : int
        Latencies waited for if objects were written one after the other.
    """

    reads: int
    writes: int
    nbytes_written: int
    nbytes_given: int

    @property
    def _moved(self) -> int:
        return self.nbytes_read + self.nbytes_written

    @property
    def requests(self) -> int:
        """Requests of both kinds."""
        return self.reads + self.writes

    @property
    def amplification(self) -> float:
        """Bytes read and written for each byte given; 1 if none is."""
        return self._moved / self.nbytes_given if self.nbytes_given else 1.0

    def price(self, prices: Prices) -> float:
        """Price the requests in US dollars; keeping what was written costs extra: `Prices.storage`."""
        return self.reads * prices.get_usd + self.writes * prices.put_usd

    def __repr__(self) -> str:
        reads = f"{format_count(self.reads, 'read')} ({format_nbytes(self.nbytes_read)})"
        writes = f"{format_count(self.writes, 'write')} ({format_nbytes(self.nbytes_written)})"
        given = f"{format_nbytes(self.nbytes_given)} given ({_times(self.amplification)})"
        return f"<WritePlan: {reads}, {writes} for {self._where}, {given}>"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}x" if ratio >= 100 else f"{ratio:,.3g}x"


def plan_read(
    shape: Sizes,
    dtype: npt.DTypeLike,
    chunks: Sizes,
    selection: Selection,
    *,
    shards: Sizes | None = None,
    indexer: Indexer = "basic",
) -> ReadPlan:
    """Predict what zarr will ask of a store to read `array[selection]`, or `array.oindex[selection]` and the like.

    Parameters
    ----------
    shape, chunks : int or tuple of int
        Elements of the array and of a chunk in each dimension.
    dtype : dtype-like
        Data type of fixed size.
    selection : int, slice, Ellipsis or tuple of these
        What stands between the brackets; `numpy.s_` writes it down. For `oindex` also a list or a mask in each
        dimension; for `vindex` a list for each dimension, or one mask; for `blocks` numbers of chunks (of shards,
        if there are any).
    shards : int or tuple of int, optional
        Elements of a shard in each dimension, if the array has shards.
    indexer : {"basic", "oindex", "vindex", "blocks"}
        What stands before the brackets.

    Returns
    -------
    ReadPlan
        Chunks, objects, requests and bytes; time and price on request.

    Raises
    ------
    IndexError
        If the selection is out of bounds, has too many indices or a negative step, or is not basic.
    TypeError
        If a size is not an integer, or `dtype` has no fixed size.
    ValueError
        If sizes are out of range, differ in rank, or `chunks` do not divide `shards`; or a step is 0.

    Notes
    -----
    Exact for zarr 3.4's default pipeline, an array that is open and written in full, and no compression. With
    compression, fewer bytes come back, and those of a shard perhaps in fewer requests. Chunks that were never
    written are requests all the same, of 0 bytes.

    The time taken does not depend on the size of the array; with shards and a step longer than a chunk, and with
    lists, it grows with the number of elements selected in a dimension.

    Examples
    --------
    >>> import numpy as np
    >>> plan_read((200, 200, 200), "f8", (1, 200, 200), np.s_[:, 0, 0])
    <ReadPlan: 200 requests for 200 chunks in 200 objects, 64.0 MB read for 1.6 kB needed (40,000x)>
    >>> plan_read((200, 200, 200), "f8", (20, 20, 20), np.s_[:, 0, 0], shards=(200, 200, 200))
    <ReadPlan: 4 requests for 10 chunks in 1 object, 1.4 MB read for 1.6 kB needed (890x)>
    >>> plan_read((200, 200, 200), "f8", (20, 20, 20), ([5, 7, 190],) * 3, indexer="vindex")
    <ReadPlan: 2 requests for 2 chunks in 2 objects, 128.0 kB read for 24 B needed (5,333x)>
    """
    grid = parse_grid(shape, dtype, chunks=chunks, shards=shards)
    if indexer == "vindex":
        return _plan_points(parse_points(selection, grid.shape), grid)
    if indexer == "oindex":
        return plan_picks(parse_orthogonal(selection, grid.shape), grid)
    if indexer == "blocks":
        return plan_picks(parse_blocks(selection, grid), grid)
    return plan_picks(parse_selection(selection, grid.shape), grid)


def _plan_points(points: npt.NDArray[np.intp], grid: Grid) -> ReadPlan:
    """Predict a read of scattered points, one row each."""
    chunks = np.unique(points // grid.chunks, axis=0)
    objects = len(np.unique(points // (grid.shards or grid.chunks), axis=0))
    of_shards = None if grid.shards is None else read_chunks(chunks, grid)
    return _read_plan(len(chunks), objects, len(points), grid, of_shards)


def plan_picks(picks: Picks, grid: Grid) -> ReadPlan:
    """Predict a read as `plan_read` does, from what is parsed already."""
    touched = _touched(picks, grid.chunks)
    objects = _touched(picks, grid.shards or grid.chunks)
    of_shards = None if grid.shards is None else read_shards(picks, grid)
    return _read_plan(touched, objects, _elements(picks), grid, of_shards)


def _read_plan(chunks: int, objects: int, elements: int, grid: Grid, of_shards: ShardReads | None) -> ReadPlan:
    requests, nbytes, round_trips = of_shards or (chunks, chunks * grid.chunk_nbytes, chunks)
    needed = elements * grid.itemsize
    counts = {"chunks": chunks, "objects": objects, "requests": requests, "round_trips": round_trips}
    return ReadPlan(nbytes_read=nbytes, nbytes_needed=needed, **counts)


def plan_write(
    shape: Sizes,
    dtype: npt.DTypeLike,
    chunks: Sizes,
    selection: Selection,
    *,
    shards: Sizes | None = None,
    fresh: bool = False,
) -> WritePlan:
    """Predict what zarr will ask of a store to write `array[selection] = …`.

    Parameters
    ----------
    shape, dtype, chunks, selection, shards
        As for `plan_read`.
    fresh : bool, default False
        Whether nothing has been written yet, so that what is read first is not there: requests without bytes.

    Returns
    -------
    WritePlan
        Chunks, objects, requests and bytes; time and price on request.

    Raises
    ------
    IndexError, TypeError, ValueError
        As for `plan_read`.

    Notes
    -----
    Exact under the conditions of `plan_read`, for values other than the fill value: a chunk that is nothing
    but fill is deleted rather than written.

    An object that is written in part is read in full first. A chunk at the array's edge that is written up
    to the edge is not, but a shard that reaches beyond the edge is read whatever is written to it, and so
    is everything that is written with a step.

    Examples
    --------
    >>> import numpy as np
    >>> plan_write((100, 100), "f4", (10, 100), np.s_[:20])
    <WritePlan: 0 reads (0 B), 2 writes (8.0 kB) for 2 chunks in 2 objects, 8.0 kB given (1x)>
    >>> plan_write((100, 100), "f4", (10, 100), np.s_[5:20])
    <WritePlan: 1 read (4.0 kB), 2 writes (8.0 kB) for 2 chunks in 2 objects, 6.0 kB given (2x)>
    """
    grid = parse_grid(shape, dtype, chunks=chunks, shards=shards)
    picks = parse_selection(selection, grid.shape)
    stored = grid.shards or grid.chunks
    objects, covered = _touched(picks, stored), _covered(picks, grid)
    kept = _stored_nbytes(picks, grid)
    full = _object_nbytes(math.prod(stored) // math.prod(grid.chunks), grid)
    touched = _touched(picks, grid.chunks)
    overhead = objects * _object_nbytes(0, grid)
    return WritePlan(
        chunks=touched,
        objects=objects,
        reads=objects - covered,
        writes=objects,
        nbytes_read=0 if fresh else kept - covered * full,
        nbytes_written=touched * grid.chunk_nbytes + overhead if fresh else kept,
        nbytes_given=_elements(picks) * grid.itemsize,
        round_trips=2 * objects - covered,
    )


def _elements(picks: Picks) -> int:
    return math.prod(len(pick) for pick in picks)


def _touched(picks: Picks, sizes: tuple[int, ...]) -> int:
    return math.prod(count_touched(pick, size) for pick, size in zip(picks, sizes, strict=True))


def _covered(picks: tuple[range, ...], grid: Grid) -> int:
    # zarr takes a chunk to end where the array does, but a shard where it is stored to end.
    if grid.shards is None:
        cells = zip(picks, grid.chunks, grid.shape, strict=True)
    else:
        ends = [-(-length // size) * size for length, size in zip(grid.shape, grid.shards, strict=True)]
        cells = zip(picks, grid.shards, ends, strict=True)
    return math.prod(count_covered(pick, size, limit=limit) for pick, size, limit in cells)


def _stored_nbytes(picks: tuple[range, ...], grid: Grid) -> int:
    """Count the bytes of all objects that are touched, if the array is written in full."""
    objects = _touched(picks, grid.shards or grid.chunks)
    if grid.shards is None or objects == 0:
        return objects * grid.chunk_nbytes
    present = 1
    for pick, chunk, shard, length in zip(picks, grid.chunks, grid.shards, grid.shape, strict=True):
        in_last = -(-(length - pick[-1] // shard * shard) // chunk)
        present *= (count_touched(pick, shard) - 1) * (shard // chunk) + min(shard // chunk, in_last)
    return present * grid.chunk_nbytes + objects * _object_nbytes(0, grid)


def _object_nbytes(chunks: int, grid: Grid) -> int:
    if grid.shards is None:
        return chunks * grid.chunk_nbytes
    return chunks * grid.chunk_nbytes + index_nbytes(math.prod(grid.shards) // math.prod(grid.chunks))
