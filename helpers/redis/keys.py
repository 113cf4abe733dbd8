"""The values under one prefix in Redis, read and written in bulk, and the memory they need.

Reads values of Redis and byte ranges of them, any number at one instant, and turns them into zarr's buffers.

Reads, writes and lists the strings of Redis under one prefix: what `helpers.redis` is made of.

Finds out whether a Redis server has room for copies of values, before any is made.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import numpy as np
from redis import exceptions
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer, default_buffer_prototype

from helpers.redis.client import clear_errors, connect, in_thread, public_address
from helpers.units import format_nbytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import redis
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import BufferPrototype

__all__ = [
    "RedisKeys",
    "as_buffer",
    "as_bytes",
    "cut",
    "listed",
    "read_values",
    "require_room",
    "require_strings",
    "value_range",
]


NOTHING = (1, 0)


def read_values(client: redis.Redis, requests: Sequence[tuple[str, ByteRequest | None]]) -> list[bytes | None]:
    """Read values, whole or in part, as they are at one instant.

    Parameters
    ----------
    client : redis.Redis
        What `helpers.redis.connect` returns.
    requests : sequence of (str, zarr.abc.store.ByteRequest or None)
        The names in Redis, each with the byte range that is wanted, or None for the whole value.

    Returns
    -------
    list of bytes or None
        One entry for each request: None where nothing is stored, ``b""`` where the value or the range is empty.

    Raises
    ------
    redis.exceptions.ResponseError
        If a name holds another type than a string (``WRONGTYPE``).

    Notes
    -----
    Values are read with one MGET, and parts together with others in one MULTI/EXEC: no other client's command
    comes between. MGET shows a name of another type as missing, and GETRANGE shows a missing name as an empty
    string: EXISTS, asked with them, tells which it is.

    Redis 7.0, once over its ``maxmemory``, takes no command at all into a MULTI, not even one that reads (8.0 and
    Valkey 9.1 do). What is wanted in parts is then read whole, with MGET, and cut here.
    """
    if not requests:
        return []
    if len(requests) == 1:
        return [_read_one(client, *requests[0])]
    if all(asked is None for _, asked in requests):
        return _read_whole(client, [name for name, _ in requests])
    return _read_parts(client, requests)


def require_strings(client: redis.Redis, names: Sequence[str]) -> None:
    """Raise if one of the names is there and holds something else than a string; one round trip for all.

    Raises
    ------
    redis.exceptions.ResponseError
        ``WRONGTYPE``.
    """
    if len(names) == 1:
        client.strlen(names[0])
    elif names:
        with client.pipeline(transaction=False) as batch:
            for name in names:
                batch.strlen(name)
            batch.execute()


def value_range(byte_range: ByteRequest) -> tuple[int, int]:
    """Return the first and the last byte that GETRANGE is asked for.

    Parameters
    ----------
    byte_range : zarr.abc.store.ByteRequest
        A range, an offset or a suffix.

    Returns
    -------
    tuple of int
        Both ends are included, as Redis counts them; negative ones count from the end of the value.

    Raises
    ------
    TypeError
        If it is none of the three.

    Examples
    --------
    >>> value_range(RangeByteRequest(2, 10)), value_range(SuffixByteRequest(4))
    ((2, 9), (-4, -1))

    An empty range needs two ends that Redis, too, takes for empty:

    >>> value_range(RangeByteRequest(0, 0))
    (1, 0)
    """
    match byte_range:
        case RangeByteRequest(start, end):
            return (start, end - 1) if end > start else NOTHING
        case OffsetByteRequest(offset):
            return offset, -1
        case SuffixByteRequest(suffix):
            return (-suffix, -1) if suffix else NOTHING
    msg = f"Unexpected byte_range, got {byte_range}."
    raise TypeError(msg)


def cut(value: bytes, byte_range: ByteRequest | None) -> bytes:
    """Return the bytes of `value` that GETRANGE would answer with, all of them for None.

    Parameters
    ----------
    value : bytes
        A whole value.
    byte_range : zarr.abc.store.ByteRequest or None
        What is wanted of it.

    Returns
    -------
    bytes
        The part of it that exists.

    Examples
    --------
    >>> cut(b"abcdef", RangeByteRequest(2, 4)), cut(b"abcdef", SuffixByteRequest(10))
    (b'cd', b'abcdef')
    """
    if byte_range is None:
        return value
    first, last = (end if end >= 0 else max(0, len(value) + end) for end in value_range(byte_range))
    return value[first : last + 1] if value else value


def listed[T](keys: Iterable[T]) -> list[T]:
    """Return keys as a list.

    Raises
    ------
    TypeError
        If they are one text, whose letters would pass for keys.

    Examples
    --------
    >>> listed(key for key in ("c/0", "c/1"))
    ['c/0', 'c/1']
    """
    if isinstance(keys, str):
        msg = f"keys is the text {keys!r}: it must be a list of keys, [{keys!r}] for one"
        raise TypeError(msg)
    return list(keys)


def as_buffer(value: bytes | None, prototype: BufferPrototype | None = None) -> Buffer | None:
    """Return a value as the buffer that zarr asks for, None for a missing one."""
    if value is None:
        return None
    return (prototype or default_buffer_prototype()).buffer.from_bytes(value)


def as_bytes(value: Buffer) -> memoryview:
    """Return the bytes of a buffer of zarr, without a copy if they lie side by side.

    Raises
    ------
    TypeError
        If it is no buffer.
    """
    if not isinstance(value, Buffer):
        msg = f"RedisStore.set(): `value` must be a Buffer instance. Got an instance of {type(value)} instead."
        raise TypeError(msg)
    return memoryview(np.ascontiguousarray(value.as_numpy_array())).cast("B")


def _read_one(client: redis.Redis, name: str, asked: ByteRequest | None) -> bytes | None:
    if asked is None:
        return cast("bytes | None", client.get(name))
    first, last = value_range(asked)
    with client.pipeline(transaction=False) as batch:
        batch.getrange(name, first, last)
        batch.exists(name)
        part, exists = batch.execute()
    if part or not exists or (first, last) == NOTHING:
        return cast("bytes", part) if part or exists else None
    return _read_parts(client, [(name, asked)])[0]  # empty, or deleted between the two


def _read_whole(client: redis.Redis, names: list[str]) -> list[bytes | None]:
    with client.pipeline(transaction=False) as batch:
        batch.mget(names)
        batch.exists(*names)
        values, existing = batch.execute()
    if sum(value is not None for value in values) != existing:  # another type, or written or deleted between the two
        require_strings(client, [name for name, value in zip(names, values, strict=True) if value is None])
    return cast("list[bytes | None]", values)


def _read_parts(client: redis.Redis, requests: Sequence[tuple[str, ByteRequest | None]]) -> list[bytes | None]:
    try:
        return _read_at_once(client, requests)
    except exceptions.OutOfMemoryError:
        values = _read_whole(client, [name for name, _ in requests])
        return [value and cut(value, asked) for value, (_, asked) in zip(values, requests, strict=True)]


def _read_at_once(client: redis.Redis, requests: Sequence[tuple[str, ByteRequest | None]]) -> list[bytes | None]:
    with client.pipeline(transaction=True) as batch:
        for name, asked in requests:
            batch.exists(name)
            if asked is None:
                batch.get(name)
            else:
                batch.getrange(name, *value_range(asked))
        answers = batch.execute()
    return [value if exists else None for exists, value in zip(answers[::2], answers[1::2], strict=True)]


type Value = bytes | memoryview

LARGEST_VALUE = 512 * 2**20
PAGE = 1000


class RedisKeys:
    """Hold the keys that have one prefix in one database of Redis.

    Parameters
    ----------
    url : str
        The server, as for `helpers.redis.connect`.
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
        """Run in a thread what asks this server: see `helpers.redis.in_thread`."""
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


