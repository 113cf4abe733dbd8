"""Compares what a read from a far server is planned to take with what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import zarr

from helpers.cost import plan_read
from helpers.measure.layouts import seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from helpers.cost import Selection
    from helpers.servers import CountingProxy

__all__ = ["compare_with_plan"]

# A measured time that is this close to the planned one, as a share of it, needs no second try.
CLOSE = 0.2


def compare_with_plan(
    server: CountingProxy,
    arrays: Mapping[str, zarr.Array[Any]],
    *,
    selection: Selection,
    reads: Sequence[tuple[str, int]],
    latency_s: float = 0,
    bandwidth_Bps: float | None = None,  # noqa: N803
    at_hand_s: float = 0,
    tries: int = 3,
) -> pd.DataFrame:
    """Read one selection of several arrays, and set what it takes beside the plan.

    Parameters
    ----------
    server : CountingProxy
        Where the arrays lie, such as an `S3Server`. It begins to count anew.
    arrays : mapping of str to zarr.Array
        The arrays by their names, not compressed.
    selection : selection
        What stands between the brackets.
    reads : sequence of (str, int)
        The name of the array, and how many requests are under way at once, for each row.
    latency_s, bandwidth_Bps
        As `server` has them.
    at_hand_s : float, default 0
        Seconds that the read with the most requests takes where there is no latency: what this machine itself
        needs for it. A plan knows of the network only.
    tries : int, default 3
        How often to make each read at most, until one comes close to the plan. The fastest counts: other work on
        this machine only ever makes a read slower.

    Returns
    -------
    pandas.DataFrame
        One row for each read, with columns ``planned`` and ``counted`` for ``requests`` and ``bytes``, and
        ``planned`` and ``measured`` for ``seconds``.

    Notes
    -----
    A read is as slow as the network or as this machine, whichever takes longer: planned are the seconds of
    `helpers.cost.ReadPlan.seconds`, or `at_hand_s` and one latency for its share of the requests, if that is more.

    Examples
    --------
    >>> import numpy as np, zarr
    >>> from obstore.store import S3Store
    >>> from zarr.storage import ObjectStore
    >>> from helpers.servers import s3_server
    >>> with s3_server(latency_s=0.05) as server:
    ...     server.create_bucket("archive")
    ...     store = ObjectStore(S3Store("archive"))
    ...     z = zarr.create_array(store, data=np.ones((20, 8)), chunks=(1, 8), compressors=None)
    ...     reads = [("rows", 10)]
    ...     table = compare_with_plan(server, {"rows": z}, selection=np.s_[:, 0], reads=reads, latency_s=0.05)
    >>> table["requests"].to_numpy().tolist(), table["bytes"].to_numpy().tolist()
    ([[20, 20]], [[1280, 1280]])
    """
    plans = {
        name: plan_read(array.shape, array.dtype, array.chunks, selection, shards=array.shards)
        for name, array in arrays.items()
    }
    most = max(plan.requests for plan in plans.values())
    rows = []
    for name, under_way in reads:
        plan = plans[name]
        over_network = plan.seconds(latency_s=latency_s, bandwidth_Bps=bandwidth_Bps, concurrency=under_way)
        planned_s, took_s = max(over_network, latency_s + at_hand_s * plan.requests / most), float("inf")
        for _ in range(tries):
            server.reset()
            with zarr.config.set({"async.concurrency": under_way}):
                took_s = min(took_s, seconds_of(arrays[name].__getitem__, selection))  # type: ignore[arg-type]
            if abs(took_s - planned_s) <= CLOSE * planned_s:
                break
        counted = sum(server.requests.values()), sum(server.nbytes.values())
        rows.append([plan.requests, counted[0], plan.nbytes_read, counted[1], planned_s, took_s])
    kinds = [("requests", "counted"), ("bytes", "counted"), ("seconds", "measured")]
    columns = [column for what, how in kinds for column in ((what, "planned"), (what, how))]
    return pd.DataFrame(
        rows,
        index=pd.MultiIndex.from_tuples(reads, names=["array", "under way"]),
        columns=pd.MultiIndex.from_tuples(columns),
    )
