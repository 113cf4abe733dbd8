"""Serves copies of the lessons in JupyterLab: plainly, or the way Binder does."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from helpers.redis import RedisKeys
from tests.browser.tls_proxy import tls_proxy
from tests.ports import free_port
from tests.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent.parent
BASE_URL = "/user/learner/"
PUBLIC_NAME = "hub.example"
MARK = "ZARR_NOTEBOOKS_TEST_LAB"
NOTHING_ELSE = "MAP * ~NOTFOUND"
LEFT_BY_DASK = "dask-scratch-space"  # empty but for its locks
PATIENCE_S = 60
JUPYTER = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
JUPYTER += ["--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True", "--ServerApp.port_retries=0"]


@dataclass(frozen=True)
class Lab:
    """A JupyterLab, and how a browser finds it.

    `origin` is the only place that its page may ask for anything, and `rules` keep Chromium to it: no name, number or
    port but the lab's has an address. `redis_url` names the Redis that runs there as on Binder, if one does.
    """

    origin: str
    base_url: str
    rules: str
    server: Served
    redis_url: str | None = None

    @property
    def address(self) -> str:
        """Where JupyterLab is, without a slash at the end."""
        return f"{self.origin}{self.base_url}lab"

    def expect_nothing_left(self) -> None:
        """Fail if a process that a kernel started, a temporary file, or a key in Redis is still there after a while."""
        expect_none(lambda: commands("JPY_PARENT_PID", str(self.server.pid)))
        expect_none(lambda: [path.name for path in self.server.temporary.iterdir() if path.name != LEFT_BY_DASK])
        if self.redis_url:
            keys = RedisKeys(self.redis_url)
            expect_none(lambda: [key for page in keys.pages() for key in page if not key.startswith("life:")])
            keys.close()


@dataclass(frozen=True)
class Served:
    """A Jupyter that runs: its process, its port, and the folder for temporary files of it and of its kernels."""

    pid: int
    port: str
    temporary: Path


@contextlib.contextmanager
def plain_lab(folder: Path) -> Iterator[Lab]:
    """Serve as `make lab` does."""
    place = f"127.0.0.1:{free_port()}"
    with served(folder, JUPYTER, place=place) as server:
        yield Lab(f"http://{place}", "/", f"MAP {place} {place}, {NOTHING_ELSE}", server)


@contextlib.contextmanager
def binder_lab(folder: Path) -> Iterator[Lab]:
    """Serve as Binder does: by `binder/start`, under a base URL, behind a proxy of another name that speaks TLS.

    Life streams into Redis, as there. The browser reaches Jupyter's port alone, and that only through the proxy.
    """
    place, redis_port = f"127.0.0.1:{free_port()}", free_port()
    redis_url = f"redis://127.0.0.1:{redis_port}"
    command = ["bash", str(ROOT / "binder" / "start"), *JUPYTER, "--ServerApp.allow_remote_access=True"]
    environment = {"REDIS_PORT": str(redis_port), "REDIS_URL": redis_url}
    with (
        served(folder, command, place=place, base_url=BASE_URL, **environment) as server,
        tls_proxy(PUBLIC_NAME, to=place) as public_place,
    ):
        wait_for(lambda: life_streams(redis_url), within_s=PATIENCE_S)
        rules = f"MAP {PUBLIC_NAME}:443 {public_place}, {NOTHING_ELSE}"
        yield Lab(f"https://{PUBLIC_NAME}", BASE_URL, rules, server, redis_url)


@contextlib.contextmanager
def served(
    folder: Path, command: list[str], *, place: str, base_url: str = "/", **environment: str
) -> Iterator[Served]:
    """Run a Jupyter that sees nothing of this user's settings. Nothing that it starts outlives it."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copytree(ROOT / "images", folder / "images")
    mark, temporary = uuid.uuid4().hex, folder / "tmp"
    temporary.mkdir()
    own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, **own, "PATH": path, "TMPDIR": str(temporary), MARK: mark, **environment}
    host, _, port = place.partition(":")
    command = [*command, f"--ip={host}", f"--port={port}", f"--ServerApp.base_url={base_url}"]
    command += [f"--ServerApp.root_dir={folder}"]
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=ROOT)
    try:
        wait_for(lambda: answered(f"http://{place}{base_url}lab") or server.poll() is not None, within_s=PATIENCE_S)
        assert server.poll() is None, (folder / "lab.log").read_text()
        yield Served(server.pid, port, temporary)
    finally:
        server.terminate()
        server.wait(timeout=30)
        expect_none(lambda: commands(MARK, mark))


def answered(address: str) -> bool:
    """Return whether something answers at `address`."""
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return True


def life_streams(redis_url: str) -> bool:
    """Return whether a frame of the Life that `binder/start` runs is there."""
    with contextlib.closing(RedisKeys(redis_url, "life")) as keys, contextlib.suppress(OSError):
        return keys.exists("frames/c/0/0/0")
    return False


def expect_none(left: Callable[[], list[str]]) -> None:
    """Fail unless there is soon nothing left, and show what is."""
    with contextlib.suppress(AssertionError):
        wait_for(lambda: not left())
    assert left() == []


def commands(variable: str, value: str) -> list[str]:
    """Return the command lines of all processes that have this environment variable, with this value."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(variable) == value:
                found.append(" ".join(process.cmdline()))
    return found
