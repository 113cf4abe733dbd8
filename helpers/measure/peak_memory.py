"""Measures how much memory a function needs at its peak, in a process of its own."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.units import format_nbytes

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Measured", "peak_memory"]


# Runs this file rather than imports it: with it would come all that `helpers.measure` imports.
_CHILD = """
import pickle, runpy, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
function, arguments, here, file = pickle.load(sys.stdin.buffer)
result = function(*arguments)
nbytes = runpy.run_path(here)["peak_nbytes"]()
import cloudpickle
with open(file, "wb") as out:
    cloudpickle.dump((result, nbytes), out)
"""


@dataclass(frozen=True, repr=False)
class Measured[Result]:
    """What a function returned, and the memory that it took.

    Attributes
    ----------
    result : object
        What it returned.
    nbytes : int
        Bytes of memory at the peak, Python and all that it imported included.
    """

    result: Result
    nbytes: int

    def __repr__(self) -> str:
        return f"<Measured: {format_nbytes(self.nbytes)} at the peak>"


def peak_memory[Result](function: Callable[..., Result], *arguments: object) -> Measured[Result]:
    """Call a function in a fresh Python, and measure the memory that this Python takes at its peak.

    Parameters
    ----------
    function : callable
        What to call. It may stand in a notebook: it travels with what it refers to.
    *arguments : object
        What it is given.

    Returns
    -------
    Measured
        The result, which must be picklable, and the bytes.

    Raises
    ------
    RuntimeError
        If the call fails, with what it printed last.

    Notes
    -----
    The peak is that of resident memory, as the operating system keeps it: nothing is missed between two looks.
    It is at least what Python and the imported modules take, 50 MB with Zarr, about 120 MB with Dask besides.

    Examples
    --------
    >>> small, large = (peak_memory(lambda n: len(bytearray(n)), n) for n in (1, 100_000_000))
    >>> large.result
    100000000
    >>> 90e6 < large.nbytes - small.nbytes < 110e6
    True
    """
    import cloudpickle

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "result")
        call = pickle.dumps(sys.path) + cloudpickle.dumps((function, arguments, __file__, str(file)))
        done = subprocess.run([sys.executable, "-c", _CHILD], input=call, capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace")[-2000:]
            msg = f"the call of {function!r} failed with code {done.returncode}. It said:\n{said}"
            raise RuntimeError(msg)
        return Measured(*pickle.loads(file.read_bytes()))


def peak_nbytes() -> int:
    """Return the most bytes of memory that this process has held at once, Python and its libraries included."""
    # Not `resource.getrusage` on Linux: there a program begins with the peak of the one that started it.
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    if os.name == "nt":
        import psutil

        return int(psutil.Process().memory_info()._asdict()["peak_wset"])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
