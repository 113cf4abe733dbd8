"""Reaches the store of an archive, and says who may write to it.

`open_store` opens it by path or URL. On a plain store one writer at a time changes an archive: `locked` tells the
second one who the first is. The lock is an object that is created only where there is none, which folders, object
storage and Redis do atomically (what only fsspec knows cannot: two writers that begin at the same moment may both
go on). A writer that is killed leaves its lock; whoever comes next takes it over if the owner was a process of this
machine that is no more. Of a process elsewhere nobody here can know that: `take_lock_older_than_s` takes what is
older. To take over is to create one more object, named after the lock that it follows, so that only one succeeds.

On Icechunk several writers may be at work. Each works on the snapshot that it began with; `commit` puts a change
after that of a faster writer where they changed different chunks (a rebase), and makes it again where both changed
the same, as writers that lengthen arrays always do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import random
import re
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import icechunk
import psutil
from zarr.abc.store import Store
from zarr.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import FsspecStore, LocalStore, ObjectStore, WrapperStore

from helpers.units import format_count, format_seconds, require_number

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["Commit", "commit", "locked", "open_repository", "open_store"]

ROOT = "zarr.json"
LOCK = "append.lock"
# What zarr calls a file until it is complete.
HALF_WRITTEN = re.compile(r"\.[0-9a-f]{32}\.partial$")
_LONGEST_WAIT_S = 0.5

OBJECT_STORAGE = ("s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss")
REDIS = ("redis", "rediss", "unix")


def open_store(where: str | Path | Store, *, read_only: bool = False) -> Store:
    """Return the zarr store that a path or a URL names.

    Parameters
    ----------
    where : str, Path or zarr.abc.store.Store
        A folder, or a URL: ``file:///DIRECTORY``, ``s3://BUCKET/PREFIX`` (also ``gs://`` and ``az://``),
        ``redis://HOST:PORT/DATABASE#PREFIX`` or any other that fsspec knows. A store is returned as it is.
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
    ``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID`` and so on. None of them belongs in a URL. What only fsspec knows
    cannot create a key only where there is none: two writers do not see each other's locks for certain there.

    Examples
    --------
    >>> open_store("rain.zarr")
    LocalStore('file://rain.zarr')
    >>> open_store("redis://localhost:7777/0#rain")
    RedisStore('redis://localhost:7777/0/rain')
    """
    if isinstance(where, Store):
        return where.with_read_only(True) if read_only and not where.read_only else where
    if isinstance(where, Path) or "://" not in where:
        return LocalStore(Path(where), read_only=read_only)
    parts = urlsplit(where)
    if parts.scheme == "file":
        return LocalStore(Path(url2pathname(parts.path)), read_only=read_only)
    if parts.scheme in REDIS:
        from helpers.redis import RedisStore

        url = parts._replace(fragment="").geturl()
        return RedisStore(url, prefix=unquote(parts.fragment), read_only=read_only)
    if parts.scheme in OBJECT_STORAGE:
        from obstore.store import from_url

        return ObjectStore(from_url(where), read_only=read_only)
    return FsspecStore.from_url(where, read_only=read_only)


def get(store: Store, key: str) -> bytes | None:
    """Read a value of a store; None if it has none."""
    return get_many(store, [key])[key]


def get_many(store: Store, keys: Iterable[str]) -> dict[str, bytes | None]:
    """Read values of a store, all at once."""
    asked = list(keys)
    folder = innermost(store)
    if isinstance(folder, LocalStore) and not folder.root.exists():
        # zarr would make it, or raise an error if it may not.
        return dict.fromkeys(asked)
    if isinstance(store, LocalStore):
        # Quicker than through an event loop and its threads, as much as a tenth of the time of a batch.
        found = {key: store.get_sync(key) for key in asked}
        return {key: None if value is None else value.to_bytes() for key, value in found.items()}

    async def read() -> dict[str, bytes | None]:
        values = await asyncio.gather(*(store.get(key, default_buffer_prototype()) for key in asked))
        return {key: None if value is None else value.to_bytes() for key, value in zip(asked, values, strict=True)}

    return sync(read())


def put(store: Store, values: Mapping[str, bytes]) -> None:
    """Store values, all at once, whether or not there are any."""
    buffer = default_buffer_prototype().buffer
    if isinstance(store, LocalStore):
        for key, value in values.items():
            store.set_sync(key, buffer.from_bytes(value))
        return

    async def write() -> None:
        await asyncio.gather(*(store.set(key, buffer.from_bytes(value)) for key, value in values.items()))

    sync(write())


def keys(store: Store) -> set[str]:
    """List everything in a store."""

    async def listed() -> set[str]:
        return {key async for key in store.list()}

    return sync(listed())


def innermost(store: Store) -> Store:
    """Return the store inside all wrappers, such as one that counts."""
    while isinstance(store, WrapperStore):
        store = store._store
    return store


def in_transaction(store: Store) -> bool:
    """Whether nothing that is written to a store is seen before a commit: a session of Icechunk."""
    return type(innermost(store)).__module__.startswith("icechunk")


class Draft(WrapperStore[Store]):
    """Show arrays as they will be: their metadata comes from memory, chunks go to the store and come from it.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the chunks are.
    nodes : dict of str to dict
        The metadata of each array, by key. What is written to them is not kept.
    """

    def __init__(self, store: Store, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(store)
        self.nodes = {ROOT: {"zarr_format": 3, "node_type": "group", "attributes": {}}, **nodes}

    def _with_store(self, store: Store) -> Self:
        return type(self)(store, self.nodes)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Read metadata from memory, and anything else from the store."""
        if not _is_metadata(key):
            return await super().get(key, prototype, byte_range)
        node = self.nodes.get(key)
        return None if node is None else prototype.buffer.from_bytes(json.dumps(node).encode())

    async def set(self, key: str, value: Buffer) -> None:
        """Write chunks."""
        if not _is_metadata(key):
            await super().set(key, value)

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """List the arrays, without asking the store."""
        for name in {key.split("/")[0] for key in self.nodes} if not prefix.strip("/") else ():
            yield name


