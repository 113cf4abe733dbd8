"""Reaches the store of an archive, and says who may write to it: one writer at a time.

`open_store` opens it by path or URL. The lock is an object that is created only where there is none, which folders,
object storage and Redis do atomically. A writer that is killed leaves its lock; whoever comes next takes it over if
the owner was a process of this machine that is no more. Of a process elsewhere nobody here can know that: then the
lock is to be deleted by hand. To take over is to create one more object, named after the lock that it follows, so that
only one succeeds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

import psutil
from zarr.abc.store import Store
from zarr.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import LocalStore, ObjectStore, WrapperStore

from helpers.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["locked", "open_store"]

ROOT = "zarr.json"

_held: set[str] = set()


def open_store(where: str | Path | Store, *, read_only: bool = False) -> Store:
    """Return the zarr store that a path or a URL names.

    Parameters
    ----------
    where : str, Path or zarr.abc.store.Store
        A folder, or a URL: ``s3://BUCKET/PREFIX`` (also ``gs://`` and ``az://``) or
        ``redis://HOST:PORT/DATABASE#PREFIX``. A store is returned as it is.
    read_only : bool, default False
        Refuse to write.

    Returns
    -------
    zarr.abc.store.Store
        The store. Nothing is read or written yet.

    Raises
    ------
    ValueError
        If no such store can be made from the URL.

    Notes
    -----
    Object storage is reached through obstore, which takes region, endpoint and credentials from the environment:
    ``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID`` and so on. None of them belongs in a URL.

    Examples
    --------
    >>> open_store("rain.zarr")
    LocalStore('file://rain.zarr')
    >>> open_store("redis://localhost:7777/0#rain")
    RedisStore('redis://localhost:7777/0/rain')
    """
    if isinstance(where, Store):
        return where.with_read_only(True) if read_only and not where.read_only else where
    parts = urlsplit(str(where))
    if isinstance(where, Path) or "://" not in where:
        return LocalStore(where, read_only=read_only)
    if parts.scheme in ("redis", "rediss", "unix"):
        from helpers.redis import RedisStore

        url = parts._replace(fragment="").geturl()
        return RedisStore(url, prefix=unquote(parts.fragment), read_only=read_only)
    if parts.scheme not in ("s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss"):
        msg = f"{where!r} names no store. Give a folder, or a URL that begins with s3://, gs://, az:// or redis://."
        raise ValueError(msg)
    from obstore.store import from_url

    return ObjectStore(from_url(where), read_only=read_only)


def get(store: Store, key: str) -> bytes | None:
    """Read a value of a store; None if it has none. Folders are read at once, without the way through a thread."""
    value = store.get_sync(key) if isinstance(store, LocalStore) else sync(store.get(key, default_buffer_prototype()))
    return None if value is None else value.to_bytes()


def put(store: Store, values: Mapping[str, bytes]) -> None:
    """Store values, all at once, whether or not there are any."""

    async def write() -> None:
        buffer = default_buffer_prototype().buffer
        await asyncio.gather(*(store.set(key, buffer.from_bytes(value)) for key, value in values.items()))

    sync(write())


def keys(store: Store) -> set[str]:
    """List everything in a store."""

    async def listed() -> set[str]:
        return {key async for key in store.list()}

    return sync(listed())


class Draft(WrapperStore[Store]):
    """Show an archive as it will be: its documents come from memory, chunks go to the store and come from it.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the chunks are.
    documents : dict of str to dict
        What is in each ``zarr.json``, by key.
    """

    supports_consolidated_metadata = True

    def __init__(self, store: Store, documents: Mapping[str, Any]) -> None:
        super().__init__(store)
        self.documents = documents

    def _with_store(self, store: Store) -> Self:
        return type(self)(store, self.documents)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Read documents from memory, and anything else from the store; there is nothing of format 2."""
        if key in self.documents:
            return prototype.buffer.from_bytes(json.dumps(self.documents[key]).encode())
        return None if "/.z" in f"/{key}" else await super().get(key, prototype, byte_range)


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Say who writes to an archive: a process of one boot and one namespace of a machine, since 1970 in seconds."""

    token: str
    machine: str
    pid: int
    since: float

    def __str__(self) -> str:
        seconds = abs(time.time() - self.since)
        return f"process {self.pid} on {self.machine.split()[0]}, for {format_seconds(seconds)}"

    @property
    def dead(self) -> bool:
        """Whether its owner is known to be no more."""
        if self.machine != _machine() or self.token in _held:
            return False
        try:
            return self.pid == os.getpid() or psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.Error as error:
            return isinstance(error, psutil.NoSuchProcess)


@contextlib.contextmanager
def locked(store: Store, dim: str = "time") -> Iterator[bool]:
    """Hold the lock of an archive for as long as a `with` block lasts.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the archive is, or will be.
    dim : str, default "time"
        The dimension along which it grows. The lock is ``DIM/append.lock``.

    Yields
    ------
    bool
        Whether the store is a session of Icechunk, which needs no lock: its commit is one.

    Raises
    ------
    BlockingIOError
        If another writer holds it.

    Examples
    --------
    >>> from zarr.storage import MemoryStore
    >>> with locked(MemoryStore()) as transaction:
    ...     transaction
    False
    """
    inner = store
    while isinstance(inner, WrapperStore):
        inner = inner._store
    if type(inner).__module__.startswith("icechunk"):
        yield True
        return
    lock = Lock(token=uuid.uuid4().hex, machine=_machine(), pid=os.getpid(), since=time.time())
    root = f"{dim}/append.lock"  # below a variable: zarr would warn of an object in the group that is none of its own
    _held.add(lock.token)
    try:
        chain = _claimed(store, root, lock)
        try:
            if len(chain) > 1 and isinstance(inner, LocalStore):  # clear up after the writer that was killed
                for path in inner.root.rglob("*.partial"):  # what zarr calls a file until it is complete
                    if not path.name.startswith("append."):  # that is the lock of who tries at this moment
                        path.unlink(missing_ok=True)
            yield False
        finally:
            for key in _keys(root, chain)[:-1]:  # the first one first: then the archive is free
                sync(store.delete(key))
    finally:
        _held.discard(lock.token)


def _claimed(store: Store, root: str, lock: Lock) -> list[Lock]:
    """Create a lock, and return it after those that it follows."""
    value = json.dumps(asdict(lock)).encode()
    chain: list[Lock] = []  # at first as if there were no lock, which is so nearly always
    while not chain or chain[-1].dead:
        key = _keys(root, chain)[-1]
        sync(store.set_if_not_exists(key, default_buffer_prototype().buffer.from_bytes(value)))
        if (now := _chain(store, root)) == [*chain, lock]:
            return now
        if lock not in now and get(store, key) == value:  # others were released meanwhile: ours follows nothing
            sync(store.delete(key))
        chain = _chain(store, root)
    msg = f"{store} is being written to by {chain[-1]}. Wait until it is done; if it is no more, delete {root}*."
    raise BlockingIOError(msg)


def _keys(root: str, chain: list[Lock]) -> list[str]:
    """Return the key of each lock, and last that of the one which would follow."""
    return [root, *(f"{root}.{lock.token}" for lock in chain)]


def _chain(store: Store, root: str) -> list[Lock]:
    """Read the lock and those that follow it."""
    chain: list[Lock] = []
    while (value := get(store, _keys(root, chain)[-1])) is not None:
        try:
            chain.append(Lock(**json.loads(value)))
        except (TypeError, ValueError) as error:
            msg = f"{root} holds {value[:200]!r}, which is no lock of append. Delete it if no writer is at work."
            raise ValueError(msg) from error
    return chain


def _machine() -> str:
    """Return what two processes have in common that can see each other: on Linux, a boot and a namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{platform.node()} {uuid.getnode():x}"
