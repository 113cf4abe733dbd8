"""Predicts requests, bytes, time and money of a read or a write.

Says what a cloud asks for storage, requests and bytes that leave it.

Holds what a read or a write of an array will take: requests, bytes, time and money.

Predicts the requests and bytes of a read or a write from an array's metadata alone.

Nothing is read and nothing is enumerated: the plan for an array with 10⁸ chunks takes microseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.cost.selections import count_covered, count_touched, parse_grid, parse_selection
from helpers.cost.shards import index_nbytes, read_shards
from helpers.units import format_count, format_nbytes, require_number

if TYPE_CHECKING:
    import numpy.typing as npt

    from helpers.cost.selections import Grid, Picks, Selection, Sizes

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


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Hold the list prices of an object store, in US dollars.

    Parameters
    ----------
    name : str
        Whose prices, where, and as of when.
    get_usd, put_usd : float
        For one read request; for one write or list request.
    out_usd : tuple of (float, float)
        For bytes that leave the cloud in a month: pairs of an upper bound in GB and the price of a GB below
        it.
    storage_usd : tuple of (float, float)
        For a GB kept for a month: pairs of an upper bound in GB and the price of a GB below it.

    Notes
    -----
    A GB is 2³⁰ bytes here, as in AWS's bills. Free tiers, discounts, taxes, deletes and retries are left out.

    Examples
    --------
    >>> prices = Prices(name="ours", get_usd=4e-7, put_usd=5e-6, out_usd=((math.inf, 0.09),),
    ...                 storage_usd=((10, 0.03), (math.inf, 0.02)))
    >>> round(prices.storage(15 * 2**30), 2)
    0.4
    """

    name: str
    get_usd: float
    put_usd: float
    out_usd: tuple[tuple[float, float], ...]
    storage_usd: tuple[tuple[float, float], ...]

    def storage(self, nbytes: float, *, months: float = 1) -> float:
        """Price bytes kept for some months.

        Parameters
        ----------
        nbytes : float
            Bytes kept, as stored.
        months : float, default 1
            For how long.

        Returns
        -------
        float
            US dollars.

        Examples
        --------
        >>> round(S3_STANDARD.storage(1e12), 2)
        21.42
        """
        require_number("months", months, ok=lambda x: 0 <= x < math.inf, allowed="finite, 0 or more")
        return _tiered(nbytes, self.storage_usd) * months

    def transfer(self, nbytes: float) -> float:
        """Price bytes that leave the cloud within a month.

        Parameters
        ----------
        nbytes : float
            Bytes that leave it.

        Returns
        -------
        float
            US dollars.

        Examples
        --------
        >>> round(S3_STANDARD.transfer(1e12), 2)
        83.82
        """
        return _tiered(nbytes, self.out_usd)


_TB = 1024.0

#: List prices of S3 Standard in us-east-1, from https://aws.amazon.com/s3/pricing as others quoted it: requests in
#: 2020, storage in 2022, transfer in May 2026. Compare before you rely on them. A reader in the same region pays no
#: transfer. Above 500 TB out in a month, AWS has no list price: the last tier is continued.
S3_STANDARD = Prices(
    name="S3 Standard, us-east-1, list prices (requests of 2020, storage of 2022, transfer of 2026)",
    get_usd=0.0004 / 1000,
    put_usd=0.005 / 1000,
    out_usd=((10 * _TB, 0.09), (50 * _TB, 0.085), (150 * _TB, 0.07), (math.inf, 0.05)),
    storage_usd=((50 * _TB, 0.023), (500 * _TB, 0.022), (math.inf, 0.021)),
)


def _tiered(nbytes: float, tiers: tuple[tuple[float, float], ...]) -> float:
    require_number("nbytes", nbytes, ok=lambda x: 0 <= x < math.inf, allowed="finite, 0 or more")
    amount, below, usd = nbytes / 2**30, 0.0, 0.0
    for bound, price in tiers:
        usd += (min(amount, bound) - below) * price
        if amount <= bound:
            break
        below = bound
    return usd


