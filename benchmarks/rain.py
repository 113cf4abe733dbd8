"""Measures how fast files of 3B42RT are decoded, beside unpacking them alone, and how fast rain is simulated.

Run as `python -m benchmarks.rain`. Files lie in memory, packed by `encode`, and once more as gzip packs them unless
told otherwise: smaller, and slower to unpack. Each file is unpacked and decoded in turn, so that what else the
machine does falls on both alike; all of it is checked. Ratios are medians; rates are the best of several rounds,
counted in processor time, which is what one core does when it is left alone.
"""

from __future__ import annotations

import gzip
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from helpers.rain import decode, encode, simulate

if TYPE_CHECKING:
    from collections.abc import Callable

FILES, START = 8, np.datetime64("2015-03-11T00")
STEP = np.timedelta64(3, "h")


def rows(*, repeats: int = 15) -> list[dict[str, str | bool]]:
    """Measure decoding and simulating.

    Parameters
    ----------
    repeats : int, default 15
        Rounds over the files.

    Returns
    -------
    list of dict
        Rows with keys `name`, `figure`, `limit` and `ok`.
    """
    times = [START + number * STEP for number in range(FILES)]
    files = [encode(simulate(each, seed=7)) for each in times]
    smaller = [gzip.compress(gzip.decompress(file), 6) for file in files]
    step = min(_seconds(simulate, each, seed=7) for each in times * 2)
    return [
        *_decoding("rain.decode, precipitation", files, repeats, limit=100),
        *_decoding("rain.decode, precipitation, files packed with gzip -6", smaller, repeats, limit=None),
        _row("rain.simulate, one step", f"{step * 1000:.0f} ms", "< 50 ms", step < 0.05),
    ]


def _decoding(name: str, files: list[bytes], repeats: int, *, limit: float | None) -> list[dict[str, str | bool]]:
    turns = [
        (_seconds(gzip.decompress, file), _seconds(decode, file, fields="precipitation")) for file in files * repeats
    ]
    share = statistics.median(unpacking / decoding for unpacking, decoding in turns)
    decoding = [seconds for _, seconds in turns]
    rate = len(files) / min(sum(decoding[n : n + len(files)]) for n in range(0, len(turns), len(files)))
    return [
        _row(name, f"{rate:.0f} files/s", f"≥ {limit}" if limit else "-", not limit or rate >= limit),
        _row("  in the speed of gunzip alone", f"{share:.0%}", "≥ 60 %", share >= 0.6),
    ]


def _row(name: str, figure: str, limit: str, ok: bool) -> dict[str, str | bool]:
    return {"name": name, "figure": figure, "limit": limit, "ok": ok}


def _seconds[**P](work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    begin = time.process_time()
    work(*args, **kwargs)
    return time.process_time() - begin


if __name__ == "__main__":
    for row in rows():
        print(row)
