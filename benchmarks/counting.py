"""Measures what counting costs: 10,000 small chunks read from memory, with and without `CountingStore`.

Run as `python -m benchmarks.counting`. The chunks are read a block at a time, each block from one store and then
from the other, so that what else the machine does falls on both alike; the figure is the median of the ratios.
"""

from __future__ import annotations

import gc
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.storage import MemoryStore

from helpers.counting import CountingStore

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNKS, IN_BLOCK, LENGTH = 10_000, 250, 8
LIMIT = 1.05


def rows(*, repeats: int = 5) -> list[dict[str, str | bool]]:
    """Measure the cost of counting.

    Parameters
    ----------
    repeats : int, default 5
        How often to read all chunks from each store.

    Returns
    -------
    list of dict
        One row with keys `name`, `figure`, `limit` and `ok`.
    """
    store = MemoryStore()
    zarr.create_array(store, data=np.arange(1, CHUNKS * LENGTH + 1), chunks=(LENGTH,), compressors=None)
    arrays = [zarr.open_array(each, mode="r") for each in (store, CountingStore(store))]
    ratio = statistics.median(ratio for _ in range(repeats) for ratio in _ratios(*arrays))
    name = f"CountingStore, reading {CHUNKS:,} chunks from memory"
    return [{"name": name, "figure": f"{ratio - 1:+.1%}", "limit": f"< {LIMIT - 1:+.0%}", "ok": ratio < LIMIT}]


def _ratios(bare: zarr.Array[Any], counting: zarr.Array[Any]) -> Iterator[float]:
    size = IN_BLOCK * LENGTH
    for turn, start in enumerate(range(0, bare.shape[0], size)):
        block = slice(start, start + size)
        if turn % 2:
            without, counted = _seconds(bare, block), _seconds(counting, block)
        else:
            counted, without = _seconds(counting, block), _seconds(bare, block)
        yield counted / without


def _seconds(array: zarr.Array[Any], block: slice) -> float:
    # A collection falls on either of the two by chance, and takes longer than counting does.
    gc.collect()
    gc.disable()
    begin = time.process_time()
    _ = array[block]
    seconds = time.process_time() - begin
    gc.enable()
    return seconds


if __name__ == "__main__":
    for row in rows():
        print(row)