def _is_metadata(key: str) -> bool:
    return key.rsplit("/", 1)[-1] in {ROOT, ".zarray", ".zattrs", ".zgroup", ".zmetadata"}


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
    root : str
        The key of the first lock.
    lock : Lock
        Ours.
    chain : sequence of (str, Lock)
        The locks that ours follows, each with its key: those of writers that are no more, or were too slow.

    Attributes
    ----------
    follows : Lock or None
        The one that was taken over.
    """

    def __init__(self, store: Store, root: str, lock: Lock, chain: Sequence[tuple[str, Lock]]) -> None:
        self.store, self.lock = store, lock
        self.follows = chain[-1][1] if chain else None
        self._root = root
        self._keys = [*(key for key, _ in chain), _next_key(root, self.follows)]
        self._first = chain[0][1] if chain else lock

    @property
    def holds(self) -> bool:
        """Whether nobody has taken the lock meanwhile."""
        first, taken = get_many(self.store, [self._root, _next_key(self._root, self.lock)]).values()
        return taken is None and _lock(self._root, first) == self._first

    def check(self) -> None:
        """Raise a BlockingIOError if another writer has taken the lock: what it writes must not be mixed with ours."""
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
def locked(store: Store, dim: str = "time", *, take_lock_older_than_s: float | None = None) -> Iterator[Claim]:
    """Hold the lock of an archive for as long as a `with` block lasts.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the archive is, or will be.
    dim : str, default "time"
        The dimension along which it grows. The lock is ``DIM/append.lock``.
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
        # Below a variable: zarr would warn of an object in the group that is none of its own.
        claim = _claim(store, f"{dim}/{LOCK}", lock, take_lock_older_than_s)
        try:
            yield claim
        finally:
            claim.release()
    finally:
        _held.discard(lock.token)


@contextlib.contextmanager
def writing(store: Store, dim: str, *, take_lock_older_than_s: float | None = None) -> Iterator[Claim | None]:
    """Hold the lock, and clear up after the writer that left it; None where transactions make locks needless."""
    if in_transaction(store):
        yield None
        return
    with locked(store, dim, take_lock_older_than_s=take_lock_older_than_s) as claim:
        folder = innermost(store)
        if claim.follows is not None and isinstance(folder, LocalStore):
            for path in folder.root.rglob("*.partial"):
                if HALF_WRITTEN.search(path.name):
                    path.unlink(missing_ok=True)
        yield claim


def _claim(store: Store, root: str, lock: Lock, older_than_s: float | None) -> Claim:
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
        key = _next_key(root, owner)
        sync(store.set_if_not_exists(key, value))
        if _lock(root, get(store, key)) == lock:
            if not chain or _lock(root, get(store, root)) == chain[0][1]:
                return Claim(store, root, lock, chain)
            # Released while we looked: what we hold follows nothing.
            sync(store.delete(key))
        chain, key = [], root
        while (found := _lock(root, get(store, key))) is not None:
            chain.append((key, found))
            key = _next_key(root, found)
    msg = f"{store} did not keep a lock in {ATTEMPTS} attempts: other writers were faster each time. Try again."
    raise BlockingIOError(msg)


def _next_key(root: str, owner: Lock | None) -> str:
    return root if owner is None else f"{root}.{owner.token}"


def _lock(root: str, value: bytes | None) -> Lock | None:
    if value is None:
        return None
    try:
        return Lock(**json.loads(value))
    except (TypeError, ValueError) as error:
        msg = f"{root} holds {value[:200]!r}, which is no lock of append. Delete it if no writer is at work."
        raise ValueError(msg) from error


