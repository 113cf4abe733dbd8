"""A store that keeps an archive in one SQLite file: lesson 06 shows it, and how it came about."""
# ruff: noqa: D102 -- the docstrings of store methods are inherited

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.buffer import default_buffer_prototype

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["SQLiteStore"]


class SQLiteStore(Store):
    """Keep keys and values in one table of an SQLite file.

    Parameters
    ----------
    path : pathlib.Path or str
        The file. The first write makes it; reading never does.
    read_only : bool, default False
        Refuse to write.
    wait_s : float, default 30
        How long a request waits for another writer, in seconds.

    Notes
    -----
    Every request opens the file and closes it again: a connection belongs to one thread, does not survive a fork and
    does not pickle; a path has none of these troubles. There is one writer at a time, whatever the keys.

    Examples
    --------
    >>> import tempfile, numpy as np, zarr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SQLiteStore(Path(folder) / "archive.sqlite")
    ...     z = zarr.create_array(store, data=np.arange(3))
    ...     store, zarr.open_array(store, mode="r")[:].tolist()
    (SQLiteStore('archive.sqlite'), [0, 1, 2])
    """

    supports_writes = supports_deletes = supports_listing = True
    under = "substr(key, 1, ?1) = ?2"

    def __init__(self, path: Path | str, *, read_only: bool = False, wait_s: float = 30) -> None:
        super().__init__(read_only=read_only)
        self.path, self.wait_s = Path(path).absolute(), wait_s

    def with_read_only(self, read_only: bool = False) -> Self:
        # docstring inherited
        return type(self)(self.path, read_only=read_only, wait_s=self.wait_s)

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.path.name}')"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SQLiteStore) or type(self) is not type(other):
            return False
        return (self.path, self.read_only) == (other.path, other.read_only)

    def __hash__(self) -> int:
        return hash((type(self), self.path, self.read_only))

    # --- the file ---

    def _connect(self, mode: str) -> closing[sqlite3.Connection]:
        url = f"{self.path.as_uri()}?mode={mode}"
        return closing(sqlite3.connect(url, uri=True, timeout=self.wait_s))

    def _change(self, statement: str, *values: object) -> None:
        """Write in one transaction; the first one makes the table."""
        self._check_writable()
        with self._connect("rwc") as db, db:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute("CREATE TABLE IF NOT EXISTS chunks (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
            db.execute(statement, values)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """Yield a connection that sees one state of the file, or None where nothing was written yet."""
        if not self.path.exists():
            yield None
            return
        with self._connect("ro") as db:
            db.execute("BEGIN")
            yield db if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'chunks'").fetchone() else None

    def _ask(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with self._reading() as db:
            return db.execute(statement, values).fetchall() if db else []

    # --- read ---

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        # docstring inherited
        with self._reading() as db:
            row = db.execute("SELECT rowid FROM chunks WHERE key = ?", (key,)).fetchone() if db else None
            if db is None or row is None:
                return None
            with db.blobopen("chunks", "value", row[0], readonly=True) as blob:
                value = _cut(blob, byte_range)
        return (prototype or default_buffer_prototype()).buffer.from_bytes(value)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        # docstring inherited
        return await asyncio.to_thread(self.get_sync, key, prototype=prototype, byte_range=byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        # docstring inherited
        return await asyncio.gather(*(self.get(key, prototype, wanted) for key, wanted in key_ranges))

    async def exists(self, key: str) -> bool:
        # docstring inherited
        return bool(await asyncio.to_thread(self._ask, "SELECT 1 FROM chunks WHERE key = ?", key))

    async def getsize(self, key: str) -> int:
        # docstring inherited
        rows = await asyncio.to_thread(self._ask, "SELECT length(value) FROM chunks WHERE key = ?", key)
        if not rows:
            raise FileNotFoundError(key)
        return int(str(rows[0][0]))

    # --- write ---

    def set_sync(self, key: str, value: Buffer) -> None:
        # docstring inherited
        self._change("REPLACE INTO chunks VALUES (?, ?)", key, value.to_bytes())

    def delete_sync(self, key: str) -> None:
        # docstring inherited
        self._change("DELETE FROM chunks WHERE key = ?", key)

    async def set(self, key: str, value: Buffer) -> None:
        # docstring inherited
        await asyncio.to_thread(self.set_sync, key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        # docstring inherited
        await asyncio.to_thread(self._change, "INSERT OR IGNORE INTO chunks VALUES (?, ?)", key, value.to_bytes())

    async def delete(self, key: str) -> None:
        # docstring inherited
        await asyncio.to_thread(self.delete_sync, key)

    async def delete_dir(self, prefix: str) -> None:
        # docstring inherited
        start = _start_of(prefix)
        await asyncio.to_thread(self._change, f"DELETE FROM chunks WHERE {self.under}", len(start), start)

    # --- list ---

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        # docstring inherited
        statement = f"SELECT key FROM chunks WHERE {self.under}"
        for (key,) in await asyncio.to_thread(self._ask, statement, len(prefix), prefix):
            yield str(key)

    async def list(self) -> AsyncIterator[str]:
        # docstring inherited
        async for key in self.list_prefix(""):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        # docstring inherited
        start = _start_of(prefix)
        for name in {key.removeprefix(start).split("/")[0] async for key in self.list_prefix(start)}:
            yield name


def _start_of(folder: str) -> str:
    """Return how the keys in a folder begin: with its name and a slash, and with anything in the root."""
    name = folder.rstrip("/")
    return f"{name}/" if name else ""


def _cut(blob: sqlite3.Blob, byte_range: ByteRequest | None) -> bytes:
    """Read a part of a value; a slice of a blob reads no more than that."""
    match byte_range:
        case None:
            return blob.read()
        case RangeByteRequest(start, end):
            return bytes(blob[start:end])
        case OffsetByteRequest(offset):
            return bytes(blob[offset:])
        case SuffixByteRequest(suffix):
            return bytes(blob[max(len(blob) - suffix, 0) :])
    msg = f"Unexpected byte_range, got {byte_range}."
    raise ValueError(msg)
