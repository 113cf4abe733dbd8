"""Finds out whether a Redis server has room for copies of values, before any is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import exceptions

from helpers.units import format_nbytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.redis_keys import RedisKeys

__all__ = ["require_room"]

COPY_OVERHEAD = 128
ROOM_TO_WORK = 2**18


def require_room(source: RedisKeys, keys: Sequence[str]) -> None:
    """Raise if copies of values would fill the server, which would then refuse a writer's next value.

    Parameters
    ----------
    source : helpers.redis_keys.RedisKeys
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
    >>> from helpers.redis_keys import RedisKeys
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
