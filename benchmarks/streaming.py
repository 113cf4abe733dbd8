"""Measures `helpers.stream` on a real Redis, against redis-py on the same bytes and against zarr 2.18's RedisStore.

Run as `python -m benchmarks.streaming`. Frames are 512 x 512 uint8. What is compared is done by turns, so that what
else the machine does falls on both alike; a figure is the ratio of the medians. zarr 2.18 runs in an environment of
its own, ``.venv-zarr2``, which is made on the first run and needs the network for that.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import venv
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import redis

from helpers.life import random_grid, step
from helpers.redis import RedisStore
from helpers.servers import redis_server
from helpers.stream import FrameReader, FrameWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHAPE, SLOTS, WINDOW, MANY = (512, 512), 200, 100, 5000
ZARR2 = Path(__file__).parent.parent / ".venv-zarr2"
ZARR2_PINS = ("zarr==2.18.7", "redis==8.1.0")

type Row = dict[str, str | bool]


def rows(*, repeats: int = 300) -> list[Row]:
    """Measure publishing and reading.

    Parameters
    ----------
    repeats : int, default 300
        How often each thing is done; windows are read a tenth as often.

    Returns
    -------
    list of dict
        Rows with keys `name`, `figure`, `limit` and `ok`.
    """
    with redis_server() as server:
        ours = _against_redis_py(server.url, repeats)
        held = _latest_ratio(server.url, repeats)
        per_second = _frames_per_second(server.url)
        old = _zarr2(server.port)
    return [
        *(_ratio_row(f"{what}, times redis-py", mine / raw, limit) for what, mine, raw, limit in ours),
        _ratio_row(f"latest with {MANY:,} frames held, times 10 held", held, 1.2),
        _row("Life 512 x 512, simulated and published", per_second, 500, "frames/s"),
        *_zarr2_rows(old, {what: mine for what, mine, _, _ in ours}),
    ]


def _against_redis_py(url: str, repeats: int) -> list[tuple[str, float, float, float]]:
    """Return what was done, our milliseconds, those of redis-py for the same bytes, and the limit of their ratio."""
    frame = np.random.default_rng(7).integers(0, 2, SHAPE, dtype="uint8")
    with (
        RedisStore(url, prefix="bench") as store,
        redis.Redis.from_url(url, protocol=2) as client,
        FrameWriter(store, SHAPE, slots=SLOTS) as writer,
    ):
        value, labels, numbers = frame.tobytes(), bytes(8 * SLOTS), count()

        def publish_raw() -> None:
            batch = client.pipeline(transaction=True)
            slot = next(numbers) % SLOTS
            batch.set(f"raw:{slot}", value).set("raw:time", labels).set("raw:newest", b"12345678")
            batch.publish("raw", b"12345678").execute()

        publish = _by_turns(lambda: writer.append(frame), publish_raw, repeats + SLOTS)
        reader = FrameReader(store)
        latest = _by_turns(reader.latest, lambda: client.get("raw:7"), repeats)
        names = [f"raw:{slot}" for slot in range(WINDOW)]

        def copy_raw() -> None:
            with client.pipeline(transaction=True) as batch:
                for name in names:
                    batch.copy(name, f"copy:{name}", replace=True)
                batch.execute()
            client.mget([f"copy:{name}" for name in names])
            client.unlink(*(f"copy:{name}" for name in names))

        now = _by_turns(lambda: reader.window(WINDOW, lazy=False), lambda: client.mget(names), repeats // 10)
        window = _by_turns(lambda: reader.window(WINDOW).compute(), copy_raw, repeats // 10)
    return [
        ("publish", *publish, 1.1),
        ("latest", *latest, 2.0),
        ("window read at once", now[0] / WINDOW, now[1] / WINDOW, 1.3),
        ("window", window[0] / WINDOW, window[1] / WINDOW, 1.3),
    ]


def _latest_ratio(url: str, repeats: int) -> float:
    """Return how much longer the newest frame takes when many frames are held."""
    readers = []
    for slots in (MANY, 10):
        store = RedisStore(url, prefix=f"held-{slots}")
        with FrameWriter(store, (100, 100), slots=slots) as writer:
            for _ in range(slots):
                writer.append(np.ones((100, 100), "uint8"))
        readers.append(FrameReader(store))
    many, few = _by_turns(readers[0].latest, readers[1].latest, repeats)
    return many / few


def _frames_per_second(url: str, frames: int = 1000) -> float:
    """Return how many steps of Life a second are simulated and published."""
    grid = random_grid(SHAPE, seed=7)
    with RedisStore(url, prefix="life") as store, FrameWriter(store, SHAPE, slots=SLOTS) as writer:
        begin = time.perf_counter()
        for _ in range(frames):
            writer.append(grid)
            grid = step(grid)
        return frames / (time.perf_counter() - begin)


def _zarr2(port: int) -> dict[str, float]:
    """Return the milliseconds of zarr 2.18 for the same, nothing where it cannot be installed."""
    python = ZARR2 / "bin" / "python"
    if not python.exists():
        venv.create(ZARR2, with_pip=True)
    install = [str(python), "-m", "pip", "install", "--quiet", *ZARR2_PINS]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        return {}
    program = Path(__file__).parent / "_zarr2_stream.py"
    ran = subprocess.run([str(python), str(program), str(port)], capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(ran.stdout)
    return measured


def _zarr2_rows(old: dict[str, float], new: dict[str, float]) -> Iterator[Row]:
    if not old:
        yield {"name": "zarr 2.18's RedisStore (no network to install it)", "figure": "-", "limit": "-", "ok": True}
    for what, its in old.items():
        yield _ratio_row(f"{what}, times zarr 2.18's RedisStore ({its:.2f} ms)", new[what] / its, 1.0)


def _by_turns(one: Callable[[], object], other: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the median milliseconds of two things done by turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for act, seconds in zip((one, other), taken, strict=True):
            begin = time.perf_counter()
            act()
            seconds.append(time.perf_counter() - begin)
    return statistics.median(taken[0]) * 1000, statistics.median(taken[1]) * 1000


def _ratio_row(name: str, ratio: float, limit: float) -> Row:
    return {"name": name, "figure": f"{ratio:.2f} x", "limit": f"<= {limit:g} x", "ok": ratio <= limit}


def _row(name: str, figure: float, least: float, unit: str) -> Row:
    return {"name": name, "figure": f"{figure:,.0f} {unit}", "limit": f">= {least:,.0f}", "ok": figure >= least}


if __name__ == "__main__":
    for row in rows():
        print(row)
    sys.exit()
