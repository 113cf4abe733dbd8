"""Tests of the scripts in binder/, run as Binder runs them."""

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

from helpers.redis import RedisStore
from helpers.stream import FrameReader
from tests.ports import free_port
from tests.processes import runs, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
START = ROOT / "binder" / "start"
PING = """
import os, socket, sys, time
for attempt in range(100):
    try:
        with socket.create_connection(("127.0.0.1", int(os.environ["REDIS_PORT"])), timeout=1) as link:
            link.sendall(b"PING\\r\\n")
            print(link.recv(16).decode().strip())
            break
    except OSError:
        time.sleep(0.1)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Binder runs Linux; the scripts are for bash")


def environment(port: int) -> dict[str, str]:
    """Return the least that a session has: this Python first on PATH, a home, and here a port of its own."""
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])
    return {"PATH": path, "HOME": str(Path.home()), "REDIS_PORT": str(port)}


def start(port: int, *command: str) -> subprocess.CompletedProcess[str]:
    """Run `command` through binder/start."""
    return subprocess.run(
        ["/bin/bash", str(START), *command],
        cwd=ROOT,
        env=environment(port),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextlib.contextmanager
def session(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a session that waits, and end it with SIGKILL."""
    with subprocess.Popen(["/bin/bash", str(START), "sleep", "120"], cwd=ROOT, env=environment(port)) as running:
        try:
            yield running
        finally:
            running.kill()


def of_session(port: int, word: str = "") -> list[int]:
    """Return the numbers of all processes of the session with this port, or of those with `word` in their command."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            ours = process.environ().get("REDIS_PORT") == str(port) or str(port) in command
            if ours and word in command and runs(process.pid):
                found.append(process.pid)
    return found


def newest(port: int) -> int:
    """Return the number of the newest frame, -1 where there is none."""
    with contextlib.suppress(OSError, LookupError):
        url = f"redis://127.0.0.1:{port}"
        with RedisStore(url, prefix="life", read_only=True) as store, FrameReader(store) as reader:
            return int(reader.latest().time)
    return -1


def wait_for_frames(port: int) -> None:
    """Wait until a frame is there, and another one after it."""
    wait_for(lambda: newest(port) >= 0)
    first = newest(port)
    wait_for(lambda: newest(port) > first)


def test_start_brings_redis_and_takes_it_away() -> None:
    """The session finds Redis, is told nothing else, and nothing is left when it is over."""
    port = free_port()
    ran = start(port, "python", "-c", PING)
    assert (ran.stdout, ran.stderr) == ("+PONG\n", "")
    wait_for(lambda: not of_session(port))


def test_start_leaves_nothing_of_a_short_session() -> None:
    """A session that is over before Redis is there leaves nothing either."""
    port = free_port()
    ran = start(port, "true")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    wait_for(lambda: not of_session(port))


def test_start_streams_life_whatever_dies() -> None:
    """Frames arrive; after the end of Redis or of Life they arrive again; all is gone with the session."""
    port = free_port()
    with session(port):
        wait_for_frames(port)
        servers = [of_session(port, "-server")]
        for word in ("-server", "helpers.life"):
            (pid,) = of_session(port, word)
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: not runs(pid))  # noqa: B023 -- asked in this turn only
            wait_for_frames(port)
            servers.append(of_session(port, "-server"))
    assert servers[1] == servers[2]  # the end of Life costs nobody what is in Redis
    wait_for(lambda: not of_session(port))


def test_start_hands_over_whatever_happens(tmp_path: Path) -> None:
    """The session starts and its exit status is kept, even where neither Python nor Redis is to be found."""
    assert start(free_port(), "sh", "-c", "exit 3").returncode == 3
    bare = {"PATH": str(tmp_path), "REDIS_PORT": "0"}
    ran = subprocess.run(
        ["/bin/bash", str(START), "/bin/sh", "-c", "exit 3"], env=bare, cwd=ROOT, timeout=60, check=False
    )
    assert ran.returncode == 3


def test_scripts_can_be_run() -> None:
    """Binder starts both as programs: with a first line that says how, and the permission."""
    for script in (START, ROOT / "binder" / "postBuild"):
        assert script.read_text().startswith("#!/bin/bash\n")
        assert os.access(script, os.X_OK)
    assert START.read_text().rstrip().endswith('exec "$@"')
