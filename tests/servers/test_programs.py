"""Tests of helpers.servers.programs: what is started ends, whoever is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from helpers.servers import GuardedProgram, guarded_program
from helpers.servers import programs as module
from tests.processes import runs, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SHELL = Path("/bin/sh")
SLEEP = ["-c", "echo $$; exec sleep 120"]
PARENT = """
import os, subprocess, sys, time
from pathlib import Path
from helpers.servers import guarded_program

with guarded_program(Path("/bin/sh"), ["-c", "echo $$; exec sleep 120"]) as program:
    while not program.said():
        time.sleep(0.01)
    forked = os.fork()
    if forked == 0:
        time.sleep(120)
        os._exit(0)
    child = subprocess.Popen(["sleep", "120"])
    print(program.said().strip(), forked, child.pid, program.folder, flush=True)
    time.sleep(120)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the guard is a shell, which Windows lacks")


@contextlib.contextmanager
def sleeper() -> Iterator[tuple[GuardedProgram, int]]:
    """Run a program that sleeps, and return its number too."""
    with guarded_program(SHELL, SLEEP) as program:
        wait_for(lambda: program.said().endswith("\n"))
        yield program, int(program.said())


def test_a_program_runs_for_as_long_as_the_block() -> None:
    """It runs in the block, in a folder of its own; then neither is there, though the block fails, nor a pipe.

    The interrupt of a terminal or notebook passes it by: it is in another session and group than this Python.
    """
    before = psutil.Process().num_fds()
    with contextlib.suppress(ZeroDivisionError), sleeper() as (program, pid):
        assert runs(pid)
        assert os.getsid(pid) != os.getsid(0)
        assert os.getpgid(pid) != os.getpgid(0)
        assert not program.ended()
        assert Path(psutil.Process(pid).cwd()) == program.folder
        _ = 1 / 0
    assert not runs(pid)
    assert not program.folder.exists()
    assert psutil.Process().num_fds() == before


def test_a_program_that_is_not_there_ends_at_once() -> None:
    """The shell says so in what the program said; one that ends by itself leaves its words, errors included."""
    with guarded_program(SHELL, ["-c", "echo out; echo wrong >&2; cat"]) as program:
        assert program.ended(within_s=20)
        assert program.said() == "out\nwrong\n"
    with guarded_program(Path("/nowhere/redis-server")) as program:
        assert program.ended(within_s=20)
        assert "/nowhere/redis-server" in program.said()


def test_a_killed_program_lets_the_block_end() -> None:
    """Whoever kills the program does no harm to the block, nor to the folder's end."""
    with sleeper() as (program, pid):
        os.kill(pid, signal.SIGKILL)
        assert program.ended(within_s=20)
    assert not program.folder.exists()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_the_guard_stays_at_its_post(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that is told to end goes on guarding."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)  # the end is forced only if the guard does not bring it
    with sleeper() as (program, pid):
        os.kill(os.getpgid(pid), signal.Signals[name])
        assert not program.ended(within_s=0.2)
        monkeypatch.setattr(module, "PATIENCE_S", 60)
    assert not runs(pid)
    assert not program.folder.exists()


def test_a_guard_that_is_killed_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the block ends the program all the same."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    with sleeper() as (program, pid):
        os.kill(os.getpgid(pid), signal.SIGKILL)
    wait_for(lambda: not runs(pid))
    assert not program.folder.exists()


def test_a_killed_parent_takes_its_program_along() -> None:
    """SIGKILL, which no Python can catch, leaves neither program nor folder, even while other children live on."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    others: list[int] = []
    try:
        assert parent.stdout is not None
        *numbers, folder = parent.stdout.readline().split()
        pid, *others = map(int, numbers)
        assert runs(pid)
        parent.kill()
        wait_for(lambda: not runs(pid) and not Path(folder).exists())
        assert all(runs(other) for other in others)
    finally:
        parent.kill()
        for other in others:
            os.kill(other, signal.SIGKILL)
        parent.communicate()
