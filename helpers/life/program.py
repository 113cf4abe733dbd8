"""Runs Life: as a function that publishes frames, as a program that streams them into Redis, found or started.

What needs Redis and Zarr imports them when it is called: Life itself does without.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from tqdm import tqdm

from helpers.life.grids import PATTERNS, place, random_grid, require_grid, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from helpers.redis import RedisStore
    from helpers.stream import FrameReader

    type Cells = npt.NDArray[np.uint8]

__all__ = ["ensure_life", "main", "run"]

SEED = 7
OPTIONS = ("--shape", "128", "128", "--fps", "10", "--slots", "100", "--quiet")
START_S = 30  # how long a program may take to publish its first frame
PULSE_S = 2  # a stream without a new frame for so long does not run
_STIR_EVERY = 100  # steps
_STIR_AREA, _STIR_SIDE = 10_000, 8  # cells that share one patch, and the length of its sides
_NAP_S = 0.05  # how long a stop can go unnoticed
_ARREARS_S = 1.0  # how much lost time is made good at most


class Writer(Protocol):
    """What `run` publishes to, as `helpers.stream.FrameWriter` or a list."""

    def append(self, frame: Cells, /) -> object:
        """Publish one frame."""


def run(
    writer: Writer,
    grid: npt.NDArray[np.bool] | Cells,
    *,
    steps: int | None = None,
    fps: float | None = None,
    stir_seed: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: bool = False,
) -> Cells:
    """Publish a grid and the generations that follow it.

    Parameters
    ----------
    writer : Writer
        Whose ``append`` takes each frame.
    grid : numpy.ndarray of bool or uint8
        The first frame, of shape (rows, columns).
    steps : int, optional
        Frames to publish in all; without it there is no end.
    fps : float, optional
        Frames per second; without it, or with 0, as fast as `writer` takes them.
    stir_seed : int, optional
        Stir the grid now and then, the same way for the same seed. Without it Life goes its way, and settles.
    stop : callable, optional
        Asked before each frame, and twenty times a second between frames; the run ends when it says True. The
        ``is_set`` of a `threading.Event` will do.
    progress : bool, default False
        Whether to show frames and frames per second on stderr.

    Returns
    -------
    numpy.ndarray of uint8
        The last frame published; the first one when there was none.

    Raises
    ------
    ValueError
        If `step` does not take `grid`.

    Notes
    -----
    Frames are due by the clock: one that is late does not delay those after it. After a long stall at most a second is
    made good. A random grid settles within some thousand steps: what is left stands still, blinks or glides. Stirring
    keeps it going: every 100 steps patches of 8 x 8 random cells fall on it, one for each 10,000 cells.

    Examples
    --------
    >>> frames = []
    >>> last = run(frames, place(np.zeros((64, 64), "uint8"), "r-pentomino"), steps=8)
    >>> [int(frame.sum()) for frame in frames]
    [5, 6, 7, 9, 8, 9, 12, 11]
    """
    require_grid(grid)
    last = grid.astype(np.uint8)
    frames = islice(_generations(last, stir_seed), steps)
    with tqdm(total=steps, desc="life", unit=" frames", disable=not progress) as bar:
        for last in _paced(frames, fps, stop):
            writer.append(last)
            bar.update()
    return last


@contextlib.contextmanager
def ensure_life() -> Iterator[FrameReader]:
    """Give a reader of a stream of Life for as long as a `with` block lasts.

    The stream is the one under the prefix ``life`` in the Redis that the environment variable ``REDIS_URL`` names, or
    without it in the one on port 7777 of this machine. If none runs there, a Redis and the program ``python -m
    helpers.life`` are started: 128 x 128 cells, 10 frames a second, without end. They end with the block.

    Yields
    ------
    helpers.stream.FrameReader
        Of a stream that runs.

    Raises
    ------
    RuntimeError
        If the program ends, or publishes nothing for 30 s, instead of streaming.

    Notes
    -----
    In a Redis that was found nothing is written. What was started is gone when this Python is gone, even if it is
    killed: see `helpers.servers`.

    Examples
    --------
    >>> with ensure_life() as reader:
    ...     frames = reader.follow()
    ...     first, second = next(frames), next(frames)
    ...     frames.close()
    >>> bool(second.time > first.time)
    True
    """
    from helpers.redis import DEFAULT_URL, RedisStore
    from helpers.servers import guarded_program, redis_server
    from helpers.stream import FrameReader

    with contextlib.ExitStack() as stack:
        store = stack.enter_context(RedisStore(os.environ.get("REDIS_URL") or DEFAULT_URL, prefix="life"))
        if not _streams(store):
            server = stack.enter_context(redis_server())
            store = stack.enter_context(RedisStore(server.url, prefix="life"))
            arguments = ("-m", "helpers.life", "--url", server.url, *OPTIONS)
            program = stack.enter_context(guarded_program(Path(sys.executable), arguments))
            deadline = time.monotonic() + START_S
            while not store.keys.exists("frames/c/0/0/0"):
                if program.ended(within_s=0.05) or time.monotonic() > deadline:
                    msg = f"Life does not stream. It says:\n{program.said()}"
                    raise RuntimeError(msg)
        yield stack.enter_context(FrameReader(store))


def main(arguments: Sequence[str] | None = None) -> int:
    """Stream Life into Redis until SIGINT or SIGTERM; return 1 when that cannot be done, else 0."""
    with _signals() as stop:
        options = _options(arguments)
        from helpers.redis import RedisStore
        from helpers.stream import FrameWriter

        stir_seed = SEED if options.pattern == "random" else None
        pace = {"steps": options.steps, "fps": options.fps}
        try:
            grid = random_grid(options.shape, seed=SEED)
            if options.pattern != "random":
                grid = place(np.zeros_like(grid), options.pattern)
            with (
                RedisStore(options.url, prefix=options.prefix) as store,
                FrameWriter(store, grid.shape, slots=options.slots) as writer,
            ):
                run(writer, grid, **pace, stir_seed=stir_seed, stop=stop, progress=not options.quiet)
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def _generations(grid: Cells, stir_seed: int | None) -> Iterator[Cells]:
    rng = np.random.default_rng(stir_seed)
    for age in count(1):
        yield grid
        grid = step(grid)
        if stir_seed is not None and age % _STIR_EVERY == 0:
            for _ in range(max(grid.size // _STIR_AREA, 1)):
                rows, columns = ((rng.integers(n) + np.arange(_STIR_SIDE)) % n for n in grid.shape)
                grid[np.ix_(rows, columns)] = rng.integers(2, size=(_STIR_SIDE, _STIR_SIDE))


def _paced(frames: Iterable[Cells], fps: float | None, stop: Callable[[], bool]) -> Iterator[Cells]:
    due = time.monotonic()
    for frame in frames:
        while not stop() and (wait_s := due - time.monotonic()) > 0:
            time.sleep(min(wait_s, _NAP_S))
        if stop():
            return
        yield frame
        if fps:
            due = max(due + 1 / fps, time.monotonic() - _ARREARS_S)


def _streams(store: RedisStore) -> bool:
    """Return whether frames come in: the newest one, which may be old, and another."""
    from helpers.stream import FrameReader

    try:
        with FrameReader(store) as reader, contextlib.closing(reader.follow(timeout_s=PULSE_S)) as frames:
            return len(list(islice(frames, 2))) == 2
    except OSError:  # no Redis, no stream, no frame in time
        return False


@contextlib.contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Note SIGINT and SIGTERM instead of dying of them; what is yielded says whether one came."""
    came: list[int] = []
    before = {each: signal.signal(each, lambda each, _: came.append(each)) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for each, action in before.items():
            signal.signal(each, action)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m helpers.life", description="Stream Conway's Game of Life into Redis.")
    add = parser.add_argument
    add("--url", default="redis://127.0.0.1:7777", help="the server (%(default)s)")
    add("--prefix", default="life", help="what the keys begin with (%(default)s)")
    add("--shape", nargs=2, type=int, default=(512, 512), metavar=("ROWS", "COLUMNS"), help="cells (512 512)")
    add("--pattern", choices=["random", *PATTERNS], default="random", metavar="NAME", help="%(choices)s (%(default)s)")
    add("--fps", type=float, default=30.0, help="frames per second (%(default)s); 0: as fast as possible")
    add("--steps", type=int, help="frames in all (no end)")
    add("--slots", type=int, default=200, help="frames that are kept (%(default)s)")
    add("--quiet", action="store_true", help="show no progress")
    return parser.parse_args(arguments)
