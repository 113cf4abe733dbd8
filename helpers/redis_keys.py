"""Reads, writes and lists the strings of Redis under one prefix: what `helpers.redis_store` is made of."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from helpers.redis_client import clear_errors, connect, in_thread, public_address
from helpers.redis_values import read_values, require_strings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import redis
    from zarr.abc.store import ByteRequest

__all__ = ["RedisKeys"]

type Value = bytes | memoryview

LARGEST_VALUE = 512 * 2**20
PAGE = 1000


class RedisKeys:
    """Hold the keys that have one prefix in one database of Redis.

    Parameters
    ----------
    url : str
        The server, as for `helpers.redis_client.connect`.
    prefix : str, default ""
        Any text. The key ``c/0`` has the name ``zarr:PREFIX:c/0`` in Redis.

    Attributes
    ----------
    address : str
        The server and database, without user and password.
    root : str
        What all names begin with. The prefix is percent-encoded in it, so that none runs into another.
    channel : str
        The channel of Redis on which `write` publishes its news. The databases of a server share their channels,
        so it ends with the number of the database.

    Notes
    -----
    Every method raises what `helpers.redis_client.clear_errors` lists, within a bounded time. Any thread and any
    forked or unpickled copy may be used; the pickle holds the URL with its password.

    Examples
    --------
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server:
    ...     keys = RedisKeys(server.url, "demo")
    ...     keys.write({"a": b"1", "b": b""})
    ...     keys.read([("a", None), ("b", None), ("c", None)])
    [b'1', b'', None]
    """

    def __init__(self, url: str, prefix: str = "") -> None:
        self.address = public_address(url)
        self.url = url
        self.prefix = prefix
        self._client = os.getpid(), connect(url)
        self.root = f"zarr:{quote(prefix, safe='/', errors='surrogatepass')}:"
        self.channel = f"{self.root}news@{self.address.rsplit('/', 1)[-1]}"

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix}" if self.prefix else self.address

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RedisKeys) and (self.url, self.prefix) == (other.url, other.prefix)

    def __hash__(self) -> int:
        return hash((self.url, self.prefix))

    def __reduce__(self) -> tuple[object, ...]:
        return RedisKeys, (self.url, self.prefix)

    @property
    def client(self) -> redis.Redis:
        """The client of redis-py that all goes through; a forked child makes its own."""
        pid, client = self._client
        if pid != os.getpid():
            client = connect(self.url)
            self._client = os.getpid(), client
        return client

    def close(self) -> None:
        """Close the connections that are idle; the next request opens one again."""
        self.client.connection_pool.disconnect(inuse_connections=False)

    def errors(self) -> AbstractContextManager[None]:
        """Return a context in which errors of redis-py become those that name this server."""
        return clear_errors(self.address)

    async def in_thread[T](self, function: Callable[..., T], *args: object) -> T:
        """Run in a thread what asks this server: see `helpers.redis_client.in_thread`."""
        return await in_thread(self.client, function, *args)

    def name(self, key: str) -> str:
        """Return the name that a key has in Redis."""
        return self.root + key

    def read(self, requests: Sequence[tuple[str, ByteRequest | None]]) -> list[bytes | None]:
        """Read values, whole (None) or in part, as they are at one instant: None for each that is missing."""
        with self.errors():
            return read_values(self.client, [(self.root + key, asked) for key, asked in requests])

    def size(self, key: str) -> int | None:
        """Return the bytes of a value, None if it is missing."""
        with self.errors():
            nbytes = self.client.strlen(self.name(key))
        if nbytes:
            return nbytes
        value = self.read([(key, None)])[0]  # empty or missing, of which STRLEN makes no difference
        return None if value is None else len(value)

    def exists(self, key: str) -> bool:
        """Return whether a key is there."""
        with self.errors():
            return bool(self.client.exists(self.name(key)))

    def add(self, key: str, value: Value) -> bool:
        """Write a value unless the key is there, and return whether it was written."""
        self._check_size(key, value)
        with self.errors():
            return bool(self.client.set(self.name(key), value, nx=True))

    def write(self, values: Mapping[str, Value | None], *, news: bytes | None = None) -> None:
        """Write values (and delete where None stands) at one instant, all or none.

        Parameters
        ----------
        values : mapping of str to bytes, memoryview or None
            Keys and their new values.
        news : bytes, optional
            A message for `channel`, published at the same instant.

        Raises
        ------
        ValueError
            If a value is larger than a string of Redis can be.
        TypeError
            If a key holds another type of Redis: SET would replace it.
        """
        for key, value in values.items():
            if value is not None:
                self._check_size(key, value)
        kept = {self.name(key): value for key, value in values.items() if value is not None}
        with self.errors():
            require_strings(self.client, list(kept))
            if not kept:
                self._delete_many(values, news)
            elif len(values) == 1 and news is None:
                self.client.set(*kept.popitem())
            else:
                self._write_many(values, news)

    def pages(self, prefix: str = "") -> Iterator[list[str]]:
        """Yield the keys that begin with `prefix`, each once, some hundreds at a time."""
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", self.root + prefix) + "*"
        seen: set[str] = set()
        cursor = 0
        while True:
            with self.errors():
                answer = self.client.scan(cursor, match=pattern, count=PAGE, _type="string")
            cursor, names = cast("tuple[int, list[bytes]]", answer)
            page = {name.decode("utf-8", "surrogateescape")[len(self.root) :] for name in names} - seen
            seen |= page
            if page:
                yield sorted(page)
            if cursor == 0:
                return

    def remove(self, prefix: str = "") -> None:
        """Delete all keys that begin with `prefix`, page by page."""
        for page in self.pages(prefix):
            with self.errors():
                self.client.unlink(*map(self.name, page))

    def _delete_many(self, keys: Iterable[str], news: bytes | None) -> None:
        """Delete with one command where that will do: a full Redis 7.0 refuses a MULTI, even one that makes room."""
        names = [self.name(key) for key in keys]
        if names and news is not None:
            self._write_many(dict.fromkeys(keys), news)
        elif names:
            self.client.unlink(*names)
        elif news is not None:
            self.client.publish(self.channel, news)

    def _write_many(self, values: Mapping[str, Value | None], news: bytes | None) -> None:
        with self.client.pipeline(transaction=True) as batch:
            for key, value in values.items():
                if value is None:
                    batch.unlink(self.name(key))
                else:
                    batch.set(self.name(key), value)
            if news is not None:
                batch.publish(self.channel, news)
            batch.execute()

    def _check_size(self, key: str, value: Value) -> None:
        if len(value) > LARGEST_VALUE:
            msg = (
                f"{key!r} has {len(value):,} bytes, and a value in Redis has {LARGEST_VALUE:,} at most (512 MiB): "
                f"nothing was written. Choose smaller chunks or shards."
            )
            raise ValueError(msg)
