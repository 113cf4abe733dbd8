"""Makes writers of one chunk meet at a barrier: all read it before any writes it, and updates are lost.

Two writers that change parts of one chunk lose an update if both read it before either writes it. How often that
happens depends on the machine and the moment, which makes it hard to find. Here it happens every time.
"""
# ruff: noqa: D102 -- the docstrings of store methods are inherited

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Self

from zarr.storage import WrapperStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zarr.abc.store import ByteRequest, Store
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["BarrierStore"]


_PAUSE_S = 0.001


class BarrierStore(WrapperStore["Store"]):
    """Hold whoever has read a chunk until a second one has read it too; then let them write, one by one.

    Give it to an array that several programs write at once, to see what an unlucky moment does to it. A chunk
    that is written whole is not read first: nobody waits for it.

    Parameters
    ----------
    store : zarr.abc.store.Store
        The store to wrap, which all writers can reach.
    folder : path-like
        Where they leave marks for one another. It must be new for each race, and is made if it is not there.
    parties : int, default 2
        How many must have read a chunk before any of them goes on, at least 2.
    timeout_s : float, default 10
        How long to wait for the others, in seconds. They never come where a lock lets in one after the other.

    Notes
    -----
    Nothing is done to the chunks: the store only waits, as a slow disk or a busy network does, at the worst of
    times. What follows could follow on any store.

    Writers in processes of different names write in the order of these names, so that the last name wins. Every
    read of a key other than ``zarr.json`` waits: read the result through the store beneath. Pickled copies share
    the folder.

    Examples
    --------
    >>> import tempfile, threading, zarr
    >>> from zarr.storage import MemoryStore
    >>> memory = MemoryStore()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     z = zarr.create_array(BarrierStore(memory, folder), shape=8, chunks=8, dtype="u1")
    ...     halves = [threading.Thread(target=z.__setitem__, args=(half, 1)) for half in (slice(4), slice(4, 8))]
    ...     for thread in halves:
    ...         thread.start()
    ...     for thread in halves:
    ...         thread.join()
    >>> int(zarr.open_array(memory)[:].sum())
    4
    """

    def __init__(self, store: Store, folder: Path | str, *, parties: int = 2, timeout_s: float = 10) -> None:
        super().__init__(store)
        self.folder = Path(folder)
        self.parties = parties
        self.timeout_s = timeout_s

    def _with_store(self, store: Store) -> Self:
        # docstring inherited
        return type(self)(store, self.folder, parties=self.parties, timeout_s=self.timeout_s)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        # docstring inherited
        value = await super().get(key, prototype, byte_range)
        for pause_s in self._until_all_have_read(key):
            await asyncio.sleep(pause_s)
        return value

    async def set(self, key: str, value: Buffer) -> None:
        # docstring inherited
        for pause_s in self._until_it_is_our_turn(key):
            await asyncio.sleep(pause_s)
        await super().set(key, value)
        self._tell(key)

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        # docstring inherited
        value = super().get_sync(key, prototype=prototype, byte_range=byte_range)
        for pause_s in self._until_all_have_read(key):
            time.sleep(pause_s)
        return value

    def set_sync(self, key: str, value: Buffer) -> None:
        # docstring inherited
        for pause_s in self._until_it_is_our_turn(key):
            time.sleep(pause_s)
        super().set_sync(key, value)
        self._tell(key)

    def _until_all_have_read(self, key: str) -> Iterator[float]:
        if key.endswith("zarr.json"):
            return
        marks = self._marks(key)
        marks.mkdir(parents=True, exist_ok=True)
        (marks / f"read {_name()} {uuid.uuid4()}").touch()
        deadline = time.monotonic() + self.timeout_s
        while len(list(marks.glob("read *"))) < self.parties and time.monotonic() < deadline:
            yield _PAUSE_S

    def _until_it_is_our_turn(self, key: str) -> Iterator[float]:
        marks, name = self._marks(key), _name()
        deadline = time.monotonic() + self.timeout_s
        while time.monotonic() < deadline:
            readers, writers = ({each.name.split()[1] for each in marks.glob(kind)} for kind in ("read *", "wrote *"))
            if name not in readers or min(readers - writers, default=name) >= name:
                return
            yield _PAUSE_S

    def _tell(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):  # nobody has read it
            (self._marks(key) / f"wrote {_name()}").touch()

    def _marks(self, key: str) -> Path:
        return self.folder / key.replace("/", ".")


def _name() -> str:
    return multiprocessing.current_process().name.replace(" ", "-")
