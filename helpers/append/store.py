"""Reaches the store of an archive: opens it by path or URL, reads and writes one value at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from zarr.abc.store import Store
from zarr.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import FsspecStore, LocalStore, ObjectStore, WrapperStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Written", "get", "get_many", "in_transaction", "innermost", "keys", "open_store", "put"]


# Objects and bytes.
type Written = tuple[int, int]

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


def put(store: Store, values: Mapping[str, bytes]) -> Written:
    """Store values, all at once, whether or not there are any."""
    buffer = default_buffer_prototype().buffer
    if isinstance(store, LocalStore):
        for key, value in values.items():
            store.set_sync(key, buffer.from_bytes(value))
        return len(values), sum(map(len, values.values()))

    async def write() -> None:
        await asyncio.gather(*(store.set(key, buffer.from_bytes(value)) for key, value in values.items()))

    sync(write())
    return len(values), sum(map(len, values.values()))


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
