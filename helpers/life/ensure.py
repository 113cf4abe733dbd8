"""Finds a stream of Life that runs already, as on Binder, or starts one as a program of its own."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.redis import DEFAULT_URL, RedisStore
from helpers.servers import guarded_program, redis_server
from helpers.stream import FrameReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import GuardedProgram

__all__ = ["life_at_hand"]


PREFIX = "life"
PATIENCE_S = 30
PULSE_S = 2  # a stream without a new frame for so long does not run
OPTIONS = ("--shape", "128", "128", "--fps", "10", "--slots", "100", "--quiet")


@contextlib.contextmanager
def life_at_hand() -> Iterator[FrameReader]:
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
        If the program ends, or publishes nothing, instead of streaming.

    Notes
    -----
    In a Redis that was found nothing is written. What was started is gone when this Python is gone, even if it is
    killed: see `helpers.servers`.

    Examples
    --------
    >>> with life_at_hand() as reader:
    ...     frames = reader.follow()
    ...     first, second = next(frames), next(frames)
    ...     frames.close()
    >>> bool(second.time > first.time)
    True
    """
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(RedisStore(os.environ.get("REDIS_URL") or DEFAULT_URL, prefix=PREFIX))
        if not _runs(store):
            server = stack.enter_context(redis_server())
            store = stack.enter_context(RedisStore(server.url, prefix=PREFIX))
            arguments = ("-m", "helpers.life", "--url", server.url, "--prefix", PREFIX, *OPTIONS)
            program = stack.enter_context(guarded_program(Path(sys.executable), arguments))
            _wait_for_a_frame(store, program)
        yield stack.enter_context(FrameReader(store))


def _runs(store: RedisStore) -> bool:
    """Return whether frames come in: the newest one, which may be old, and another."""
    try:
        with FrameReader(store) as reader, contextlib.closing(reader.follow(timeout_s=PULSE_S)) as frames:
            return len(list(islice(frames, 2))) == 2
    except OSError:  # no Redis, no stream, no frame in time
        return False


def _wait_for_a_frame(store: RedisStore, program: GuardedProgram) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not program.ended(within_s=0.05):
        with contextlib.suppress(FileNotFoundError, LookupError):
            FrameReader(store).latest()
            return
        if time.monotonic() > deadline:
            msg = f"Life has published no frame after {PATIENCE_S} s. It says:\n{program.said()}"
            raise RuntimeError(msg)
    msg = f"Life ended instead of streaming. It says:\n{program.said()}"
    raise RuntimeError(msg)
