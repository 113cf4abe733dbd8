"""The values of Redis under one prefix: read and written whole, in part, and many at one instant."""

from __future__ import annotations

import contextlib
import os
import re
import uuid
import weakref
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from redis import exceptions
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest

from helpers.redis.client import clear_errors, connect, public_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import redis
    from zarr.abc.store import ByteRequest

__all__ = ["FrozenKeys", "RedisKeys", "Value", "cut", "value_range"]

type Value = bytes | memoryview
type Request = tuple[str, ByteRequest | None]

LARGEST_VALUE = 512 * 2**20
PAGE = 1000
LEASE_S = 1800


class RedisKeys:
    """Hold the keys that have one prefix in one database of Redis.

    Parameters
    ----------
    url : str
        The server, as for `helpers.redis.public_address`.
    prefix : str, default ""
        Any text. The key ``c/0`` has the name ``zarr:PREFIX:c/0`` in Redis.

    Attributes
    ----------
    address : str
        The server and database, without user and password.
    root : str
        What all names begin with. The prefix is percent-encoded in it, so that none runs into another.

    Notes
    -----
    Every method raises what `helpers.redis.clear_errors` lists, within a bounded time. Any thread and any
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

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix}" if self.prefix else self.address

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

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

    def name(self, key: str) -> str:
        """Return the name that a key has in Redis."""
        return self.root + key

    def read(self, requests: Sequence[Request]) -> list[bytes | None]:
        """Read values, whole or in part, as they are at one instant.

        Parameters
        ----------
        requests : sequence of (str, zarr.abc.store.ByteRequest or None)
            Keys, each with the byte range that is wanted, or None for the whole value.

        Returns
        -------
        list of bytes or None
            One entry for each request: None where nothing is stored, ``b""`` where the value or the range is empty.

        Notes
        -----
        One value is read with GET, several with one MGET, parts with GETRANGE in one MULTI/EXEC: no other client's
        command comes between. Redis 7.0, once over its ``maxmemory``, takes no command at all into a MULTI, not even
        one that reads (8.0 and Valkey 9.1 do). What is wanted in parts is then read whole and cut here.
        """
        if not requests:
            return []
        with self.errors():
            if any(asked is not None for _, asked in requests):
                return self._read_parts(requests)
            if len(requests) == 1:
                return [cast("bytes | None", self.client.get(self.root + requests[0][0]))]
            return self._read_whole(requests)

    def exists(self, key: str) -> bool:
        """Return whether a key is there."""
        with self.errors():
            return bool(self.client.exists(self.name(key)))

    def add(self, key: str, value: Value) -> bool:
        """Write a value unless the key is there, and return whether it was written."""
        check_size(key, value)
        with self.errors():
            return bool(self.client.set(self.name(key), value, nx=True))

    def write(self, values: Mapping[str, Value | None]) -> None:
        """Write values (and delete where None stands) at one instant, all or none.

        Raises
        ------
        ValueError
            If a value is larger than a string of Redis can be.
        """
        for key, value in values.items():
            check_size(key, value)
        if not values:
            return
        with self.errors():
            if all(value is None for value in values.values()):
                self.client.unlink(*map(self.name, values))  # a full Redis 7.0 refuses a MULTI, even to make room
                return
            with self.client.pipeline(transaction=len(values) > 1) as batch:
                for key, value in values.items():
                    if value is None:
                        batch.unlink(self.name(key))
                    else:
                        batch.set(self.name(key), value)
                batch.execute()

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
            self.write(dict.fromkeys(page))

    def copy(self, keys: Sequence[str]) -> FrozenKeys:
        """Copy values inside the server, all as they are at one instant, for half an hour at most."""
        prefix = f"{self.prefix}/frozen/{uuid.uuid4().hex}"
        copies = RedisKeys(self.url, prefix)
        with self.errors(), self.client.pipeline(transaction=True) as batch:
            for key in keys:
                batch.copy(self.name(key), copies.name(key), replace=True)  # it may have to be sent twice
                batch.expire(copies.name(key), LEASE_S)
            copied = batch.execute()[::2]
        return FrozenKeys(self.url, prefix, frozenset(key for key, done in zip(keys, copied, strict=True) if done))

    def _read_whole(self, requests: Sequence[Request]) -> list[bytes | None]:
        return cast("list[bytes | None]", self.client.mget([self.root + key for key, _ in requests]))

    def _read_parts(self, requests: Sequence[Request]) -> list[bytes | None]:
        try:
            with self.client.pipeline(transaction=True) as batch:
                for key, asked in requests:
                    if asked is None:
                        batch.get(self.root + key)
                    else:
                        batch.exists(self.root + key)  # GETRANGE shows a missing value as an empty one
                        batch.getrange(self.root + key, *value_range(asked))
                answers: Iterator[Any] = iter(batch.execute())
        except exceptions.OutOfMemoryError:
            values = self._read_whole(requests)
            return [value and cut(value, asked) for value, (_, asked) in zip(values, requests, strict=True)]
        found = [(next(answers), next(answers) if asked else None, asked) for _, asked in requests]
        return [first if asked is None else part if first else None for first, part, asked in found]


class FrozenKeys(RedisKeys):
    """Hold what `RedisKeys.copy` copied; or raise, never invent.

    The copies go with this object; with a pickled one, which another process may need longer, when their lease ends.

    Parameters
    ----------
    url, prefix : str
        Where the copies are.
    held : frozenset of str
        The keys that were copied.
    """

    def __init__(self, url: str, prefix: str, held: frozenset[str]) -> None:
        super().__init__(url, prefix)
        self.held = held
        self._forget = weakref.finalize(self, _forget, RedisKeys(url, prefix), held, os.getpid())

    def __reduce__(self) -> tuple[object, ...]:
        self._forget.detach()
        return _adopt, (self.url, self.prefix, self.held)

    def read(self, requests: Sequence[Request]) -> list[bytes | None]:
        """Read as `RedisKeys.read` does, and raise RuntimeError where a copy is gone."""
        values = super().read(requests)
        if any(value is None and key in self.held for (key, _), value in zip(requests, values, strict=True)):
            msg = (
                f"values frozen in {self.address} are gone: their lease of {LEASE_S} s is over, or the server was "
                f"restarted. Freeze them anew, or take another window."
            )
            raise RuntimeError(msg)
        return values


def _forget(copies: RedisKeys, held: frozenset[str], owner: int) -> None:
    """Delete copies; should the server be gone, so are they, and otherwise the lease ends. A forked child does not."""
    if os.getpid() == owner:
        with contextlib.suppress(OSError, exceptions.RedisError):
            copies.write(dict.fromkeys(held))


def _adopt(url: str, prefix: str, held: frozenset[str]) -> FrozenKeys:
    """Return copies in the process that unpickled them; the lease ends them."""
    keys = FrozenKeys(url, prefix, held)
    keys._forget.detach()
    return keys


def check_size(key: str, value: Value | None) -> None:
    """Raise ValueError if a value is larger than a string of Redis can be: it would end the connection half-way."""
    if value is not None and len(value) > LARGEST_VALUE:
        msg = (
            f"{key!r} has {len(value):,} bytes, and a value in Redis has {LARGEST_VALUE:,} at most (512 MiB): "
            f"nothing was written. Choose smaller chunks or shards."
        )
        raise ValueError(msg)


def value_range(byte_range: ByteRequest) -> tuple[int, int]:
    """Return the first and the last byte that GETRANGE is asked for, as Redis counts them: both ends are included.

    Raises
    ------
    TypeError
        If it is no range, offset or suffix.

    Examples
    --------
    >>> value_range(RangeByteRequest(2, 10)), value_range(SuffixByteRequest(4))
    ((2, 9), (-4, -1))

    An empty range needs two ends that Redis, too, takes for empty:

    >>> value_range(RangeByteRequest(0, 0))
    (1, 0)
    """
    match byte_range:
        case RangeByteRequest(start, end) if end > start:
            return start, end - 1
        case OffsetByteRequest(offset):
            return offset, -1
        case SuffixByteRequest(suffix) if suffix:
            return -suffix, -1
        case RangeByteRequest() | SuffixByteRequest():
            return 1, 0
    msg = f"Unexpected byte_range, got {byte_range}."
    raise TypeError(msg)


def cut(value: bytes, byte_range: ByteRequest | None) -> bytes:
    """Return the bytes of `value` that GETRANGE would answer with, all of them for None.

    Examples
    --------
    >>> cut(b"abcdef", RangeByteRequest(2, 4)), cut(b"abcdef", SuffixByteRequest(10))
    (b'cd', b'abcdef')
    """
    if byte_range is None:
        return value
    first, last = (end if end >= 0 else max(0, len(value) + end) for end in value_range(byte_range))
    return value[first : last + 1] if value else value
