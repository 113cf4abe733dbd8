"""Reads values of Redis and byte ranges of them, any number at one instant, and turns them into zarr's buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from redis import exceptions
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer, default_buffer_prototype

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import BufferPrototype

__all__ = ["as_buffer", "as_bytes", "cut", "read_values", "value_range"]

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
    MGET shows a name of another type as missing, and GETRANGE shows a missing name as an empty string. Each is
    asked together with EXISTS, in one MULTI/EXEC: no other client's command comes between them.
    """
    if len(requests) == 1 and requests[0][1] is None:
        return [cast("bytes | None", client.get(requests[0][0]))]
    whole = [name for name, byte_range in requests if byte_range is None]
    with client.pipeline(transaction=True) as batch:
        if whole:
            batch.mget(whole)
            batch.exists(*whole)
        for name, byte_range in requests:
            if byte_range is not None:
                batch.exists(name)
                batch.getrange(name, *value_range(byte_range))
        answers = iter(batch.execute())
    values = iter(_whole_values(next(answers), next(answers)) if whole else ())
    return [next(values) if asked is None else _part(next(answers), next(answers)) for _, asked in requests]


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


def as_buffer(value: bytes | None, prototype: BufferPrototype | None = None) -> Buffer | None:
    """Return a value as the buffer that zarr asks for, None for a missing one."""
    if value is None:
        return None
    return (prototype or default_buffer_prototype()).buffer.from_bytes(value)


def as_bytes(value: Buffer) -> memoryview:
    """Return the bytes of a buffer of zarr, without a copy.

    Raises
    ------
    TypeError
        If it is no buffer.
    """
    if not isinstance(value, Buffer):
        msg = f"RedisStore.set(): `value` must be a Buffer instance. Got an instance of {type(value)} instead."
        raise TypeError(msg)
    return memoryview(value.as_numpy_array()).cast("B")


def _whole_values(values: list[bytes | None], existing: int) -> list[bytes | None]:
    """Return what MGET answered, if all that exists is a string."""
    if sum(value is not None for value in values) != existing:
        msg = "WRONGTYPE Operation against a key holding the wrong kind of value"
        raise exceptions.ResponseError(msg)
    return values


def _part(exists: int, value: bytes) -> bytes | None:
    return value if exists else None
