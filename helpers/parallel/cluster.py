"""Runs a Dask cluster, a scheduler and its workers, as programs of their own on this machine."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
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


@dataclass(frozen=True, repr=False)
class DaskCluster:
    """A cluster that can be reached.

    Attributes
    ----------
    address : str
        Where its scheduler listens.
    commands : tuple of str
        What was started, as one would type it in a shell. Empty for a cluster that somebody else started.
    """

    address: str
    commands: tuple[str, ...] = ()
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
    scheduler_command = f"dask scheduler --host {HOST} --port 0"
    # Without a nanny, so that the worker is the program, and nobody starts it again when it is killed.
    worker_command = f"dask worker ${VARIABLE} --host {HOST} --no-nanny --nthreads 1"
    with contextlib.ExitStack() as stack:
        scheduler = stack.enter_context(_program(scheduler_command))
        os.environ[VARIABLE] = address = scheduler.wait_until_it_says(r"Scheduler at:\s*(\S+)", within_s=TIMEOUT_S)[1]
        stack.callback(os.environ.pop, VARIABLE, None)
        ends = [stack.enter_context(contextlib.ExitStack()) for _ in range(workers)]
        programs = [end.enter_context(_program(worker_command)) for end in ends]
        _wait_for_workers(address, programs)
        stack.enter_context(dask.config.set({"scheduler-address": address}))
        yield DaskCluster(address, (scheduler_command, *[worker_command] * workers), ends)


def _program(command: str) -> contextlib.AbstractContextManager[GuardedProgram]:
    """Run a command of Dask's in a folder of its own, where its files go with it when it is killed."""
    checkout = Path(__file__).resolve().parents[2]  # what is sent to a worker may come from `helpers`
    python = [f"PYTHONPATH={checkout}", "DASK_TEMPORARY_DIRECTORY=.", sys.executable, "-m"]
    words = shlex.split(os.path.expandvars(command))
    return guarded_program(Path("/usr/bin/env"), [*python, *words, "--dashboard-address", f"{HOST}:0"])


def _wait_for_workers(address: str, programs: list[GuardedProgram]) -> None:
    from distributed import Client

    with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        try:
            client.wait_for_workers(len(programs), timeout=TIMEOUT_S)
        except TimeoutError as fault:
            said = "\n".join(program.said() for program in programs)
            msg = f"the Dask workers do not come to the scheduler. This was said:\n{said}"
            raise RuntimeError(msg) from fault
