"""Streams frames through zarr 2.18's RedisStore and prints what each step takes, for `benchmarks.streaming`.

It runs in an environment of its own (`python benchmarks/_zarr2_stream.py PORT`), since zarr 2 and zarr 3 share a name.
The arrays are those of `helpers.stream`: a ring of uncompressed frames and the step in each slot.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE, SLOTS, WINDOW, REPEATS = (512, 512), 200, 100, 200


def main(port: int) -> None:
    """Print the median milliseconds of each kind of request as one line of JSON."""
    store = zarr.storage.RedisStore(port=port)  # type: ignore[attr-defined] # zarr 2
    root: Any = zarr.open_group(store, mode="w")
    frames = root.zeros("frames", shape=(SLOTS, *SHAPE), chunks=(1, *SHAPE), dtype="uint8", compressor=None)
    labels = root.full("time", shape=(SLOTS,), chunks=(SLOTS,), dtype="int64", fill_value=-1, compressor=None)
    frame = np.random.default_rng(7).integers(0, 2, SHAPE, dtype="uint8")

    def publish(step: int) -> None:
        frames[step % SLOTS] = frame
        labels[step % SLOTS] = step

    def latest(_: int) -> None:
        frames[int(labels[:].argmax())]

    def window(_: int) -> None:
        slots = np.sort(labels[:])[-WINDOW:] % SLOTS
        frames[int(slots.min()) : int(slots.max()) + 1]  # here they lie side by side, as suits zarr 2 best

    measured = {
        "publish": median_ms(publish, REPEATS + SLOTS),
        "latest": median_ms(latest, REPEATS),
        "window": median_ms(window, 5) / WINDOW,
    }
    print(json.dumps(measured))


def median_ms(act: Callable[[int], None], repeats: int) -> float:
    """Return the median time of `act`, in milliseconds."""
    seconds = []
    for step in range(repeats):
        begin = time.perf_counter()
        act(step)
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds) * 1000


if __name__ == "__main__":
    main(int(sys.argv[1]))
