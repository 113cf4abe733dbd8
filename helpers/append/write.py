"""Pieces cut along chunks, planned, written and published last.

Cuts a piece of an archive along the archive's chunks, and gives each part to one task.

One chunk is one task, whatever falls into it: new steps, late ones, and places that stay empty. Two tasks never
write the same chunk, so none loses what another wrote, and each holds no more than its chunk. Only of values that
are in memory anyway zarr gets many chunks in one task, which it does quicker. Values in memory or in a file go
through a few threads more than there are processors, Dask arrays through Dask's own scheduler, in one go for all
variables, so that a file which holds several is read once.

Writes steps into the chunks of an archive, each chunk with one PUT.

A chunk is always written whole. If it holds steps already, they are read, and written again with the new ones in
one PUT: a reader with the old length finds in either version the same values up to that length. What a killed
writer left beyond the published length is never read back, and never survives: every place from there on is
written, places that no step came to with the fill value.

What is written where a reader may look, late and replaced steps, changes chunk by chunk. The record of presence
orders it: a late step is marked present after its last chunk, and a step to be replaced is marked missing before
its first. Killed in between, it stays marked missing, and running again completes it. A reader that asks for the
record first, and reads what it finds present, can then only be wrong about a step that is being replaced; Icechunk
is for those who cannot accept that.

Says what a piece changes in an archive: which steps are new, late, there already, or there with other values.

Lets one writer at a time change an archive, and tells the second one who the first is.

The lock is an object in the archive that is created only where there is none, which folders, object storage and
Redis do atomically. A store that only fsspec knows cannot: there, two writers that begin within the same moment
may both go on.

A writer that is killed leaves its lock. Whoever comes next takes it over if the owner was a process of this
machine that is no more. Of a process elsewhere nobody here can know that: the error says who it is and since when,
and `take_lock_older_than_s` takes what is older. To take over is to create one more object, named after the lock
that it follows, so that only one of several who try succeeds.

Carries out what is planned, in the order that keeps an archive whole, and publishes it last.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import platform
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import xarray as xr
from dask.base import compute
from dask.delayed import delayed
from zarr.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import LocalStore

from helpers.append.archive import PRESENT, Archive
from helpers.append.store import get, get_many, in_transaction, innermost, put
from helpers.counting import CountingStore
from helpers.units import format_seconds, require_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from helpers.append.axis import Positions

    type Values = npt.NDArray[np.generic]
    from zarr.abc.store import Store

    from helpers.append.store import Written

    type Flags = npt.NDArray[np.bool_]

__all__ = [
    "HALF_WRITTEN",
    "LOCK",
    "Block",
    "Claim",
    "Job",
    "Lock",
    "Plan",
    "carry_out",
    "cut",
    "differing",
    "locked",
    "mark",
    "plan",
    "run",
    "write",
    "writing",
]


@dataclass(frozen=True, kw_only=True)
class Block:
    """Say what of a piece falls into one chunk of the archive.

    Parameters
    ----------
    window : tuple of slice
        The chunk's part of the archive, in each dimension; along the axis up to the archive's end.
    axis : int
        The dimension along which the archive grows.
    source : tuple of slice
        The part of the piece; empty along the axis where nothing of it falls into the chunk.
    places : array of int64
        Positions along the axis, one for each step of that part.
    """

    window: tuple[slice, ...]
    axis: int
    source: tuple[slice, ...]
    places: Positions


type Job[T] = tuple[xr.Variable, Sequence[Block], Callable[[Values | None, Block], T]]


def cut(
    shape: tuple[int, ...],
    grid: tuple[int, ...],
    *,
    axis: int,
    places: Positions,
    begin: int | None = None,
    together: bool = False,
) -> list[Block]:
    """Return a block for each chunk that a piece touches.

    Parameters
    ----------
    shape : tuple of int
        Sizes of the archive's array.
    grid : tuple of int
        Sizes of its chunks, or of its shards if it has them.
    axis : int
        The dimension along which it grows.
    places : array of int64, shape (steps,)
        Ascending positions of the steps of the piece.
    begin : int, optional
        The position from which on every place counts as touched, whether or not a step comes to it.
    together : bool, default False
        Put neighbouring chunks that the piece fills into one block.

    Returns
    -------
    list of Block
        The blocks, those with nothing of the piece included.

    Examples
    --------
    >>> for block in cut((5, 4), (3, 4), axis=0, places=np.array([2, 4])):
    ...     print(block.window[0], block.source[0], block.places)
    slice(0, 3, None) slice(0, 1, None) [2]
    slice(3, 5, None) slice(1, 2, None) [4]
    """
    new = np.arange(shape[axis] if begin is None else begin, shape[axis], dtype=np.int64)
    touched = np.unique(np.concatenate([places, new]) // grid[axis]) * grid[axis]
    windows = [slice(int(start), min(int(start) + grid[axis], shape[axis])) for start in touched]
    blocks = []
    for window, filled in _joined(windows, places) if together else [(window, False) for window in windows]:
        first, last = map(int, np.searchsorted(places, [window.start, window.stop]))
        across = [
            [slice(0, length)] if filled else [slice(at, min(at + size, length)) for at in range(0, length, size)]
            for length, size in zip(shape, grid, strict=True)
        ]
        across[axis] = [window]
        for each in itertools.product(*across):
            source = (*each[:axis], slice(first, last), *each[axis + 1 :])
            blocks.append(Block(window=each, axis=axis, source=source, places=places[first:last]))
    return blocks


def _joined(windows: list[slice], places: Positions) -> list[tuple[slice, bool]]:
    """Return windows along the axis, filled neighbours as one, each with whether it is filled."""
    joined: list[tuple[slice, bool]] = []
    for window in windows:
        first, last = np.searchsorted(places, [window.start, window.stop])
        filled = bool(last - first == window.stop - window.start)
        if filled and joined and joined[-1][1] and joined[-1][0].stop == window.start:
            joined[-1] = slice(joined[-1][0].start, window.stop), True
        else:
            joined.append((window, filled))
    return joined


def run[T](jobs: Sequence[Job[T]]) -> list[T]:
    """Run one task for each block of each job.

    Parameters
    ----------
    jobs : sequence of (xarray.Variable, sequence of Block, callable)
        Values with one step for each place, the blocks that they were cut into, and the task: it is given the
        values of the block, None if it has none, and the block.

    Returns
    -------
    list
        What the tasks returned, in no particular order.

    Raises
    ------
    Exception
        The first that a task raised. Tasks that had not begun are not run then.
    """
    in_dask: list[Any] = []
    calls: list[Callable[[], T]] = []
    for variable, blocks, task in jobs:
        # Not `variable.data`, which would read a whole file to answer.
        lazy = variable.chunks is not None
        if lazy:
            in_dask += _delayed(variable, [block for block in blocks if block.places.size], task)
        calls += [_call(variable, block, task) for block in blocks if not (lazy and block.places.size)]
    results: list[T] = list(compute(*in_dask)) if in_dask else []  # type: ignore[no-untyped-call]
    return results + _in_threads(calls)


def _call[T](variable: xr.Variable, block: Block, task: Callable[[Values | None, Block], T]) -> Callable[[], T]:
    return lambda: task(variable[block.source].values if block.places.size else None, block)


def _in_threads[T](calls: list[Callable[[], T]]) -> list[T]:
    if len(calls) == 1:
        return [calls[0]()]
    pool = ThreadPoolExecutor()
    try:
        return list(pool.map(lambda call: call(), calls))
    finally:
        pool.shutdown(cancel_futures=True)


def _delayed[T](variable: xr.Variable, blocks: list[Block], task: Callable[[Values | None, Block], T]) -> Iterator[Any]:
    starts = [sorted({block.source[axis].start for block in blocks}) for axis in range(variable.ndim)]
    sizes = [np.diff([*starts[axis], length]) for axis, length in enumerate(variable.shape)]
    chunks = {dim: tuple(map(int, size)) for dim, size in zip(variable.dims, sizes, strict=True)}
    # Not optimized one by one: what several variables have in common would be done for each of them.
    parts = variable.chunk(chunks).data.to_delayed(optimize_graph=False)
    job = delayed(task, pure=False, traverse=False)
    for block in blocks:
        place = tuple(each.index(s.start) for each, s in zip(starts, block.source, strict=True))
        yield job(parts[place], delayed(block, traverse=False))


@dataclass(frozen=True)
class _Task:
    """What is done with each block of one variable. Pickled with its work, it may run in another process."""

    archive: Archive
    name: str
    published: int

    def write(self, values: Values | None, block: Block) -> Written:
        """Write the chunks of a block, and return the number of objects and bytes that this took."""
        store = CountingStore(self.archive.store)
        array = self.archive.array(self.name, store)
        window = block.window[block.axis]
        if values is None or len(block.places) < window.stop - window.start:
            merged = self._kept(block)
            if values is not None:
                merged[_at(block.axis, block.places - window.start)] = _stored(values)
            array[block.window] = merged
        else:
            array[block.window] = _stored(values)
        return store.writes, store.bytes_written

    def differ(self, values: Values | None, block: Block) -> tuple[Positions, npt.NDArray[np.bool_]]:
        """Return the places of a block, and for each whether the archive holds other values there."""
        assert values is not None
        first, last = int(block.places[0]), int(block.places[-1]) + 1
        window = (*block.window[: block.axis], slice(first, last), *block.window[block.axis + 1 :])
        held = np.asarray(self.archive.array(self.name)[window])[_at(block.axis, block.places - first)]
        new = _stored(values)
        unlike = (held != new) & ~((held != held) & (new != new))
        others = tuple(axis for axis in range(unlike.ndim) if axis != block.axis)
        return block.places, unlike.any(axis=others)

    def _kept(self, block: Block) -> Values:
        """Return what the archive holds in the window of a block: fill values beyond what is published."""
        array = self.archive.array(self.name)
        window = block.window[block.axis]
        kept = np.full([s.stop - s.start for s in block.window], array.fill_value, array.dtype)
        end = min(window.stop, self.published)
        if window.start < end and not np.isin(np.arange(window.start, end), block.places).all():
            old = (*block.window[: block.axis], slice(window.start, end), *block.window[block.axis + 1 :])
            kept[_at(block.axis, slice(0, end - window.start))] = array[old]
        return kept


def write(archive: Archive, ds: xr.Dataset, places: Positions, *, published: int) -> Written:
    """Write the values and labels of steps; neither the record of their presence nor the metadata.

    Parameters
    ----------
    archive : Archive
        The archive, grown to its new length.
    ds : xarray.Dataset
        The steps.
    places : array of int64, shape (steps,)
        Their positions, ascending.
    published : int
        The length up to which readers look.

    Returns
    -------
    Written
        Objects and bytes written.
    """
    dim = archive.axis.dim
    # Labels are known, those in the chunk that is completed too: it need not be read.
    begin = published - published % archive.array(dim).chunks[0] if archive.length > published else published
    grown = np.arange(begin, archive.length, dtype=np.int64)
    labels = xr.Variable(dim, archive.axis.numbers(begin, archive.length))
    pieces = [(name, ds.variables[name]) for name in _grows(archive)]
    jobs = [_job(archive, name, piece, places, published, together=piece._in_memory) for name, piece in pieces]
    jobs.append(_job(archive, dim, labels, grown, published))
    done = run([(variable, blocks, task.write) for variable, blocks, task in jobs])
    return sum(objects for objects, _ in done), sum(nbytes for _, nbytes in done)


def mark(archive: Archive, places: Positions, *, present: bool, published: int) -> Written:
    """Write into the record whether steps are there; others from the published length on are not.

    Parameters
    ----------
    archive : Archive
        The archive, grown to its new length.
    places : array of int64, shape (steps,)
        Positions of the steps, ascending.
    present : bool
        Whether they are there.
    published : int
        The length up to which readers look.

    Returns
    -------
    Written
        Objects and bytes written.
    """
    flags = xr.Variable(archive.axis.dim, np.full(places.size, present))
    variable, blocks, task = _job(archive, PRESENT, flags, places, published)
    done = run([(variable, blocks, task.write)])
    return sum(objects for objects, _ in done), sum(nbytes for _, nbytes in done)


def differing(archive: Archive, ds: xr.Dataset, places: Positions) -> npt.NDArray[np.bool_]:
    """Return for each step whether the archive holds other values than a dataset.

    Parameters
    ----------
    archive : Archive
        The archive.
    ds : xarray.Dataset
        Steps that are present in it.
    places : array of int64, shape (steps,)
        Their positions, ascending.

    Returns
    -------
    array of bool, shape (steps,)
        True where any variable differs. Their chunks are read.
    """
    unlike = np.zeros(places.size, bool)
    jobs = [_job(archive, name, ds.variables[name], places, archive.length) for name in _grows(archive)]
    for there, found in run([(variable, blocks, task.differ) for variable, blocks, task in jobs]):
        unlike[np.searchsorted(places, there)] |= found
    return unlike


def _grows(archive: Archive) -> list[str]:
    dim = archive.axis.dim
    return [name for name in archive.names if dim in archive.dims(name) and name not in (dim, PRESENT)]


def _job(
    archive: Archive, name: str, variable: xr.Variable, places: Positions, published: int, *, together: bool = False
) -> tuple[xr.Variable, list[Block], _Task]:
    array = archive.array(name)
    axis = archive.dims(name).index(archive.axis.dim)
    grid = array.shards or array.chunks
    blocks = cut(array.shape, grid, axis=axis, places=places, begin=published, together=together)
    return variable, blocks, _Task(archive, name, published)


def _at(axis: int, where: Positions | slice) -> tuple[Positions | slice, ...]:
    return (*(slice(None),) * axis, where)


def _stored(values: Values) -> Values:
    """Return values as they are stored, one after the other: times as the number of their own unit."""
    return values.astype(np.int64) if values.dtype.kind in "Mm" else np.ascontiguousarray(values)


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Hold what will be done with each step of a piece.

    Parameters
    ----------
    archive : Archive
        The archive as it is now.
    fixed : dict of str to bytes
        Chunks that are written once, with the first piece.
    places : array of int64, shape (steps,)
        Positions in the archive, ascending.
    present : array of bool, shape (steps,)
        Steps that are in the archive.
    replaced : array of bool, shape (steps,)
        Steps that are in the archive with other values.
    length : int
        Length of the archive afterwards.
    gaps : int
        Places up to there that no step came to.
    """

    archive: Archive
    fixed: dict[str, bytes]
    places: Positions
    present: Flags
    replaced: Flags
    length: int
    gaps: int

    @property
    def written(self) -> Flags:
        """Steps that are written."""
        return ~self.present | self.replaced

    @property
    def first(self) -> bool:
        """Whether the archive begins with this."""
        return self.archive.length == 0

    def outdated(self) -> bool:
        """Whether another writer has changed the archive since, in what matters here."""
        now = Archive.load(self.archive.store)
        if now is None or self.first:
            return now is not None or not self.first
        return now.document != self.archive.document or bool((which_present(now, self.places) != self.present).any())

    @property
    def region(self) -> slice:
        """From the position of the first step up to that after the last one."""
        return slice(int(self.places[0]), int(self.places[-1]) + 1) if self.places.size else slice(0, 0)


