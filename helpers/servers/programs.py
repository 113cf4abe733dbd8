"""Runs a program that is gone when the Python that started it is gone, even when that one is killed.

A small shell, the guard, stands between the two. It reads from a pipe that only this Python can write to: a
line, or the end of the pipe, tells it to end the program and to delete the program's folder. Nobody has to be
alive to end a pipe. It needs ``/bin/sh``, which Windows lacks.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["GuardedProgram", "guarded_program"]


# $0 is the folder, "$@" the program. The program alone keeps descriptor 3: that pipe ends when it ends. The trap
# comes after its start, since it would inherit it.
GUARD = """
"$@" </dev/null 3>&1 >>log 2>&1 &
exec >/dev/null 2>&1
trap '' HUP INT TERM
read -r _
kill -9 $!
wait
rm -rf "$0"
"""
PATIENCE_S = 10

_pipes: weakref.WeakSet[IO[bytes]] = weakref.WeakSet()


@dataclass(frozen=True)
class GuardedProgram:
    """A program that runs under guard.

    Attributes
    ----------
    folder : pathlib.Path
        The program's current folder, made for it: deleted with all that is in it when the program is ended.
    """

    folder: Path
    _alive: IO[bytes]

    def ended(self, *, within_s: float = 0) -> bool:
        """Return whether the program ended, after waiting for that at most so many seconds."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._alive, selectors.EVENT_READ)
            return bool(selector.select(within_s))

    def said(self) -> str:
        """Return what the program printed so far, errors included."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def wait_until_it_says(self, pattern: str, *, within_s: float) -> re.Match[str]:
        """Wait for what a program prints when it is ready.

        Parameters
        ----------
        pattern : str
            A regular expression, with ``^`` at the start of each line.
        within_s : float
            Seconds to wait at most.

        Returns
        -------
        re.Match
            Where it was found.

        Raises
        ------
        RuntimeError
            If the program ends, or time is over; the message is what it printed instead.
        """
        deadline = time.monotonic() + within_s
        while not (found := re.search(pattern, self.said(), re.MULTILINE)):
            if self.ended(within_s=0.005) or time.monotonic() > deadline:
                msg = f"the server did not get ready within {within_s} s. It says:\n{self.said()}"
                raise RuntimeError(msg)
        return found


@contextlib.contextmanager
def guarded_program(program: Path, arguments: Sequence[str] = ()) -> Iterator[GuardedProgram]:
    r"""Run a program for as long as a `with` block lasts, in a temporary folder of its own.

    Parameters
    ----------
    program : pathlib.Path
        The program to run.
    arguments : sequence of str
        What it is given.

    Yields
    ------
    GuardedProgram
        The program, which may have ended by itself already: ask `GuardedProgram.ended`.

    Notes
    -----
    The program is killed (SIGKILL): it gets no chance to save anything, and children of its own outlive it.
    It runs in a session of its own, so that Ctrl-C and the button that interrupts a notebook pass it by.
    It is left behind only if both this Python and the guard are killed with SIGKILL.

    Examples
    --------
    >>> if os.name == "posix":
    ...     with guarded_program(Path("/bin/echo"), ["Hello"]) as echo:
    ...         assert echo.ended(within_s=30)
    ...         assert echo.said() == "Hello\n"
    ...     assert not echo.folder.exists()
    """
    _spare_forked_children()
    with tempfile.TemporaryDirectory(prefix="zarr-notebooks-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        (folder / "log").touch()
        guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, str(folder), str(program.absolute()), *arguments],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        assert guard.stdin is not None
        assert guard.stdout is not None
        _pipes.add(guard.stdin)
        try:
            yield GuardedProgram(folder, guard.stdout)
        finally:
            _end(guard)


def _end(guard: subprocess.Popen[bytes]) -> None:
    """Tell the guard to end the program, and wait until both are gone."""
    try:
        guard.communicate(b"\n", timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(guard.pid, signal.SIGKILL)
        guard.communicate()


@functools.cache
def _spare_forked_children() -> None:
    """Let no child that Python forks hold a pipe to a guard: it would keep the program after its parent's death."""

    def close() -> None:
        for pipe in list(_pipes):
            pipe.close()

    os.register_at_fork(after_in_child=close)