#: AWS says that small objects take some 100 to 200 ms from S3:
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
LATENCY_S = 0.1
#: A link of about 1 Gbit/s.
BANDWIDTH_BPS = 100e6
#: zarr's default of `async.concurrency`.
CONCURRENCY = 10


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

        Examples
        --------
        >>> plan = ReadPlan(
        ...     chunks=25, objects=25, requests=25, nbytes_read=0, nbytes_needed=0, round_trips=25
        ... )
        >>> round(plan.seconds(latency_s=0.1, concurrency=10), 6)
        0.3
        """
        _check_link(latency_s, bandwidth_Bps, concurrency)
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

    Examples
    --------
    >>> plan = ReadPlan(chunks=200, objects=200, requests=200, nbytes_read=64_000_000, nbytes_needed=1600,
    ...                 round_trips=200)
    >>> plan
    <ReadPlan: 200 requests for 200 chunks in 200 objects, 64.0 MB read for 1.6 kB needed (40,000x)>
    >>> plan.seconds(latency_s=0.1, bandwidth_Bps=100e6, concurrency=10)
    2.64
    """

    requests: int
    nbytes_needed: int

    @property
    def amplification(self) -> float:
        """Bytes read for each byte needed; 1 if nothing is."""
        return self.nbytes_read / self.nbytes_needed if self.nbytes_needed else 1.0

    def price(self, prices: Prices, *, to_internet: bool = False) -> float:
        """Price the read.

        Parameters
        ----------
        prices : Prices
            What requests and transfer cost, such as `helpers.cost.S3_STANDARD`.
        to_internet : bool, default False
            Whether the reader is outside the cloud. A reader in the same region pays for requests only.

        Returns
        -------
        float
            US dollars.

        Examples
        --------
        >>> from helpers.cost import S3_STANDARD
        >>> million = 10**6
        >>> plan = ReadPlan(chunks=million, objects=million, requests=million, nbytes_read=2**30,
        ...                 nbytes_needed=0, round_trips=million)
        >>> round(plan.price(S3_STANDARD), 2), round(plan.price(S3_STANDARD, to_internet=True), 2)
        (0.4, 0.49)
        """
        out = prices.transfer(self.nbytes_read) if to_internet else 0.0
        return self.requests * prices.get_usd + out

    def __repr__(self) -> str:
        got, need = format_nbytes(self.nbytes_read), format_nbytes(self.nbytes_needed)
        where = f"{format_count(self.requests, 'request')} for {_where(self.chunks, self.objects)}"
        return f"<ReadPlan: {where}, {got} read for {need} needed ({_times(self.amplification)})>"