def plan(
    ds: xr.Dataset, archive: Archive, *, replace: bool, max_gap: int, fixed: dict[str, bytes] | None = None
) -> Plan:
    """Find out what a piece changes. Steps that are in the archive are compared with it.

    Parameters
    ----------
    ds : xarray.Dataset
        The piece.
    archive : Archive
        The archive.
    replace : bool
        Whether steps that are there with other values may be replaced.
    max_gap : int
        The most steps that may be missing between two.
    fixed : dict of str to bytes, optional
        Chunks to be written besides.

    Returns
    -------
    Plan
        What will be done.

    Raises
    ------
    ValueError
        If a step is not on the archive's axis, too many steps are missing before one, or one is there with other
        values and `replace` is not given.
    """
    labels = ds.indexes[archive.axis.dim].to_numpy()
    places = archive.axis.positions(labels)
    new = places[places >= archive.length]
    _check_gaps(archive, new, max_gap)
    present = which_present(archive, places)
    replaced = np.zeros(places.size, bool)
    if present.any():
        held = ds.isel({archive.axis.dim: np.flatnonzero(present)})
        replaced[present] = differing(archive, held, places[present])
    if replaced.any() and not replace:
        msg = (
            f"the archive holds other values for {int(replaced.sum())} of {replaced.size} steps, the first at "
            f"{labels[replaced][0]!s}. Give replace=True to replace them, or leave them out."
        )
        raise ValueError(msg)
    length = max(archive.length, int(places[-1]) + 1 if places.size else 0)
    gaps = length - archive.length - new.size
    return Plan(
        archive=archive,
        fixed=fixed or {},
        places=places,
        present=present,
        replaced=replaced,
        length=length,
        gaps=gaps,
    )


