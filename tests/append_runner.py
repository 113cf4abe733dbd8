"""Runs appends in processes that can be killed: started once, it forks one for each line that it reads.

A line is a JSON list: what `_append` is given, or the number of a process that is to be waited for. Each process goes
on where the archive stands, after appending elsewhere, so that no time goes into starting up.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import dask.array
import distributed
import xarray as xr
from zarr.storage import MemoryStore

from helpers.append import append, open_store
from tests.append_pieces import batch, begin, length

if TYPE_CHECKING:
    from collections.abc import Iterator


class Runner:
    """Start processes that write."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self.program = program

    def start(self, url: str, batches: int, axis: str, layout: str) -> int:
        """Begin to append until an archive has so many batches, and return the process, which is at work by now."""
        return self._ask([url, batches, axis, layout])

    def end(self, process: int) -> int:
        """Wait for a process to end, and return how: 0 or the negative number of a signal.

        Until then its number belongs to no other process, whether or not it has ended.
        """
        return self._ask([process])

    def _ask(self, line: list[Any]) -> int:
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        print(json.dumps(line), file=self.program.stdin, flush=True)
        return int(self.program.stdout.readline())


@contextlib.contextmanager
def runner() -> Iterator[Runner]:
    """Run the program for as long as a `with` block lasts."""
    command = [sys.executable, "-m", "tests.append_runner"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        yield Runner(program)
        assert program.stdin is not None
        program.stdin.close()
        assert program.wait(30) == 0


def main() -> None:
    """Fork for each line, with all imported that an append imports when it is first called."""
    xr.backends.list_engines()
    assert dask.array
    assert distributed
    for line in sys.stdin:
        arguments = json.loads(line)
        if len(arguments) == 1:
            print(os.waitstatus_to_exitcode(os.waitpid(arguments[0], 0)[1]), flush=True)
            continue
        ready, tell = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the threads of icechunk, which does nothing here, are not forked
            pid = os.fork()
        if not pid:
            try:
                _append(tell, *arguments)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.close(tell)
        os.read(ready, 1)
        os.close(ready)
        print(pid, flush=True)


def _append(tell: int, url: str, batches: int, axis: str, layout: str) -> None:
    elsewhere, store = MemoryStore(), open_store(url)
    begin(elsewhere, axis, layout)
    append(batch(1, axis), elsewhere)
    os.write(tell, b".")
    if not length(store):
        begin(store, axis, layout)
    for number in range(max(length(store) // 3, 1), batches):
        append(batch(number, axis), store)


if __name__ == "__main__":
    main()
