"""Lets one writer at a time change an archive, and tells the second one who the first is.

The lock is an object in the archive that is created only where there is none, which folders, object storage and
Redis do atomically. A store that only fsspec knows cannot: there, two writers that begin within the same moment
may both go on.

A writer that is killed leaves its lock. Whoever comes next takes it over if the owner was a process of this
machine that is no more. Of a process elsewhere nobody here can know that: the error says who it is and since when,
and `take_lock_older_than_s` takes what is older. To take over is to create one more object, named after the lock
that it follows, so that only one of several who try succeeds.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from zarr.buffer import default_buffer_prototype
from zarr.core.sync import sync

from helpers.append_archive import PRESENT
from helpers.append_store import get, get_many
from helpers.units import format_seconds, require_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zarr.abc.store import Store

__all__ = ["LOCK", "Claim", "Lock", "locked"]

# Below a variable: zarr would warn of an object in the group that is none of its own, as often as it lists it.
LOCK = f"{PRESENT}/append.lock"

ATTEMPTS = 100

_held: set[str] = set()


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Say who writes to an archive.

    Parameters
    ----------
    token : str
        Unlike that of any other lock.
    machine : str
        Where the owner runs: one boot of one machine, and one namespace of processes in it.
    host : str
        The name of the machine.
    pid : int
        The owner's process.
    since : float
        When it took the lock, in seconds since 1970.
    """

    token: str
    machine: str
    host: str
    pid: int
    since: float

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, for {format_seconds(self.age_s)}"

    @property
    def age_s(self) -> float:
        """Seconds since it was taken."""
        return max(time.time() - self.since, 0.0)

    @property
    def dead(self) -> bool:
        """Whether its owner is known to be no more."""
        if self.machine != _machine():
            return False
        if self.pid == os.getpid():
            return self.token not in _held
        try:
            return psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


class Claim:
    """Hold a lock, until it is released or another writer takes it.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the archive is.
    lock : Lock
        Ours.
    chain : sequence of (str, Lock)
        The locks that ours follows, each with its key: those of writers that are no more, or were too slow.

    Attributes
    ----------
    follows : Lock or None
        The one that was taken over.
    """

    def __init__(self, store: Store, lock: Lock, chain: Sequence[tuple[str, Lock]]) -> None:
        self.store = store
        self.lock = lock
        self.follows = chain[-1][1] if chain else None
        self._keys = [*(key for key, _ in chain), _next_key(self.follows)]
        self._first = chain[0][1] if chain else lock

    @property
    def holds(self) -> bool:
        """Whether nobody has taken the lock meanwhile."""
        first, taken = get_many(self.store, [LOCK, _next_key(self.lock)]).values()
        return taken is None and _lock(first) == self._first

    def check(self) -> None:
        """Raise an error if another writer has taken the lock.

        Raises
        ------
        BlockingIOError
            If so: what that one writes must not be mixed with ours.
        """
        if not self.holds:
            msg = (
                f"another writer has taken the lock of {self.store} from this one, which had held it for "
                f"{format_seconds(self.lock.age_s)}. Nothing was published; append again."
            )
            raise BlockingIOError(msg)

    def release(self) -> None:
        """Let others write, unless another writer has taken the lock."""
        if self.holds:
            # The first one first: from then on the archive is free, and the others have no meaning.
            for key in self._keys:
                sync(self.store.delete(key))


@contextlib.contextmanager
def locked(store: Store, *, take_lock_older_than_s: float | None = None) -> Iterator[Claim]:
    """Hold the lock of an archive for as long as a `with` block lasts.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the archive is, or will be.
    take_lock_older_than_s : float, optional
        Take a lock that another writer has held for longer than this, even if that one may still be at work.

    Yields
    ------
    Claim
        Says whether the lock is still held, and which one it followed.

    Raises
    ------
    BlockingIOError
        If another writer holds it.

    Notes
    -----
    A writer whose lock is taken while it works finds out before it publishes, unless both happen within the same
    few milliseconds: a store has no way to compare and write in one step. Choose an age that no batch takes.
    """
    if take_lock_older_than_s is not None:
        require_number("take_lock_older_than_s", take_lock_older_than_s, ok=lambda x: x >= 0, allowed="0 or more")
    lock = Lock(token=uuid.uuid4().hex, machine=_machine(), host=platform.node(), pid=os.getpid(), since=time.time())
    _held.add(lock.token)
    try:
        claim = _claim(store, lock, take_lock_older_than_s)
        try:
            yield claim
        finally:
            claim.release()
    finally:
        _held.discard(lock.token)


def _claim(store: Store, lock: Lock, older_than_s: float | None) -> Claim:
    value = default_buffer_prototype().buffer.from_bytes(json.dumps(asdict(lock)).encode())
    chain: list[tuple[str, Lock]] = []
    for _ in range(ATTEMPTS):
        # At first as if there were no lock, which is so nearly always.
        owner = chain[-1][1] if chain else None
        if owner and not owner.dead and not (older_than_s is not None and owner.age_s > older_than_s):
            msg = (
                f"{store} is being written to by {owner}. Wait until it is done; if it is no more, give "
                f"take_lock_older_than_s= an age that no batch takes."
            )
            raise BlockingIOError(msg)
        key = _next_key(owner)
        sync(store.set_if_not_exists(key, value))
        if _read(store, key) == lock:
            if not chain or _read(store, LOCK) == chain[0][1]:
                return Claim(store, lock, chain)
            # Released while we looked: what we hold follows nothing.
            sync(store.delete(key))
        chain = _chain(store)
    msg = f"{store} did not keep a lock in {ATTEMPTS} attempts: other writers were faster each time. Try again."
    raise BlockingIOError(msg)


def _chain(store: Store) -> list[tuple[str, Lock]]:
    """Return the lock, the one that took it over, and so on."""
    chain: list[tuple[str, Lock]] = []
    key = LOCK
    while (lock := _read(store, key)) is not None:
        chain.append((key, lock))
        key = _next_key(lock)
    return chain


def _next_key(owner: Lock | None) -> str:
    return LOCK if owner is None else f"{LOCK}.{owner.token}"


def _read(store: Store, key: str) -> Lock | None:
    return _lock(get(store, key))


def _lock(value: bytes | None) -> Lock | None:
    if value is None:
        return None
    try:
        return Lock(**json.loads(value))
    except (TypeError, ValueError) as error:
        msg = f"{LOCK} holds {value[:200]!r}, which is no lock of append. Delete it if no writer is at work."
        raise ValueError(msg) from error


def _machine() -> str:
    """Return what two processes have in common that can see each other: on Linux, a boot and a namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{platform.node()} {uuid.getnode():x}"