def which_present(archive: Archive, places: Positions) -> Flags:
    """Read from the record which places have a step.

    Parameters
    ----------
    archive : Archive
        The archive.
    places : array of int64, shape (steps,)
        Positions, ascending.

    Returns
    -------
    array of bool, shape (steps,)
        True where a step is present.
    """
    if not places.size:
        return np.zeros(0, bool)
    first = int(places[0])
    return archive.present(first, int(places[-1]) + 1)[places - first]


def _check_gaps(archive: Archive, new: Positions, max_gap: int) -> None:
    # The first step of an archive is its start.
    missing = np.diff(new, prepend=archive.length - 1) - 1
    if new.size and missing.max() > max_gap:
        at = int(new[missing.argmax()])
        msg = (
            f"{missing.max()} steps are missing before {archive.axis.label(at)}, and would be stored as missing. "
            f"If that is right, give max_gap={missing.max()} or more."
        )
        raise ValueError(msg)


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


# What zarr calls a file until it is complete.
HALF_WRITTEN = re.compile(r"\.[0-9a-f]{32}\.partial$")


@contextlib.contextmanager
def writing(store: Store, *, take_lock_older_than_s: float | None = None) -> Iterator[Claim | None]:
    """Hold the lock, and clear up after the writer that left it; None where transactions make locks needless."""
    if in_transaction(store):
        yield None
        return
    with locked(store, take_lock_older_than_s=take_lock_older_than_s) as claim:
        if claim.follows is not None:
            _sweep(store)
        yield claim


