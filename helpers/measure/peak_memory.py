"""Measures how much memory a function needs at its peak, in a process of its own."""

from __future__ import annotations

import base64
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

__all__ = ["Measured", "peak_memory", "peak_nbytes"]


CHILD = """
import base64, pathlib, pickle, sys
sys.path[:] = pickle.loads(base64.b64decode(sys.argv[1]))
import cloudpickle
here = pathlib.Path(sys.argv[2])
function, arguments = pickle.loads((here / "call").read_bytes())
result = function(*arguments)
from helpers.measure.peak_memory import peak_nbytes
(here / "result").write_bytes(cloudpickle.dumps((result, peak_nbytes())))
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

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "call").write_bytes(cloudpickle.dumps((function, arguments)))
        path = base64.b64encode(pickle.dumps(sys.path)).decode()
        command = [sys.executable, "-c", CHILD, path, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            msg = f"the call of {function!r} failed with code {done.returncode}. It said:\n{done.stderr[-2000:]}"
            raise RuntimeError(msg)
        result, nbytes = pickle.loads((folder / "result").read_bytes())
    return Measured(result, nbytes)


def peak_nbytes() -> int:
    """Return the most bytes of memory that this process has held at once.

    Returns
    -------
    int
        Bytes, the code of Python and its libraries included.

    Notes
    -----
    Not `resource.getrusage` on Linux: there a program begins with the peak of the one that started it.

    Examples
    --------
    >>> peak_nbytes() > 10_000_000
    True
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    if os.name == "nt":
        import psutil

        return int(psutil.Process().memory_info()._asdict()["peak_wset"])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
