"""Memory checks: whether a ring, or the copies of a window, fit into a Redis that has a limit of memory."""

from __future__ import annotations

import contextlib
import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis import exceptions

from helpers.stream.ring import documents_of
from helpers.units import format_count, format_nbytes

if TYPE_CHECKING:
    from helpers.redis import RedisKeys
    from helpers.stream.ring import Ring

__all__ = ["require_room_for_ring", "require_room_for_window"]

KEY_OVERHEAD = 256
VALUE_HEADER = 32
OTHER_KEYS = 6  # four documents, the labels and the newest step
LABEL = 32  # 8 bytes, three times, and rounded up by a quarter
CLIENTS = 256 * 1024


@dataclass(frozen=True)
class ServerMemory:
    """Hold the bytes that a Redis may use (``maxmemory``), those that it uses, and what it gets them from."""

    limit: int
    used: int
    allocator: str

    def allocated(self, nbytes: int) -> int:
        """Return what a value of so many bytes takes.

        Notes
        -----
        jemalloc has four sizes for each doubling: 256 KiB and a header take 320 KiB. libc rounds to 16 bytes, and to
        pages of 4 KiB from 128 KiB on. Others are taken for jemalloc. ``MEMORY USAGE`` agreed, for Redis 7.0 and Valkey
        9.1 and values of 1 B to 1 MiB.

        Examples
        --------
        >>> ServerMemory(0, 0, "libc").allocated(512 * 512), ServerMemory(0, 0, "jemalloc-5.3.0").allocated(512 * 512)
        (266240, 327680)
        """
        needed = nbytes + VALUE_HEADER
        if self.allocator == "libc":
            return _rounded(needed, 4096 if needed >= 128 * 1024 else 16)
        return _rounded(needed, max(16, 2 ** (math.ceil(math.log2(needed)) - 3)))


def server_memory(keys: RedisKeys) -> ServerMemory:
    """Return what the server of `keys` says of its memory; without a limit, or if it does not say, it has no end."""
    said = {}
    with keys.errors(), contextlib.suppress(exceptions.ResponseError):  # a user without INFO, or the stand-in
        said = keys.client.info("memory")
    used = int(said.get("used_memory", 0)) - int(said.get("mem_not_counted_for_evict", 0))
    return ServerMemory(int(said.get("maxmemory", 0)) or sys.maxsize, used, str(said.get("mem_allocator", "")))


def ring_memory(ring: Ring, memory: ServerMemory) -> tuple[int, int]:
    """Return the bytes that a ring takes without its frames, and for each slot with its label."""
    # Redis holds a frame twice on its way into the ring, beside the one that it replaces. Measured with Redis 7.0 and
    # Valkey 9.1, frames of 1 kB to 4 MB: a full ring goes on if there is room for two frames and 90 kB. Readers take
    # room while they read, too: 256 KiB are added for all.
    documents = sum(memory.allocated(len(document)) for document in documents_of(ring, ended=True).values())
    frame = memory.allocated(ring.nbytes)
    return 2 * frame + documents + OTHER_KEYS * KEY_OVERHEAD + CLIENTS, frame + KEY_OVERHEAD + LABEL


def require_room_for_ring(keys: RedisKeys, ring: Ring, *, held: int) -> None:
    """Raise OSError, with the arithmetic, if a ring, of whose slots `held` are filled already, will not fit."""
    memory = server_memory(keys)
    fixed, slot = ring_memory(ring, memory)
    fixed -= CLIENTS if held else 0  # a ring that is in use has its clients among what is used
    others = memory.used - held * slot
    most = max(0, memory.limit - others - fixed) // slot
    if ring.slots > most:
        n = format_count
        what_fits = f"{n(most, 'slot')} would fit." if most else "No ring of such frames fits."
        msg = (
            f"a ring of {n(ring.slots, 'slot')} takes {n(ring.slots, 'slot')} x {n(slot, 'byte')} + {n(fixed, 'byte')} "
            f"= {n(ring.slots * slot + fixed, 'byte')} ({format_nbytes(ring.slots * slot + fixed)}), and Redis at "
            f"{keys.address} has {n(memory.limit, 'byte')} (maxmemory) - {n(others, 'byte')} in use "
            f"= {n(memory.limit - others, 'byte')}: nothing was written. {what_fits} Or give the server more with "
            f"`CONFIG SET maxmemory`."
        )
        raise OSError(msg)


def require_room_for_window(keys: RedisKeys, ring: Ring, *, copies: int, held: int) -> None:
    """Raise OSError, with the arithmetic, if copies take what the ring, `held` slots of it filled, still needs."""
    memory = server_memory(keys)
    fixed, slot = ring_memory(ring, memory)
    kept = fixed + (ring.slots - held) * slot
    left = memory.limit - memory.used
    most = max(0, left - kept) // slot
    if copies > most:
        n = format_count
        what_fits = f"window(n={most}) would fit." if most else "No window fits."
        msg = (
            f"a window of {n(copies, 'frame')} is a copy of {copies:,} x {n(slot, 'byte')} = "
            f"{n(copies * slot, 'byte')}. Redis at {keys.address} has {n(left, 'byte')} left (maxmemory), and the "
            f"writer needs {n(kept, 'byte')} of that: nothing was copied. {what_fits} Let go of other windows, keep "
            f"fewer slots, or give the server more with `CONFIG SET maxmemory`."
        )
        raise OSError(msg)


def _rounded(nbytes: int, step: int) -> int:
    return -(-nbytes // step) * step