def carry_out(todo: Plan, ds: xr.Dataset, claim: Claim | None) -> list[Written]:
    """Write what is planned, in the order that keeps the archive whole, and return what each part took."""
    archive, grown = todo.archive, todo.archive.grown(todo.length)
    written: list[Written] = []
    grows = grown.length > archive.length
    if claim is None and grows:
        # Nothing is seen before the commit, and Icechunk wants to know an array before its chunks.
        written.append(grown.publish(first=todo.first))
    written.append(put(archive.store, todo.fixed))
    if todo.replaced.any():
        written.append(mark(archive, todo.places[todo.replaced], present=False, published=archive.length))
    places = todo.places[todo.written]
    written.append(write(grown, _selected(ds, archive.axis.dim, todo.written), places, published=archive.length))
    if claim is not None:
        claim.check()
    written.append(mark(grown, places, present=True, published=archive.length))
    if claim is not None and grows:
        written.append(grown.publish(first=todo.first))
    return written


def _selected(ds: xr.Dataset, dim: str, rows: npt.NDArray[np.bool_]) -> xr.Dataset:
    where = np.flatnonzero(rows)
    first, last = int(where[0]), int(where[-1]) + 1
    # A slice is a view, numbers are a copy.
    return ds.isel({dim: slice(first, last) if last - first == where.size else where})


def _sweep(store: Store) -> None:
    """Delete the half-written files that a killed writer left in a folder. Only the holder of the lock may."""
    folder = innermost(store)
    if isinstance(folder, LocalStore):
        for path in folder.root.rglob("*.partial"):
            if HALF_WRITTEN.search(path.name):
                path.unlink(missing_ok=True)
