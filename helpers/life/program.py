"""Runs Conway's Game of Life on a torus; `python -m helpers.life` streams it into Redis."""

from __future__ import annotations

import argparse
import math
import signal
import sys
import time
from contextlib import contextmanager
from itertools import count, islice
from typing import TYPE_CHECKING, Protocol

import numpy as np
from tqdm import tqdm

from helpers.life.grids import PATTERNS, place, random_grid, require_cells, step
from helpers.units import is_integer, require_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt

__all__ = ["PATTERNS", "Writer", "place", "random_grid", "run", "step"]


_STIR_EVERY = 100  # steps
_STIR_AREA, _STIR_SIDE = 10_000, 8  # cells that share one patch, and the length of its sides
_NAP_S = 0.05  # how long a stop can go unnoticed
_ARREARS_S = 1.0  # how much lost time is made good at most

type _Cells = npt.NDArray[np.uint8]


class Writer(Protocol):
    """Take frames, as `helpers.stream.FrameWriter` does, or a list."""

    def append(self, frame: _Cells, /) -> object:
        """Publish one frame."""


def run(
    writer: Writer,
    grid: npt.NDArray[np.bool] | npt.NDArray[np.uint8],
    *,
    steps: int | None = None,
    fps: float | None = None,
    stir_seed: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: bool = False,
) -> _Cells:
    """Publish a grid and the generations that follow it.

    Parameters
    ----------
    writer : Writer
        Whose ``append`` takes each frame.
    grid : numpy.ndarray of bool or uint8
        The first frame, of shape (rows, columns).
    steps : int, optional
        Frames to publish in all, at least 1; without it there is no end.
    fps : float, optional
        Frames per second; without it as fast as `writer` takes them.
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
    TypeError, ValueError
        If `step` does not take `grid`, or `steps` or `fps` is no number above 0.

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
    require_cells(grid)
    _require_pace(steps, fps)
    last = grid.astype(np.uint8)
    frames = islice(_generations(last, stir_seed), steps)
    with tqdm(total=steps, desc="life", unit=" frames", disable=not progress) as bar:
        for last in _paced(frames, fps, stop):
            writer.append(last)
            bar.update()
    return last


def main(arguments: Sequence[str]) -> int:
    """Stream Life into Redis until SIGINT or SIGTERM; return 1 when no server takes it, else 0."""
    with _signals() as stop:
        options, grid = _options(arguments)
        from helpers.redis import RedisStore
        from helpers.stream import FrameWriter

        try:
            with (
                RedisStore(options.url, prefix=options.prefix) as store,
                FrameWriter(store, grid.shape, slots=options.slots) as writer,
            ):
                run(
                    writer,
                    grid,
                    steps=options.steps,
                    fps=options.fps or None,
                    stir_seed=options.seed if options.stir else None,
                    stop=stop,
                    progress=not options.quiet,
                )
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def _require_pace(steps: int | None, fps: float | None) -> None:
    if steps is not None and not (is_integer(steps) and steps >= 1):
        msg = f"steps={steps!r} is not allowed. It must be a whole number, 1 or more, or None for no end."
        raise ValueError(msg)
    if fps is not None:
        require_number("fps", fps, ok=lambda x: 0 < x < math.inf, allowed="above 0 and finite, or None for no limit")


def _generations(grid: _Cells, stir_seed: int | None) -> Iterator[_Cells]:
    rng = None if stir_seed is None else np.random.default_rng(stir_seed)
    for age in count(1):
        yield grid
        grid = step(grid)
        if rng is not None and age % _STIR_EVERY == 0:
            _stir(grid, rng)


def _stir(grid: _Cells, rng: np.random.Generator) -> None:
    for _ in range(max(grid.size // _STIR_AREA, 1)):
        rows, columns = ((rng.integers(n) + np.arange(_STIR_SIDE)) % n for n in grid.shape)
        grid[np.ix_(rows, columns)] = rng.integers(2, size=(_STIR_SIDE, _STIR_SIDE))


def _paced(frames: Iterable[_Cells], fps: float | None, stop: Callable[[], bool]) -> Iterator[_Cells]:
    due = time.monotonic()
    for frame in frames:
        while not stop() and (wait_s := due - time.monotonic()) > 0:
            time.sleep(min(wait_s, _NAP_S))
        if stop():
            return
        yield frame
        if fps is not None:
            due = max(due + 1 / fps, time.monotonic() - _ARREARS_S)


@contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Note SIGINT and SIGTERM instead of dying of them; what is yielded says whether one came."""
    came: list[int] = []
    before = {each: signal.signal(each, lambda each, _: came.append(each)) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for each, action in before.items():
            signal.signal(each, action)


def _options(arguments: Sequence[str]) -> tuple[argparse.Namespace, _Cells]:
    """Read the arguments, and make the grid that they ask for."""
    parser = argparse.ArgumentParser("python -m helpers.life", description="Stream Conway's Game of Life into Redis.")
    add = parser.add_argument
    add("--url", default="redis://127.0.0.1:7777", help="the server (%(default)s)")
    add("--prefix", default="life", help="what the keys begin with (%(default)s)")
    add("--shape", nargs=2, type=int, default=(512, 512), metavar=("ROWS", "COLUMNS"), help="cells (512 512)")
    names = ["random", *PATTERNS]
    add("--pattern", choices=names, default=names[0], metavar="NAME", help=f"{', '.join(names)} (%(default)s)")
    add("--density", type=float, default=0.3, help="share of random cells that are alive (%(default)s)")
    add("--seed", type=int, default=7, help="of everything random (%(default)s)")
    add("--stir", action=argparse.BooleanOptionalAction, help="lest Life settle (the default with --pattern random)")
    add("--fps", type=float, default=30.0, help="frames per second (%(default)s); 0: as fast as possible")
    add("--steps", type=int, help="frames in all (no end)")
    add("--slots", type=int, default=200, help="frames that are kept (%(default)s)")
    add("--quiet", action="store_true", help="show no progress")
    options = parser.parse_args(arguments)
    random = options.pattern == "random"
    options.stir = random if options.stir is None else options.stir
    try:
        _require_pace(options.steps, options.fps or None)
        grid = random_grid(tuple(options.shape), seed=options.seed, density=options.density if random else 0)
        return options, grid if random else place(grid, options.pattern)
    except ValueError as error:
        parser.error(str(error))
