"""Reads large values of Redis straight into memory that is there already, without the copies that redis-py makes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol, cast

from redis import exceptions

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    import redis

__all__ = ["read_into"]

LINE = 1 << 16


class Connection(Protocol):
    """Name what is used of a connection of redis-py, which has no types for it."""

    _sock: socket.socket

    def send_command(self, *args: str) -> None: ...
    def disconnect(self) -> None: ...


class Answer(Protocol):
    """Name what is used of a file made from a socket."""

    def read(self, size: int, /) -> bytes: ...
    def readinto(self, memory: memoryview, /) -> int | None: ...
    def readline(self) -> bytes: ...


def read_into(client: redis.Redis, names: Sequence[str], parts: Sequence[memoryview]) -> bool:
    """Fill memory with values of Redis, one after the other, or say that it could not be done.

    Parameters
    ----------
    client : redis.Redis
        What `helpers.redis_client.connect` returns.
    names : sequence of str
        The names in Redis, at least one.
    parts : sequence of memoryview
        As many, each of as many bytes as the value must have.

    Returns
    -------
    bool
        Whether all were filled. If not, some may be, and nothing is said of why: ask again in the usual way, which
        waits, retries, and raises what there is to raise.

    Notes
    -----
    redis-py copies a value four times before it returns it: reading 100 values of 256 KiB this way takes a quarter of
    the processor time. It reads from the socket that a connection of redis-py holds, which is not public: where there
    is none, it says that it could not be done.

    Examples
    --------
    >>> from helpers.redis_client import connect
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server:
    ...     client = connect(server.url)
    ...     _ = client.mset({"a": b"123", "b": b"45"})
    ...     memory = memoryview(bytearray(5))
    ...     read_into(client, ["a", "b"], [memory[:3], memory[3:]]), bytes(memory)
    (True, b'12345')
    """
    pool = client.connection_pool
    try:
        held = pool.get_connection()
    except (exceptions.RedisError, OSError):
        return False
    connection = cast("Connection", held)
    filled = False
    try:
        with contextlib.suppress(exceptions.RedisError, OSError, AttributeError):
            connection.send_command("MGET", *names)
            with connection._sock.makefile("rb", LINE) as answer:
                filled = _fill(cast("Answer", answer), parts)
    finally:
        if not filled:  # the rest of the answer may still be on its way
            connection.disconnect()
        pool.release(held)
    return filled


def _fill(answer: Answer, parts: Sequence[memoryview]) -> bool:
    """Read an answer to MGET; return whether it is as expected."""
    if answer.readline() != b"*%d\r\n" % len(parts):
        return False
    for part in parts:
        if answer.readline() != b"$%d\r\n" % len(part):
            return False
        done = 0
        while done < len(part) and (count := answer.readinto(part[done:])):
            done += count
        if done < len(part) or answer.read(2) != b"\r\n":
            return False
    return True
