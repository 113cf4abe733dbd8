"""Measures how fast a plan is made: for an array with 10⁸ chunks, and for chunks suggested for a 40-year map.

Run as `python -m benchmarks.planning`. Neither plan is remembered from one turn to the next; the figure is
the median.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import numpy as np

from helpers.cost import plan_read, suggest_chunks
from helpers.measure import seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from helpers.cost import Selection

SHAPE, CHUNKS = (10**8, 10**8), (10**4, 10**4)
HOURLY = (350_640, 721, 1440)


def rows(*, repeats: int = 101) -> list[dict[str, str | bool]]:
    """Measure how long plans take.

    Parameters
    ----------
    repeats : int, default 101
        How often to make the plan of a plane; a tenth of that for suggestions.

    Returns
    -------
    list of dict
        Rows with keys `name`, `figure`, `limit` and `ok`.
    """
    plane = _seconds(lambda: plan_read(SHAPE, "f4", CHUNKS, np.s_[:, 5]), repeats)
    reads: list[tuple[Selection, float]] = [(np.s_[:, 300, 700], 1.0), (np.s_[1000], 1.0)]
    suggestion = _seconds(lambda: suggest_chunks(HOURLY, "f4", reads), max(repeats // 10, 1))
    return [
        _row("plan_read of a plane through 10⁸ chunks", plane, limit_s=1e-3),
        _row("suggest_chunks for a 40-year hourly map", suggestion, limit_s=1.0),
    ]


def _row(name: str, seconds: float, *, limit_s: float) -> dict[str, str | bool]:
    figure, limit = f"{seconds * 1000:.3g} ms", f"< {limit_s * 1000:g} ms"
    return {"name": name, "figure": figure, "limit": limit, "ok": seconds < limit_s}


def _seconds(make: Callable[[], object], repeats: int) -> float:
    return statistics.median(seconds_of(make) for _ in range(repeats))


if __name__ == "__main__":
    for row in rows():
        print(row)
