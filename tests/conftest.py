"""What tests in several folders share: a real Redis for each module, and processes that import what is large once."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import RedisServer


settings.register_profile("lessons", deadline=None)  # a busy machine is no fault
settings.load_profile("lessons")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One real Redis for the tests of a module."""
    from tests.redis_servers import real_redis

    with real_redis() as running:
        yield running


@pytest.fixture(scope="session")
def other_processes() -> Iterator[ProcessPoolExecutor]:
    """Processes to send work to: five, so that a writer and four readers can run at once."""
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    if sys.platform != "win32":
        context.set_forkserver_preload(["tests.stream_frames"])
    with ProcessPoolExecutor(5, mp_context=context) as pool:
        yield pool
