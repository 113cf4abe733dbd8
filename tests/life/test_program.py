"""Tests of helpers.life.program: grids published one after the other, by a program that is found, started, stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from helpers import redis as redis_package
from helpers.life import ensure_life, place, program, random_grid, run, step
from helpers.redis import DEFAULT_URL, RedisStore
from helpers.servers import redis_server
from helpers.stream import FrameReader, FrameWriter
from tests.ports import free_port
from tests.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    type Grid = npt.NDArray[np.uint8]


class Clock:
    """A time that passes only when someone sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Say what time it is."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class SlowWriter:
    """Note when each frame is published; it takes the seconds that are given for it."""

    def __init__(self, clock: Clock, costs_s: list[float]) -> None:
        self.clock = clock
        self.costs_s = costs_s
        self.at: list[float] = []

    def append(self, _: Grid, /) -> None:
        """Take a frame, and its time."""
        self.at.append(self.clock.now - 100)
        self.clock.sleep(self.costs_s[len(self.at) - 1])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock that a test can read exactly in place of the machine's."""
    clock = Clock()
    monkeypatch.setattr(program, "time", clock)
    return clock


@pytest.mark.parametrize("dtype", [np.uint8, bool])
def test_the_grid_comes_first_then_each_step(dtype: type[np.generic]) -> None:
    """So many frames in all, of uint8, none of which shares memory with another; the last is returned."""
    grid: Any = random_grid((9, 14), seed=7).astype(dtype)
    frames: list[Grid] = []
    last = run(frames, grid, steps=12)
    assert {frame.dtype for frame in frames} == {np.dtype(np.uint8)}
    assert np.array_equal(frames, [grid, *map(step, frames[:11])])
    assert last is frames[-1]
    assert not any(np.shares_memory(one, other) for one, other in zip([grid, *frames], frames, strict=False))
    assert (program._options([]).url, program._options([]).shape) == (DEFAULT_URL, (512, 512))


def test_without_steps_there_is_no_end_but_stop() -> None:
    """Asked before each frame, the first one too."""
    frames: list[Grid] = []
    grid = random_grid((8, 8), seed=7)
    assert np.array_equal(run(frames, grid, stop=lambda: True), grid)
    assert frames == []
    run(frames, grid, stop=lambda: len(frames) == 500)
    assert len(frames) == 500


def test_frames_are_due_by_the_clock(clock: Clock) -> None:
    """A slow frame does not delay those after it: they follow at once until time is made good."""
    writer = SlowWriter(clock, [0.1, 0.1, 0.7, 0.1, 0.0, 0.0, 0.1, 0.1])
    run(writer, random_grid((8, 8), seed=7), steps=8, fps=4)
    assert writer.at == pytest.approx([0, 0.25, 0.5, 1.2, 1.3, 1.3, 1.5, 1.75])


def test_a_long_stall_is_not_made_good(clock: Clock) -> None:
    """Of a minute lost a second is: ten frames follow at once, not six hundred."""
    writer = SlowWriter(clock, [60.0] + 30 * [0.0])
    run(writer, random_grid((8, 8), seed=7), steps=30, fps=10)
    assert sum(at == 60 for at in writer.at) == pytest.approx(11, abs=1)
    assert writer.at[-1] == pytest.approx(60 + 18 / 10, abs=0.15)


def test_a_stop_is_heard_between_frames() -> None:
    """The second frame would be due in an hour."""
    frames: list[Grid] = []
    told = threading.Event()
    threading.Timer(0.1, told.set).start()
    run(frames, random_grid((8, 8), seed=7), fps=1 / 3600, stop=told.is_set)
    assert len(frames) == 1


def test_life_settles_unless_it_is_stirred() -> None:
    """Left alone, the last frames repeat; stirred every 100 steps, they do not, and differ by the seed."""

    def frames(stir_seed: int | None) -> list[Grid]:
        published: list[Grid] = []
        run(published, random_grid((48, 48), seed=7), steps=3000, stir_seed=stir_seed)
        return published

    alone, stirred, otherwise = frames(None), frames(7), frames(8)
    assert len({frame.tobytes() for frame in alone[-300:]}) < 100
    assert len({frame.tobytes() for frame in stirred[-300:]}) > 200
    assert np.array_equal(stirred, frames(7))
    assert np.array_equal(alone[:100], stirred[:100])
    assert not np.array_equal(alone[100], stirred[100])
    assert not np.array_equal(stirred[100], otherwise[100])


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (8, 8)])
def test_small_grids_are_stirred_too(shape: tuple[int, int]) -> None:
    """The patch is larger than the grid, or lies on itself."""
    frames: list[Grid] = []
    run(frames, np.zeros(shape, np.uint8), steps=1000, stir_seed=7)
    assert any(frame.any() for frame in frames)


