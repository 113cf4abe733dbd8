"""Reads values of Redis and byte ranges of them, any number at one instant, and turns them into zarr's buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from redis import exceptions
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer, default_buffer_prototype

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import redis
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import BufferPrototype

__all__ = ["as_buffer", "as_bytes", "cut", "listed", "read_values", "require_strings", "value_range"]

NOTHING = (1, 0)


def read_values(client: redis.Redis, requests: Sequence[tuple[str, ByteRequest | None]]) -> list[bytes | None]:
    """Read values, whole or in part, as they are at one instant.

    Parameters
    ----------
    client : redis.Redis
        What `helpers.redis_client.connect` returns.
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
