"""Makes each request to a store take its time."""
# ruff: noqa: D102 -- the docstrings of store methods are inherited

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from helpers.request_store import RequestStore
from helpers.units import require_number

if TYPE_CHECKING:
    from zarr.abc.store import Store

    from helpers.request_store import RequestKind

__all__ = ["SlowStore"]


class SlowStore(RequestStore):
    """Make each request to a store wait, as if the store were far away.

    Show on one machine, without a network, what distance does to a layout or an access pattern.
    `helpers.request_store.RequestStore` says what is one request.

    Parameters
    ----------
    store : zarr.abc.store.Store
        The store to wrap: any zarr store, another wrapper included.
    latency_s : float
        Seconds that each request waits, at least 0. Requests under way at once wait side by side.
    bandwidth_Bps : float, optional
        Bytes per second of the link to the store, above 0. All requests share the link: their bytes pass one
        after the other. Without it the link has no limit.

    Raises
    ------
    TypeError
        If `latency_s` or `bandwidth_Bps` is not a number.
    ValueError
        If `latency_s` is negative or not finite, or `bandwidth_Bps` is not above 0.

    Notes
    -----
    The waits come on top of the wrapped store's own time. Keys of a directory are deleted one after the
    other, as zarr does by default. Copies made through `with_read_only` share the link; a pickled copy gets
    its own.

    Examples
    --------
    >>> import time
    >>> from zarr.storage import MemoryStore
    >>> store = SlowStore(MemoryStore(), latency_s=0.05)
    >>> store
    SlowStore(MemoryStore, latency_s=0.05, bandwidth_Bps=None)
    >>> begin = time.perf_counter()
    >>> store.get_sync("zarr.json")
    >>> time.perf_counter() - begin >= 0.05
    True
    """

    def __init__(self, store: Store, *, latency_s: float, bandwidth_Bps: float | None = None) -> None:  # noqa: N803
        super().__init__(store)
        self._link = _Link(latency_s=latency_s, bandwidth_Bps=bandwidth_Bps)

    @classmethod
    async def open(cls, store_cls: type[Store], *args: Any, **kwargs: Any) -> Self:
        # docstring inherited
        pace = {name: kwargs.pop(name) for name in ("latency_s", "bandwidth_Bps") if name in kwargs}
        store = store_cls(*args, **kwargs)
        await store._open()
        return cls(store, **pace)

    def _with_store(self, store: Store) -> Self:
        # docstring inherited
        same = type(self)(store, latency_s=self.latency_s, bandwidth_Bps=self.bandwidth_Bps)
        same._link = self._link
        return same

    def __repr__(self) -> str:
        inner = super().__repr__().removeprefix("SlowStore(").removesuffix(")")
        return f"SlowStore({inner}, latency_s={self.latency_s}, bandwidth_Bps={self.bandwidth_Bps})"

    @property
    def latency_s(self) -> float:
        """Seconds that each request waits."""
        return self._link.latency_s

    @property
    def bandwidth_Bps(self) -> float | None:  # noqa: N802
        """Bytes per second of the link; None is no limit."""
        return self._link.bandwidth_Bps

    def toll(self, kind: RequestKind, *, nbytes: int = 0, times: int = 1) -> float:  # noqa: ARG002
        # docstring inherited
        return self._link.wait_s(nbytes=nbytes, times=times)


class _Link:
    """The way to a store: its latency, and the moment at which its bytes so far have passed."""

    def __init__(self, latency_s: float, bandwidth_Bps: float | None) -> None:  # noqa: N803
        require_number(
            "latency_s",
            latency_s,
            ok=lambda x: 0 <= x < math.inf,
            allowed="a finite number, 0 or more (100 ms: 0.1)",
        )
        if bandwidth_Bps is not None:
            require_number("bandwidth_Bps", bandwidth_Bps, ok=lambda x: x > 0, allowed="above 0, or None for no limit")
        self.latency_s = latency_s
        self.bandwidth_Bps = bandwidth_Bps
        self.lock = threading.Lock()
        self.free_at = 0.0

    def wait_s(self, *, nbytes: int, times: int) -> float:
        latency_s = self.latency_s * times
        if self.bandwidth_Bps is None or nbytes == 0:
            return latency_s
        now = time.monotonic()
        with self.lock:
            self.free_at = max(self.free_at, now + latency_s) + nbytes / self.bandwidth_Bps
            return self.free_at - now

    def __reduce__(self) -> tuple[type[_Link], tuple[float, float | None]]:
        return _Link, (self.latency_s, self.bandwidth_Bps)
