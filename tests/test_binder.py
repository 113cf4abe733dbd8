"""Tests of the scripts in binder/, run as Binder runs them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parent.parent
START = ROOT / "binder" / "start"
PING = """
import os, socket, sys, time
for attempt in range(50):
    try:
        with socket.create_connection(("127.0.0.1", int(os.environ["REDIS_PORT"])), timeout=1) as link:
            link.sendall(b"PING\\r\\n")
            print(link.recv(16).decode().strip())
            break
    except OSError:
        time.sleep(0.1)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Binder runs Linux; the scripts are for bash")


def start(port: int, *command: str) -> subprocess.CompletedProcess[str]:
    """Run `command` through binder/start, with this Python first on PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "REDIS_PORT": str(port)}
    return subprocess.run(
        ["bash", str(START), *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def listens(port: int) -> bool:
    """Return whether something answers on `port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_start_brings_redis_and_takes_it_away() -> None:
    """The session finds Redis, and nothing of it is left when the session is over."""
    port = free_port()
    assert start(port, "python", "-c", PING).stdout == "+PONG\n"
    end = time.monotonic() + 10
    while listens(port) and time.monotonic() < end:
        time.sleep(0.1)
    assert not listens(port)


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