@dataclass(frozen=True, repr=False, kw_only=True)
class WritePlan(_Plan):
    """Hold what writing a selection will take; `helpers.cost.plan_write` makes it.

    Parameters
    ----------
    chunks : int
        Chunks that hold any of the selection.
    objects : int
        Stored objects that do: shards, or chunks without shards.
    reads, writes : int
        Requests of each kind: an object that is written in part is read first.
    nbytes_read, nbytes_written : int
        Bytes that come back and that are sent, not compressed.
    nbytes_given : int
        Bytes of the elements selected.
    round_trips : int
        Latencies waited for if objects were written one after the other.

    Examples
    --------
    >>> WritePlan(chunks=1, objects=1, reads=1, writes=1, nbytes_read=800, nbytes_written=800, nbytes_given=8,
    ...           round_trips=2)
    <WritePlan: 1 read (800 B), 1 write (800 B) for 1 chunk in 1 object, 8 B given (200x)>
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

    def price(self, prices: Prices, *, to_internet: bool = False) -> float:
        """Price the write; keeping what was written costs extra: `helpers.cost.Prices.storage`.

        Parameters
        ----------
        prices : Prices
            What requests and transfer cost.
        to_internet : bool, default False
            Whether the writer is outside the cloud, and pays for what it reads first.

        Returns
        -------
        float
            US dollars.
        """
        out = prices.transfer(self.nbytes_read) if to_internet else 0.0
        return self.reads * prices.get_usd + self.writes * prices.put_usd + out

    def __repr__(self) -> str:
        reads = f"{format_count(self.reads, 'read')} ({format_nbytes(self.nbytes_read)})"
        writes = f"{format_count(self.writes, 'write')} ({format_nbytes(self.nbytes_written)})"
        given = f"{format_nbytes(self.nbytes_given)} given ({_times(self.amplification)})"
        return f"<WritePlan: {reads}, {writes} for {_where(self.chunks, self.objects)}, {given}>"


def _check_link(latency_s: float, bandwidth_Bps: float | None, concurrency: int) -> None:  # noqa: N803
    require_number("latency_s", latency_s, ok=lambda x: 0 <= x < math.inf, allowed="finite, 0 or more")
    require_number("concurrency", concurrency, ok=lambda x: x >= 1, allowed="1 or more")
    if bandwidth_Bps is not None:
        require_number("bandwidth_Bps", bandwidth_Bps, ok=lambda x: x > 0, allowed="above 0, or None")


def _where(chunks: int, objects: int) -> str:
    return f"{format_count(chunks, 'chunk')} in {format_count(objects, 'object')}"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}x" if ratio >= 100 else f"{ratio:,.3g}x"


def plan_read(
    shape: Sizes, dtype: npt.DTypeLike, chunks: Sizes, selection: Selection, *, shards: Sizes | None = None
) -> ReadPlan:
    """Predict what zarr will ask of a store to read `array[selection]`.

    Parameters
    ----------
    shape, chunks : int or tuple of int
        Elements of the array and of a chunk in each dimension.
    dtype : dtype-like
        Data type of fixed size.
    selection : int, slice, Ellipsis or tuple of these
        What stands between the brackets; `numpy.s_` writes it down.
    shards : int or tuple of int, optional
        Elements of a shard in each dimension, if the array has shards.

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

    The time taken does not depend on the size of the array, but on how many patterns a step longer than a
    chunk makes in the shards of each dimension.

    Examples
    --------
    >>> import numpy as np
    >>> plan_read((200, 200, 200), "f8", (1, 200, 200), np.s_[:, 0, 0])
    <ReadPlan: 200 requests for 200 chunks in 200 objects, 64.0 MB read for 1.6 kB needed (40,000x)>
    >>> plan_read((200, 200, 200), "f8", (20, 20, 20), np.s_[:, 0, 0], shards=(200, 200, 200))
    <ReadPlan: 4 requests for 10 chunks in 1 object, 1.4 MB read for 1.6 kB needed (890x)>
    """
    grid = parse_grid(shape, dtype, chunks=chunks, shards=shards)
    return plan_picks(parse_selection(selection, grid.shape), grid)


def plan_picks(picks: tuple[Picks, ...], grid: Grid) -> ReadPlan:
    """Predict a read as `plan_read` does, from what is parsed already.

    Parameters
    ----------
    picks : tuple of Picks
        What is selected in each dimension.
    grid : Grid
        How the array is cut up.

    Returns
    -------
    ReadPlan
        The same.

    Examples
    --------
    >>> plan_picks(parse_selection(0, (100,)), parse_grid(100, "u1", chunks=10, shards=None))
    <ReadPlan: 1 request for 1 chunk in 1 object, 10 B read for 1 B needed (10x)>
    """
    touched = _touched(picks, grid.chunks)
    needed = math.prod(pick.count for pick in picks) * grid.itemsize
    if grid.shards is None or touched == 0:
        return ReadPlan(
            chunks=touched,
            objects=touched,
            requests=touched,
            nbytes_read=touched * grid.chunk_nbytes,
            nbytes_needed=needed,
            round_trips=touched,
        )
    reads = read_shards(picks, grid)
    return ReadPlan(
        chunks=touched,
        objects=_touched(picks, grid.shards),
        requests=reads.requests,
        nbytes_read=reads.nbytes,
        nbytes_needed=needed,
        round_trips=reads.round_trips,
    )


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
        nbytes_given=math.prod(pick.count for pick in picks) * grid.itemsize,
        round_trips=2 * objects - covered,
    )


def _touched(picks: tuple[Picks, ...], sizes: tuple[int, ...]) -> int:
    return math.prod(count_touched(pick, size) for pick, size in zip(picks, sizes, strict=True))


def _covered(picks: tuple[Picks, ...], grid: Grid) -> int:
    # zarr takes a chunk to end where the array does, but a shard where it is stored to end.
    if grid.shards is None:
        cells = zip(picks, grid.chunks, grid.shape, strict=True)
    else:
        ends = [-(-length // size) * size for length, size in zip(grid.shape, grid.shards, strict=True)]
        cells = zip(picks, grid.shards, ends, strict=True)
    return math.prod(count_covered(pick, size, limit=limit) for pick, size, limit in cells)


def _stored_nbytes(picks: tuple[Picks, ...], grid: Grid) -> int:
    """Count the bytes of all objects that are touched, if the array is written in full."""
    objects = _touched(picks, grid.shards or grid.chunks)
    if grid.shards is None or objects == 0:
        return objects * grid.chunk_nbytes
    present = 1
    for pick, chunk, shard, length in zip(picks, grid.chunks, grid.shards, grid.shape, strict=True):
        in_last = -(-(length - pick.last // shard * shard) // chunk)
        present *= (count_touched(pick, shard) - 1) * (shard // chunk) + min(shard // chunk, in_last)
    return present * grid.chunk_nbytes + objects * _object_nbytes(0, grid)


def _object_nbytes(chunks: int, grid: Grid) -> int:
    if grid.shards is None:
        return chunks * grid.chunk_nbytes
    return chunks * grid.chunk_nbytes + index_nbytes(math.prod(grid.shards) // math.prod(grid.chunks))
