"""Runs appends in processes that can be killed: started once, it forks one for each line that it reads.

A line is the folder of an archive and the number of batches that it is to have; the next one asks for the end.
Each process goes on where the archive stands, after appending elsewhere, so that no time goes into starting up.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import dask.array
import distributed
import xarray as xr
from zarr.storage import MemoryStore

from helpers.append import append
from tests.append_pieces import batch, length

if TYPE_CHECKING:
    from collections.abc import Iterator


class Runner:
    """Start processes that append."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self.program = program

    def start(self, folder: str, batches: int) -> int:
        """Begin to append until the archive has so many batches, and return the process, which is at work by now."""
        self._say(f"{folder} {batches}")
        return int(self._answer())

    def end(self) -> int:
        """Wait for the process to end, and return how: 0 or the negative number of a signal.

        Until then its number belongs to no other process, whether or not it has ended.
        """
        self._say("end")
        return int(self._answer())

    def _say(self, line: str) -> None:
        assert self.program.stdin is not None
        print(line, file=self.program.stdin, flush=True)

    def _answer(self) -> str:
        assert self.program.stdout is not None
        return self.program.stdout.readline()


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
    while line := sys.stdin.readline():
        folder, batches = line.rsplit(maxsplit=1)
        ready, tell = os.pipe()
        pid = os.fork()
        if not pid:
            _append(folder, int(batches), tell)
            os._exit(0)
        os.close(tell)
        os.read(ready, 1)
        os.close(ready)
        print(pid, flush=True)
        sys.stdin.readline()
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _append(folder: str, batches: int, tell: int) -> None:
    elsewhere = MemoryStore()
    for number in (0, 1):
        append(batch(number), elsewhere, chunks={"time": 4, "lat": 2}, step="3h")
    os.write(tell, b".")
    for number in range(length(folder) // 3, batches):
        append(batch(number), folder, chunks={"time": 4, "lat": 2}, step="3h")


if __name__ == "__main__":
    main()
