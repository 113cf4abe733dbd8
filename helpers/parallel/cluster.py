"""Runs a Dask cluster, a scheduler and its workers, as programs of their own on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.servers import GuardedProgram, guarded_program

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["VARIABLE", "DaskCluster", "dask_cluster"]


VARIABLE = "DASK_SCHEDULER_ADDRESS"
HOST = "127.0.0.1"
TIMEOUT_S = 60
# Who is killed cleans nothing up: its files lie in its folder, which goes with it.
START = """
import os, sys
os.environ["DASK_TEMPORARY_DIRECTORY"] = os.getcwd()
sys.path.insert(0, {checkout!r})
from distributed.cli.{name} import main
main()
"""


@dataclass(frozen=True, repr=False)
class DaskCluster:
    """A cluster that can be reached.

    Attributes
    ----------
    address : str
        Where its scheduler listens.
    """

    address: str
    _workers: list[contextlib.ExitStack] = field(default_factory=list)

    def kill_worker(self) -> bool:
        """Kill one of the workers that were started here (SIGKILL): it can save nothing and tell nobody.

        Returns
        -------
        bool
            Whether one was killed. Nobody else's worker is.
        """
        if not self._workers:
            return False
        self._workers.pop().close()
        return True


@contextlib.contextmanager
def dask_cluster(workers: int = 2) -> Iterator[DaskCluster]:
    """Give a Dask cluster for as long as a `with` block lasts.

    It is the one that the environment variable ``DASK_SCHEDULER_ADDRESS`` names. Without it, a scheduler and workers
    are started, each a program of its own, as on machines of their own; the variable names them in the block, so
    that ``distributed.Client()`` finds either.

    Parameters
    ----------
    workers : int, default 2
        How many workers to start. Each has one thread.

    Yields
    ------
    DaskCluster
        The cluster, all of whose workers have come.

    Raises
    ------
    RuntimeError
        If scheduler or workers do not come within a minute.

    Notes
    -----
    They listen on this machine only, on free ports, without a password: whoever has an account on it can use them.
    `helpers.servers` says how they end, even when this Python is killed. It has no shell on Windows.

    Examples
    --------
    >>> from distributed import Client
    >>> with dask_cluster(workers=1) as cluster, Client() as client:
    ...     client.submit(sum, [1, 2, 3]).result()
    6
    """
    import dask

    named = os.environ.get(VARIABLE) or dask.config.get("scheduler-address", None)
    if named:
        with dask.config.set({"scheduler-address": named}):
            yield DaskCluster(named)
        return
    with contextlib.ExitStack() as stack:
        scheduler = stack.enter_context(_program("dask_scheduler", "--port", "0", "--scheduler-file", "scheduler.json"))
        address = _address(scheduler)
        # Without a nanny, so that the worker is the program, and nobody starts it again when it is killed.
        ends = [stack.enter_context(contextlib.ExitStack()) for _ in range(workers)]
        options = [address, "--no-nanny", "--nthreads", "1"]
        programs = [end.enter_context(_program("dask_worker", *options)) for end in ends]
        _wait_for_workers(address, programs)
        stack.enter_context(dask.config.set({"scheduler-address": address}))
        os.environ[VARIABLE] = address
        stack.callback(os.environ.pop, VARIABLE, None)
        yield DaskCluster(address, ends)


def _program(name: str, *arguments: str) -> contextlib.AbstractContextManager[GuardedProgram]:
    # What is sent to a worker may come from `helpers`: those of this checkout, wherever Python finds others.
    checkout = str(Path(__file__).resolve().parents[2])
    code = START.format(checkout=checkout, name=name)
    options = ["--host", HOST, "--dashboard-address", f"{HOST}:0"]
    return guarded_program(Path(sys.executable), ["-c", code, *arguments, *options])


def _address(scheduler: GuardedProgram) -> str:
    """Return the scheduler's address as soon as it has written it down."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline and not scheduler.ended(within_s=0.01):
        # Half a file is no JSON, no file is no file: both are not yet.
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            address: str = json.loads((scheduler.folder / "scheduler.json").read_text(encoding="utf-8"))["address"]
            return address
    msg = f"the Dask scheduler does not start. It says:\n{scheduler.said()}"
    raise RuntimeError(msg)


def _wait_for_workers(address: str, programs: list[GuardedProgram]) -> None:
    from distributed import Client

    with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        try:
            client.wait_for_workers(len(programs), timeout=TIMEOUT_S)
        except TimeoutError as fault:
            said = "\n".join(program.said() for program in programs)
            msg = f"the Dask workers do not come to the scheduler. This was said:\n{said}"
            raise RuntimeError(msg) from fault
