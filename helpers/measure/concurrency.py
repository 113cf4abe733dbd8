"""A sampling profiler for threads, and meters of how many reads of a store or a file are under way at once."""
# ruff: noqa: D102 -- the docstrings of store and file methods are inherited

from __future__ import annotations

import io
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from helpers.counting import RequestStore

if TYPE_CHECKING:
    from collections.abc import Buffer, Callable, Collection

    from zarr.abc.store import Store

    from helpers.counting import RequestKind

__all__ = ["MeteredFile", "MeteredStore", "ThreadSamples", "sample_threads"]

# The functions in which zarr's codecs do their work.
_CODECS = ("_encode_sync", "_decode_sync")
# From one sample to the next. A busy machine takes longer.
_EVERY_S = 0.001


@dataclass(frozen=True, kw_only=True)
class ThreadSamples:
    """What was sampled while a function ran.

    Attributes
    ----------
    inside : int
        Samples with a thread inside one of the functions that were looked for.
    at_once : int
        The most threads inside in one sample.
    total : int
        How many samples were taken.
    seconds : float
        How long the function ran.
    """

    inside: int
    at_once: int
    total: int
    seconds: float


def sample_threads(function: Callable[[], object], *, inside: Collection[str] = _CODECS) -> ThreadSamples:
    """Run a function in a thread, and sample from another how many threads are inside functions of some names.

    To sample takes the GIL, the lock that only one thread of Python holds at a time. So whoever is seen inside a
    function that never returns to Python, such as a codec, has let go of that lock; one that keeps it is not
    seen, however long it runs.

    Parameters
    ----------
    function : callable
        What to run, without arguments. What it raises is raised here.
    inside : collection of str
        Names of Python functions; by default those in which zarr's codecs work.

    Returns
    -------
    ThreadSamples
        What was seen.

    Notes
    -----
    Profilers that one can install follow one thread (`cProfile`, `pyinstrument`) or watch from another process, as
    an administrator (`py-spy`). The samples at the start and the end of a call, while Python itself runs, may see
    it as well.

    Examples
    --------
    >>> def sleeper():
    ...     time.sleep(0.3)
    >>> def adder():
    ...     return sum(range(20_000_000))
    >>> sleeping, adding = (sample_threads(each, inside=[each.__name__]) for each in (sleeper, adder))
    >>> sleeping.inside / sleeping.seconds > 5 * adding.inside / adding.seconds
    True
    """
    seen = []
    with ThreadPoolExecutor(1) as pool:
        began = time.perf_counter()
        call = pool.submit(function)
        while not call.done():
            stacks = [traceback.walk_stack(frame) for frame in sys._current_frames().values()]
            seen.append(sum(any(frame.f_code.co_name in inside for frame, _ in stack) for stack in stacks))
            time.sleep(_EVERY_S)
        seconds = time.perf_counter() - began
    call.result()
    inside_once = sum(n > 0 for n in seen)
    return ThreadSamples(inside=inside_once, at_once=max(seen, default=0), total=len(seen), seconds=seconds)


class _Meter:
    """When each read under way will be done, and how many there were at most."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.lock = threading.Lock()
        self.ends: list[float] = []
        self.peak = 0

    def begin(self) -> None:
        now = time.monotonic()
        with self.lock:
            self.ends = [end for end in self.ends if end > now] + [now + self.latency_s]
            self.peak = max(self.peak, len(self.ends))


class _Metered:
    """What a metered store and a metered file have in common."""

    _meter: _Meter

    @property
    def peak_concurrency(self) -> int:
        """The most reads that were under way at once since the beginning or the last `reset`."""
        return self._meter.peak

    def reset(self) -> None:
        """Begin to count anew."""
        self._meter.ends, self._meter.peak = [], 0


class MeteredStore(_Metered, RequestStore):
    """Make each read of a store wait, and count how many wait at once.

    Parameters
    ----------
    store : zarr.abc.store.Store
        The store to wrap: any zarr store, another wrapper included.
    latency_s : float, default 0.05
        Seconds that each read waits. Reads under way at once wait side by side.

    Notes
    -----
    A read counts as under way for `latency_s` from the moment at which the store has been asked. Copies made
    through `with_read_only` share the count.

    Examples
    --------
    >>> import numpy as np, zarr
    >>> from zarr.storage import MemoryStore
    >>> memory = MemoryStore()
    >>> _ = zarr.create_array(memory, data=np.arange(12), chunks=4)
    >>> far = MeteredStore(memory)
    >>> z = zarr.open_array(far, mode="r")
    >>> far.reset()
    >>> _ = z[:]
    >>> far.peak_concurrency
    3
    """

    def __init__(self, store: Store, *, latency_s: float = 0.05) -> None:
        super().__init__(store)
        self._meter = _Meter(latency_s)

    def _with_store(self, store: Store) -> Self:
        # docstring inherited
        same = type(self)(store)
        same._meter = self._meter
        return same

    def on_request(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> float:  # noqa: ARG002
        # docstring inherited
        if kind != "read":
            return 0.0
        self._meter.begin()
        return self._meter.latency_s


class MeteredFile(_Metered, io.BytesIO):
    """Hold the bytes of a file, make each read of them wait, and count how many wait at once.

    Parameters
    ----------
    contents : bytes-like
        What the file holds.
    latency_s : float, default 0.05
        Seconds that each read waits.

    Notes
    -----
    For `h5py.File`, which reads through `readinto`. Close the `h5py.File` before Python ends: HDF5 may crash while it
    closes a Python file that is gone.

    Examples
    --------
    >>> file = MeteredFile(b"abc", latency_s=0)
    >>> file.readinto(bytearray(2)), file.peak_concurrency
    (2, 1)
    """

    def __init__(self, contents: Buffer, *, latency_s: float = 0.05) -> None:
        super().__init__(contents)
        self._meter = _Meter(latency_s)

    def readinto(self, buffer: Buffer, /) -> int:
        # docstring inherited
        self._meter.begin()
        time.sleep(self._meter.latency_s)
        return super().readinto(buffer)
