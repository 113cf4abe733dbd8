"""Holds what a read or a write of an array will take: requests, bytes, time and money."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.units import format_count, format_nbytes, require_number

if TYPE_CHECKING:
    from helpers.prices import Prices

__all__ = ["BANDWIDTH_BPS", "CONCURRENCY", "LATENCY_S", "ReadPlan", "WritePlan"]

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
    """Hold what reading a selection will take; `helpers.chunks.plan_read` makes it.

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
            What requests and transfer cost, such as `helpers.prices.S3_STANDARD`.
        to_internet : bool, default False
            Whether the reader is outside the cloud. A reader in the same region pays for requests only.

        Returns
        -------
        float
            US dollars.

        Examples
        --------
        >>> from helpers.prices import S3_STANDARD
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
    """Hold what writing a selection will take; `helpers.chunks.plan_write` makes it.

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
        """Price the write; keeping what was written costs extra: `helpers.prices.Prices.storage`.

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
