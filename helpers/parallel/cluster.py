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
from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["VARIABLE", "DaskCluster", "dask_cluster"]


VARIABLE = "DASK_SCHEDULER_ADDRESS"
HOST = "127.0.0.1"
PATIENCE_S = 60
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
    ours : bool
        Whether it was started here: a cluster that ran before is left as it is.
    """

    address: str
    ours: bool
    _workers: list[contextlib.ExitStack] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<DaskCluster: {len(self._workers)} workers>" if self.ours else "<DaskCluster: one that ran already>"

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
        How many workers to start, at least 1. Each has one thread.

    Yields
    ------
    DaskCluster
        The cluster, all of whose workers have come.

    Raises
    ------
    ValueError
        If `workers` is below 1.
    RuntimeError
        If a program ends, or the workers do not come within a minute.

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
    require_number("workers", workers, ok=lambda n: n >= 1, allowed="1 or more")
    import dask

    named = os.environ.get(VARIABLE) or dask.config.get("scheduler-address", None)
    if named:
        with dask.config.set({"scheduler-address": named}):
            yield DaskCluster(named, ours=False)
        return
    with contextlib.ExitStack() as stack:
        scheduler = stack.enter_context(_scheduler())
        address = _address(scheduler)
        running = [_start_worker(stack, address) for _ in range(workers)]
        _wait_for_workers(address, [scheduler, *(program for program, _ in running)])
        stack.enter_context(dask.config.set({"scheduler-address": address}))
        stack.enter_context(_environment(address))
        yield DaskCluster(address, True, [end for _, end in running])


def _scheduler() -> contextlib.AbstractContextManager[GuardedProgram]:
    options = ["--host", HOST, "--port", "0", "--dashboard-address", f"{HOST}:0", "--scheduler-file", "scheduler.json"]
    return _program("dask_scheduler", *options)


def _start_worker(stack: contextlib.ExitStack, address: str) -> tuple[GuardedProgram, contextlib.ExitStack]:
    end = stack.enter_context(contextlib.ExitStack())
    # Without a nanny, so that the worker is the program, and nobody starts it again when it is killed.
    options = ["--host", HOST, "--dashboard-address", f"{HOST}:0", "--no-nanny", "--nthreads", "1"]
    program = end.enter_context(_program("dask_worker", address, *options))
    return program, end


def _program(name: str, *arguments: str) -> contextlib.AbstractContextManager[GuardedProgram]:
    # What is sent to a worker may come from `helpers`: those of this checkout, wherever Python finds others.
    checkout = str(Path(__file__).resolve().parents[1])
    code = START.format(checkout=checkout, name=name)
    return guarded_program(Path(sys.executable), ["-c", code, *arguments])


def _address(scheduler: GuardedProgram) -> str:
    """Return the scheduler's address as soon as it has written it down."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and not scheduler.ended(within_s=0.01):
        # Half a file is no JSON, no file is no file: both are not yet.
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            address: str = json.loads((scheduler.folder / "scheduler.json").read_text(encoding="utf-8"))["address"]
            return address
    msg = f"the Dask scheduler does not start. It says:\n{scheduler.said()}"
    raise RuntimeError(msg)


def _wait_for_workers(address: str, programs: list[GuardedProgram]) -> None:
    from distributed import Client

    deadline = time.monotonic() + PATIENCE_S
    with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        while len(client.scheduler_info(n_workers=-1)["workers"]) < len(programs) - 1:
            ended = [program for program in programs if program.ended(within_s=0.01)]
            if ended or time.monotonic() > deadline:
                said = "\n".join(program.said() for program in ended or programs)
                msg = f"the Dask workers do not come to the scheduler. This was said:\n{said}"
                raise RuntimeError(msg)


@contextlib.contextmanager
def _environment(address: str) -> Iterator[None]:
    os.environ[VARIABLE] = address
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
