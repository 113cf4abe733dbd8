"""Measures how long the first four lessons take to execute together, two at a time.

Run as `python -m benchmarks.lessons`.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import nbformat

from tools.lessons import NOTEBOOKS
from tools.render import render

FIRST = ("01", "02", "03", "05")
LIMIT_S = 60


def rows() -> list[dict[str, str | bool]]:
    """Execute the lessons on fresh kernels, on two cores.

    Returns
    -------
    list of dict
        One row with keys `name`, `figure`, `limit` and `ok`.
    """
    paths = [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if path.name[:2] in FIRST]
    notebooks = [nbformat.read(path, as_version=4) for path in paths]
    start = time.perf_counter()
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda notebook: render(notebook, folder=NOTEBOOKS), notebooks))
    seconds = time.perf_counter() - start
    name = f"Lessons {', '.join(path.name[:2] for path in paths)}, kernels included"
    return [{"name": name, "figure": f"{seconds:.0f} s", "limit": f"< {LIMIT_S} s", "ok": seconds < LIMIT_S}]


if __name__ == "__main__":
    for row in rows():
        print(row)