def _machine() -> str:
    """Return what two processes have in common that can see each other: on Linux, a boot and a namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{platform.node()} {uuid.getnode():x}"


@dataclass(frozen=True, repr=False, kw_only=True)
class Commit[T]:
    """Say what `commit` did.

    Parameters
    ----------
    message : str
        What the history says of it.
    snapshot_id : str
        The archive with the change, for `Repository.readonly_session`: other writers may be further by now.
    result : T
        What the change returned, when it was made for the last time.
    redone : int
        How often it was made again, since another writer had changed the same.

    Examples
    --------
    >>> Commit(message="batch 1", snapshot_id="W0KERMV14QPA9Z6F2Z90", result=None, redone=1)
    <Commit 'batch 1', redone 1 time>
    """

    message: str
    snapshot_id: str
    result: T
    redone: int = 0

    def __repr__(self) -> str:  # no snapshot: its name is another one each time
        redone = f", redone {format_count(self.redone, 'time')}" if self.redone else ""
        result = f": {self.result}" if self.result is not None else ""
        return f"<Commit {self.message!r}{redone}{result}>"


def open_repository(where: str | Path) -> icechunk.Repository:
    """Open a repository of Icechunk, or make one where there is none.

    Parameters
    ----------
    where : str or Path
        ``s3://BUCKET/PREFIX``, whose endpoint, region and credentials are in the environment (``AWS_ENDPOINT_URL``
        and so on), or a folder. A folder is for one writer: commits at once are not safe there.

    Returns
    -------
    icechunk.Repository

    Raises
    ------
    ValueError
        If it is another kind of URL.

    Notes
    -----
    Icechunk's warnings go to standard error past Python: they are switched off, unless ``ICECHUNK_LOG`` is set.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     repository = open_repository(folder)
    ...     [snapshot.message for snapshot in repository.ancestry(branch="main")]
    ['Repository initialized']
    """
    _hush()
    return icechunk.Repository.open_or_create(_storage(where))


def commit[T](
    repository: icechunk.Repository,
    change: Callable[[Store], T],
    *,
    message: str,
    branch: str = "main",
    tries: int = 100,
) -> Commit[T]:
    """Make a change and commit it, after those of other writers who were faster.

    Parameters
    ----------
    repository : icechunk.Repository
        The repository.
    change : callable
        Gets the store of a session and writes to it. It is called again, with another store, after each conflict
        that a rebase does not solve, and must not rely on what it saw before.
    message : str
        What the history says of it.
    branch : str, default "main"
        The branch.
    tries : int, default 100
        How often to make the change, at most.

    Returns
    -------
    Commit
        If `change` wrote nothing, there is none: the snapshot is the one that it saw.

    Raises
    ------
    BlockingIOError
        If other writers were faster every time.
    ValueError
        If `tries` is below 1.

    Notes
    -----
    A conflict means that another writer has committed: they all get on. Each waits for a random moment before it
    begins again, so that none is always the slowest.

    Examples
    --------
    >>> import icechunk, zarr
    >>> repository = icechunk.Repository.create(icechunk.in_memory_storage())
    >>> def change(store):
    ...     zarr.create_group(store, attributes={"title": "rain"})
    >>> commit(repository, change, message="begin")
    <Commit 'begin'>
    """
    require_number("tries", tries, ok=lambda x: x >= 1, allowed="1 or more")
    _hush()
    for redone in range(int(tries)):
        session = repository.writable_session(branch)
        result, snapshot_id = change(session.store), session.snapshot_id
        try:
            if session.has_uncommitted_changes:
                snapshot_id = session.commit(message, rebase_with=icechunk.ConflictDetector())
        except icechunk.ConflictError as error:
            conflict = error
            time.sleep(random.uniform(0, min(0.02 * 2**redone, _LONGEST_WAIT_S)))
        else:
            return Commit(message=message, snapshot_id=snapshot_id, result=result, redone=redone)
    msg = (
        f"{message!r} was not committed to {branch!r}: other writers were faster {format_count(int(tries), 'time')}. "
        "Commit less often, in larger batches, or give more tries."
    )
    raise BlockingIOError(msg) from conflict


def _storage(where: str | Path) -> icechunk.Storage:
    if isinstance(where, Path) or "://" not in where:
        return icechunk.local_filesystem_storage(str(where))
    parts = urlsplit(where)
    if parts.scheme != "s3" or not parts.netloc:
        msg = f"{where!r} is no place for a repository. Give s3://BUCKET/PREFIX, or a folder."
        raise ValueError(msg)
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return icechunk.s3_storage(
        bucket=parts.netloc,
        prefix=parts.path.strip("/") or None,
        endpoint_url=endpoint,
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        allow_http=bool(endpoint and endpoint.startswith("http://")),
        force_path_style=endpoint is not None,
        from_env=True,
    )


def _hush() -> None:
    if "ICECHUNK_LOG" not in os.environ:
        icechunk.set_logs_filter("error")
