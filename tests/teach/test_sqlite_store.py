"""Tests of helpers.teach.sqlite_store: Zarr's conformance suite. Lesson 06 prints this file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from zarr.core.buffer import Buffer, cpu
from zarr.testing.store import StoreTests

from helpers.teach import SQLiteStore

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "CREATE TABLE IF NOT EXISTS chunks (key TEXT PRIMARY KEY, value BLOB NOT NULL)"


class TestSQLiteStore(StoreTests[SQLiteStore, cpu.Buffer]):
    """Everything that Zarr asks of a store."""

    store_cls = SQLiteStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self, tmp_path: Path) -> dict[str, Any]:
        """Say how an empty store is made."""
        return {"path": tmp_path / "chunks.sqlite"}

    async def set(self, store: SQLiteStore, key: str, value: Buffer) -> None:
        """Write past the store."""
        with closing(sqlite3.connect(store.path)) as db, db:
            db.execute(TABLE)
            db.execute("REPLACE INTO chunks VALUES (?, ?)", (key, value.to_bytes()))

    async def get(self, store: SQLiteStore, key: str) -> cpu.Buffer:
        """Read past the store."""
        with closing(sqlite3.connect(store.path)) as db:
            ((value,),) = db.execute("SELECT value FROM chunks WHERE key = ?", (key,))
        return cpu.Buffer.from_bytes(value)

    def test_store_repr(self, store: SQLiteStore) -> None:
        """The name of the class, and where it is."""
        assert repr(store) == "SQLiteStore('chunks.sqlite')"

    def test_store_supports_writes(self, store: SQLiteStore) -> None:
        """It can be written."""
        assert store.supports_writes

    def test_store_supports_listing(self, store: SQLiteStore) -> None:
        """It can be listed."""
        assert store.supports_listing
