"""Counts how many reads are under way at once, and samples what the threads are doing.

Looks at what the threads of this Python are doing, again and again, while a function runs.

Counts how many reads are under way at once, of a store and of a file, both far away.
"""
# ruff: noqa: D102 -- the docstrings of store and file methods are inherited

from __future__ import annotations

import io
import math
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from helpers.counting import RequestStore
from helpers.units import require_number

if TYPE_CHECKING:
    from collections.abc import Buffer, Callable, Collection, Iterator
    from types import FrameType

    from zarr.abc.store import Store

    from helpers.counting import RequestKind

__all__ = ["CODECS", "AtOnceFile", "AtOnceStore", "Looks", "look_at_threads"]


#: The functions in which zarr's codecs do their work.
CODECS = ("_encode_sync", "_decode_sync")


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What was seen while a function ran.

    Attributes
    ----------
    inside : int
        How often a thread was seen inside one of the functions that were looked for.
    at_once : int
        The most threads seen inside at one moment.
    total : int
        How often was looked.
    seconds : float
        How long the function ran.
    cores : float
        How many cores it kept busy on average.
    """

    inside: int
    at_once: int
    total: int
    seconds: float
    cores: float


def look_at_threads(
    function: Callable[[], object], *, inside: Collection[str] = CODECS, every_s: float = 0.001
) -> Looks:
    """Run a function in a thread, and look from another how many threads are inside functions of some names.

    To look takes the GIL, the lock that only one thread of Python holds at a time. So whoever is seen inside a
    function that never returns to Python, such as a codec, has let go of that lock; one that keeps it is not
    seen, however long it runs.

    Parameters
    ----------
    function : callable
        What to run, without arguments.
    inside : collection of str, default CODECS
        Names of Python functions.
    every_s : float, default 0.001
        Seconds from one look to the next, above 0. A busy machine takes longer.

    Returns
    -------
    Looks
        What was seen.

    Raises
    ------
    ValueError
        If `every_s` is not above 0.

    Notes
    -----
    The two looks at the start and the end of a call, while Python itself runs, may see it as well. What the
    function raises is raised here.

    Examples
    --------
    >>> def sleeper():
    ...     time.sleep(0.3)
    >>> def adder():
    ...     return sum(range(20_000_000))
    >>> sleeping, adding = (look_at_threads(each, inside=[each.__name__]) for each in (sleeper, adder))
    >>> sleeping.inside / sleeping.seconds > 5 * adding.inside / adding.seconds
    True
    """
    require_number("every_s", every_s, ok=lambda s: s > 0, allowed="above 0")
    call = _Call(function)
    seen = []
    began, busy = time.perf_counter(), time.process_time()
    call.start()
    while call.is_alive():
        seen.append(sum(not _names(frame).isdisjoint(inside) for frame in sys._current_frames().values()))
        time.sleep(every_s)
    seconds = time.perf_counter() - began
    cores = (time.process_time() - busy) / seconds
    call.join()
    if call.failure is not None:
        raise call.failure
    return Looks(
        inside=sum(n > 0 for n in seen), at_once=max(seen, default=0), total=len(seen), seconds=seconds, cores=cores
    )


class _Call(threading.Thread):
    """A call in a thread of its own."""

    def __init__(self, function: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.function = function
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            self.function()
        except Exception as error:  # raised again where it was asked for
            self.failure = error


def _names(frame: FrameType) -> set[str]:
    return {each.f_code.co_name for each in _outwards(frame)}


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


class AtOnceStore(RequestStore):
    """Make each read of a store wait, and count how many wait at once.

    Parameters
    ----------
    store : zarr.abc.store.Store
        The store to wrap: any zarr store, another wrapper included.
    latency_s : float, default 0.05
        Seconds that each read waits. Reads under way at once wait side by side.

    Attributes
    ----------
    most : int
        The most reads that were under way at once since the store was made or last `reset`.

    Raises
    ------
    TypeError, ValueError
        If `latency_s` is not a finite number, 0 or more.

    Notes
    -----
    A read counts as under way for `latency_s` from the moment at which the store has been asked. Copies made
    through `with_read_only` share the count; a pickled copy begins its own.

    Examples
    --------
    >>> import numpy as np, zarr
    >>> from zarr.storage import MemoryStore
    >>> memory = MemoryStore()
    >>> _ = zarr.create_array(memory, data=np.arange(12), chunks=4)
    >>> far = AtOnceStore(memory)
    >>> z = zarr.open_array(far, mode="r")
    >>> far.reset()
    >>> _ = z[:]
    >>> far.most
    3
    """

    def __init__(self, store: Store, *, latency_s: float = 0.05) -> None:
        super().__init__(store)
        self._waiting = _Waiting(latency_s)

    def _with_store(self, store: Store) -> Self:
        # docstring inherited
        same = type(self)(store, latency_s=self._waiting.latency_s)
        same._waiting = self._waiting
        return same

    @property
    def most(self) -> int:
        """The most reads at once."""
        return self._waiting.most

    def reset(self) -> None:
        """Begin to count anew.

        Examples
        --------
        >>> from zarr.storage import MemoryStore
        >>> store = AtOnceStore(MemoryStore())
        >>> store.reset()
        >>> store.most
        0
        """
        self._waiting.reset()

    def toll(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> float:  # noqa: ARG002
        # docstring inherited
        if kind != "read":
            return 0.0
        self._waiting.begin()
        return self._waiting.latency_s


class AtOnceFile(io.BytesIO):
    """Hold the bytes of a file, make each read of them wait, and count how many wait at once.

    Parameters
    ----------
    contents : bytes-like
        What the file holds.
    latency_s : float, default 0.05
        Seconds that each read waits.

    Attributes
    ----------
    most : int
        The most reads that were under way at once since the file was made or last `reset`.

    Raises
    ------
    TypeError, ValueError
        If `latency_s` is not a finite number, 0 or more.

    Notes
    -----
    For `h5py.File`, which reads through `readinto`. Close the `h5py.File` before Python ends: HDF5 may crash while it
    closes a Python file that is gone.

    Examples
    --------
    >>> file = AtOnceFile(b"abc", latency_s=0)
    >>> file.readinto(bytearray(2)), file.most
    (2, 1)
    """

    def __init__(self, contents: Buffer, *, latency_s: float = 0.05) -> None:
        super().__init__(contents)
        self._waiting = _Waiting(latency_s)

    @property
    def most(self) -> int:
        """The most reads at once."""
        return self._waiting.most

    def reset(self) -> None:
        """Begin to count anew.

        Examples
        --------
        >>> file = AtOnceFile(b"abc")
        >>> file.reset()
        >>> file.most
        0
        """
        self._waiting.reset()

    def readinto(self, buffer: Buffer, /) -> int:
        # docstring inherited
        self._waiting.begin()
        time.sleep(self._waiting.latency_s)
        return super().readinto(buffer)


class _Waiting:
    """When each read under way will be done, and how many there were at most."""

    def __init__(self, latency_s: float) -> None:
        require_number("latency_s", latency_s, ok=lambda s: 0 <= s < math.inf, allowed="finite, 0 or more")
        self.latency_s = latency_s
        self.lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self.lock:
            self.ends: list[float] = []
            self.most = 0

    def begin(self) -> None:
        now = time.monotonic()
        with self.lock:
            self.ends = [end for end in self.ends if end > now] + [now + self.latency_s]
            self.most = max(self.most, len(self.ends))

    def __reduce__(self) -> tuple[type[_Waiting], tuple[float]]:
        return _Waiting, (self.latency_s,)
