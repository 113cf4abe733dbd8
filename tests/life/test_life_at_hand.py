"""Tests of helpers.life: a stream that was found, and one that was started."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.life import ensure as module
from helpers.life import life_at_hand, random_grid, run
from helpers.redis import RedisStore
from helpers.servers import redis_server
from helpers.stream import FrameWriter
from tests.ports import free_port
from tests.processes import runs, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import RedisServer


@pytest.fixture(autouse=True)
def nothing_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is named, and none answers on the usual port, whatever runs on this machine."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setattr(module, "DEFAULT_URL", f"redis://127.0.0.1:{free_port()}")


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that runs already."""
    with redis_server() as running:
        yield running


@contextmanager
def life(url: str) -> Iterator[None]:
    """Stream Life into a server, under the prefix that Binder uses, for as long as a block lasts."""
    end = threading.Event()
    with RedisStore(url, prefix="life") as store, FrameWriter(store, (16, 24), slots=5) as writer:
        thread = threading.Thread(
            target=run, args=(writer, random_grid((16, 24), seed=7)), kwargs={"fps": 20, "stop": end.is_set}
        )
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()


def test_a_stream_is_started_where_none_runs_and_ends_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without Redis or Life: both run, and both go."""
    started: list[int] = []

    @contextmanager
    def noting() -> Iterator[RedisServer]:
        with redis_server() as server:
            started.append(server.pid or 0)
            yield server

    monkeypatch.setattr(module, "redis_server", noting)
    with life_at_hand() as reader:
        assert reader.shape == (128, 128)
        with closing(reader.follow()) as frames:
            first, second = islice(frames, 2)
        assert second.time > first.time
        assert 0 < int(second.sum()) < second.size
    (pid,) = started
    wait_for(lambda: not runs(pid))
    with pytest.raises(ValueError, match="closed"):
        reader.latest()


@pytest.mark.parametrize("named", [True, False])
def test_a_stream_that_runs_is_found(server: RedisServer, monkeypatch: pytest.MonkeyPatch, *, named: bool) -> None:
    """By the environment variable, or on the usual port. Nothing is written there."""
    if named:
        monkeypatch.setenv("REDIS_URL", server.url)
    else:
        monkeypatch.setattr(module, "DEFAULT_URL", server.url)
    with life(server.url), RedisStore(server.url, prefix="life") as store, life_at_hand() as reader:
        assert reader.shape == (16, 24)
        assert all("zarr:life:" in repr(key) for key in store.keys.client.scan_iter())


def test_a_stream_that_stands_still_is_not_taken(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of a program that is gone, never closed: another one is started, elsewhere."""
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setattr(module, "PULSE_S", 0.2)
    with RedisStore(server.url, prefix="life") as store:
        FrameWriter(store, (16, 24), slots=5).append(np.zeros((16, 24), "uint8"))
        with life_at_hand() as reader:
            assert reader.shape == (128, 128)


def test_a_program_that_ends_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it printed is in the error."""
    monkeypatch.setattr(module, "OPTIONS", ("--shape", "0", "0"))
    with pytest.raises(RuntimeError, match=r"(?s)ended instead of streaming.*shape"), life_at_hand():
        pass