COPY_OVERHEAD = 128
ROOM_TO_WORK = 2**18


def require_room(source: RedisKeys, keys: Sequence[str]) -> None:
    """Raise if copies of values would fill the server, which would then refuse a writer's next value.

    Parameters
    ----------
    source : helpers.redis.RedisKeys
        Where the values are.
    keys : sequence of str
        Which of them; one that is missing takes no room.

    Raises
    ------
    OSError
        If there is no room under the server's ``maxmemory``, whatever it would evict for them.
    TypeError
        If a key holds another type of Redis than a string.

    Notes
    -----
    A copy takes more memory than its bytes: jemalloc, with which Redis is built, gives a value of 257 KiB 320 KiB.
    The server is asked what each value takes (MEMORY USAGE). 128 bytes are added for the copy's longer name and its
    lease (118 were measured with Redis 7.0, 95 with Valkey 9.1), and once 256 KiB for what a server keeps of
    connections and of each command that it meets for the first time (120 KiB were measured).

    A user who may not ask for that, and the stand-in, pass: the server then answers for itself that it is full.

    Examples
    --------
    >>> from helpers.redis import RedisKeys
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server:
    ...     keys = RedisKeys(server.url)
    ...     keys.write({"a": bytes(1000)})
    ...     require_room(keys, ["a"])
    """
    with source.errors():
        used, limit = _memory(source, keys)
        needed = _size_of_copies(source, keys) if limit else 0
    if used + needed > limit > 0:
        msg = (
            f"copying {len(keys)} values takes {format_nbytes(needed)}, and Redis at {source.address} has "
            f"{format_nbytes(max(0, limit - used))} left of {format_nbytes(limit)} (maxmemory): nothing was copied. "
            f"Freeze less, or give the server more with `CONFIG SET maxmemory`."
        )
        raise OSError(msg)


def _memory(source: RedisKeys, keys: Sequence[str]) -> tuple[int, int]:
    """Return what the server uses of its memory and the limit, 0 for none, after a look at the types of the keys."""
    with source.client.pipeline(transaction=False) as batch:
        for key in keys:
            batch.strlen(source.name(key))
        batch.info("memory")
        *sizes, memory = batch.execute(raise_on_error=False)
    for size in sizes:
        if isinstance(size, exceptions.ResponseError):
            raise size
    if isinstance(memory, exceptions.ResponseError):
        return 0, 0
    return int(memory["used_memory"]), int(memory.get("maxmemory", 0))


def _size_of_copies(source: RedisKeys, keys: Sequence[str]) -> int:
    with source.client.pipeline(transaction=False) as batch:
        for key in keys:
            batch.memory_usage(source.name(key))
        answers = batch.execute(raise_on_error=False)
    return ROOM_TO_WORK + sum(nbytes + COPY_OVERHEAD for nbytes in answers if isinstance(nbytes, int))