def test_life_needs_neither_redis_nor_zarr() -> None:
    """Only the program does."""
    code = "import sys, helpers.life; sys.exit(bool({'redis', 'zarr'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve Redis for the tests of the program."""
    with redis_server() as server:
        yield server.url


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the program; it does not outlive the block."""
    command = [sys.executable, "-m", "helpers.life", "--shape", "16", "16", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def newest(url: str, prefix: str) -> tuple[int, Grid]:
    """Return number and cells of the newest frame of a stream."""
    with RedisStore(url, prefix=prefix) as store, FrameReader(store) as reader:
        frame = reader.latest()
        return int(frame["time"]), frame.to_numpy()


@pytest.mark.parametrize(
    ("name", "grid", "stir_seed"),
    [
        ("random", random_grid((40, 50), seed=7), 7),
        ("gosper-gun", place(np.zeros((40, 50), np.uint8), "gosper-gun"), None),
    ],
)
def test_the_program_streams_what_it_is_asked_for(
    url: str, name: str, grid: Grid, stir_seed: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest frame in Redis is that of `run`; signals do again what they did before."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    common = ["--url", url, "--prefix", name, "--shape", "40", "50", "--fps", "0", "--steps", "105", "--quiet"]
    assert program.main([*common, "--pattern", name]) == 0
    assert capsys.readouterr() == ("", "")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    number, frame = newest(url, name)
    assert number == 104
    assert np.array_equal(frame, run([], grid, steps=105, stir_seed=stir_seed))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_stops_cleanly_when_told_to(url: str, number: signal.Signals) -> None:
    """Between two frames that are a minute apart: exit code 0, progress on stderr and nothing else."""
    prefix = number.name
    with started("--url", url, "--prefix", prefix, "--fps", "0.0166") as running:
        wait_for(lambda: published(url, prefix) >= 0, within_s=60)
        running.send_signal(number)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 0
    assert out == ""
    assert re.search(r"life: 1 frames", err)
    assert "Traceback" not in err


def published(url: str, prefix: str) -> int:
    """Return the number of the newest frame, -1 when there is none yet."""
    try:
        return newest(url, prefix)[0]
    except (OSError, LookupError, ValueError):
        return -1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", f"redis://:hush-hush@127.0.0.1:{free_port()}"], "127.0.0.1"),
        (["--url", "http://127.0.0.1"], "redis"),
        (["--pattern", "gosper-gun", "--shape", "30", "30"], "does not fit a grid of (30, 30)"),
        (["--shape", "0", "5"], "(0, 5)"),
    ],
)
def test_what_cannot_be_streamed_is_one_sentence(
    arguments: list[str], message: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the store, the pattern or the stream says of it; a password is not in it."""
    assert program.main(["--url", url, "--quiet", *arguments]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "hush" not in said
    assert said.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in cannot be killed")
def test_a_server_that_goes_down_ends_the_program() -> None:
    """In the middle of a stream too: exit code 1 and one sentence."""
    with redis_server() as server:
        if server.pid is None:
            pytest.skip("the stand-in cannot be killed")
        with started("--url", server.url, "--prefix", "lost", "--fps", "50", "--quiet") as running:
            wait_for(lambda: published(server.url, "lost") >= 3, within_s=60)
            os.kill(server.pid, signal.SIGKILL)
            _, err = running.communicate(timeout=60)
    assert running.returncode == 1
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.fixture
def none_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is named, and none answers on the usual port, whatever runs on this machine."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setattr(redis_package, "DEFAULT_URL", f"redis://127.0.0.1:{free_port()}")


@contextmanager
def streaming(url: str) -> Iterator[None]:
    """Stream Life into a server, under the prefix that Binder uses, for as long as a block lasts."""
    end = threading.Event()
    with RedisStore(url, prefix="life") as store, FrameWriter(store, (16, 24), slots=5) as writer:
        grid = random_grid((16, 24), seed=7)
        thread = threading.Thread(target=run, args=(writer, grid), kwargs={"fps": 50, "stop": end.is_set})
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()


@pytest.mark.usefixtures("none_runs")
def test_a_stream_is_started_where_none_runs_and_ends_with_the_block() -> None:
    """On a machine without Redis or Life: both run, and both go."""
    with ensure_life() as reader:
        url = reader.keys.url
        assert reader.shape == (128, 128)
        with closing(reader.follow()) as frames:
            first, second = islice(frames, 2)
        assert second.time > first.time
        assert 0 < int(second.sum()) < second.size
    with pytest.raises(ValueError, match="closed"):
        reader.latest()
    with pytest.raises(ConnectionError), RedisStore(url) as store:
        store.read_many(["zarr.json"])


@pytest.mark.usefixtures("none_runs")
@pytest.mark.parametrize("named", [True, False])
def test_a_stream_that_runs_is_found(url: str, monkeypatch: pytest.MonkeyPatch, *, named: bool) -> None:
    """By the environment variable, or on the usual port. Nothing is written there."""
    if named:
        monkeypatch.setenv("REDIS_URL", url)
    else:
        monkeypatch.setattr(redis_package, "DEFAULT_URL", url)
    with RedisStore(url) as every:
        every.keys.client.flushall()
        with streaming(url), ensure_life() as reader:
            assert reader.shape == (16, 24)
            assert all("zarr:life:" in repr(key) for key in every.keys.client.scan_iter())


def test_a_stream_that_stands_still_is_not_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of a program that is gone, never closed: another one is started, elsewhere."""
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setattr(program, "PULSE_S", 0.2)
    with RedisStore(url, prefix="life") as store:
        FrameWriter(store, (16, 24), slots=5).append(np.zeros((16, 24), "uint8"))
        with ensure_life() as reader:
            assert reader.shape == (128, 128)


@pytest.mark.usefixtures("none_runs")
def test_a_program_that_ends_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it printed is in the error."""
    monkeypatch.setattr(program, "OPTIONS", ("--shape", "0", "0"))
    with pytest.raises(RuntimeError, match=r"(?s)does not stream.*\(0, 0\)"), ensure_life():
        pass
