"""Connects to Redis: checks its URL, keeps secrets out of sight, and says what went wrong in one sentence.

`helpers.redis_store` is built on it. One pool of connections serves all stores of a process that use the same
URL; it reconnects when the server comes back, and starts anew in a forked child.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import redis
from redis import exceptions
from redis.backoff import ExponentialWithJitterBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["clear_errors", "connect", "public_address"]

SCHEMES = ("redis", "rediss", "unix")
PORT = 6379
CONNECT_TIMEOUT_S = 5.0
SILENCE_TIMEOUT_S = 10.0
RETRIES = 2

_pools: weakref.WeakValueDictionary[str, redis.ConnectionPool] = weakref.WeakValueDictionary()
_pools_lock = threading.Lock()


def public_address(url: str) -> str:
    """Return the address in a Redis URL without user, password and options: what may be shown and logged.

    Parameters
    ----------
    url : str
        ``redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]``, the same with ``rediss://`` for TLS, or
        ``unix://[USER[:PASSWORD]@]/PATH/OF/THE/SOCKET[?db=DATABASE]``.

    Returns
    -------
    str
        The address, with the port and the number of the database written out.

    Raises
    ------
    ValueError
        If it is no such URL. The message does not repeat the URL, which may hold a password.

    Examples
    --------
    >>> public_address("redis://ada:engine@localhost:7777")
    'redis://localhost:7777/0'
    >>> public_address("unix:///run/redis.sock?db=2")
    'unix:///run/redis.sock/2'
    """
    parts = _split(url)
    database = _database(parts)
    if parts.scheme == "unix":
        return f"unix://{unquote(parts.path)}/{database}"
    host = parts.hostname or "localhost"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}:{parts.port or PORT}/{database}"


def connect(url: str) -> redis.Redis:
    """Return a client for the Redis at `url`; it connects when it is first used.

    Parameters
    ----------
    url : str
        As for `public_address`. Options of redis-py can follow it: ``?socket_timeout=2`` waits for 2 s only.

    Returns
    -------
    redis.Redis
        A client that shares its connections with all others for this URL in this process. Any thread may use it.

    Raises
    ------
    ValueError
        If it is no Redis URL.

    Notes
    -----
    A connection that breaks is opened again, at most twice for one command, so that a server that restarts is
    found again. A server that accepts connections and then keeps silent is given up after 10 s.
    """
    public_address(url)
    with _pools_lock:
        pool = _pools.get(url)
        if pool is None:
            pool = _pools[url] = redis.ConnectionPool.from_url(
                url,
                socket_connect_timeout=CONNECT_TIMEOUT_S,
                socket_timeout=SILENCE_TIMEOUT_S,
                socket_read_size=1 << 16,
                retry=Retry(
                    ExponentialWithJitterBackoff(base=0.05, cap=0.5),
                    RETRIES,
                    supported_errors=(exceptions.ConnectionError, ConnectionError),
                ),
                maint_notifications_config=MaintNotificationsConfig(enabled=False),
                protocol=2,
                client_name="zarr-notebooks",
            )
    return redis.Redis(connection_pool=pool)


@contextlib.contextmanager
def clear_errors(address: str) -> Iterator[None]:
    """Turn each error that redis-py raises in a `with` block into a built-in one that says what to do.

    Parameters
    ----------
    address : str
        What `public_address` returns: named in the error.

    Raises
    ------
    ConnectionError
        No server, a server that went away, or something that is not Redis.
    TimeoutError
        A server that is there and does not answer.
    PermissionError
        A wrong password, a user who may not do this, or a server that only reads.
    TypeError
        A key that holds another type of Redis than a string: no value of Zarr.
    OSError
        A server that is out of memory, or anything else that Redis says.

    Examples
    --------
    >>> with clear_errors("redis://127.0.0.1:7777/0"):
    ...     raise exceptions.ReadOnlyError
    Traceback (most recent call last):
    PermissionError: Redis at redis://127.0.0.1:7777/0 only reads: nothing was written. ...
    """
    try:
        yield
    except exceptions.RedisError as error:
        raise _clear(error, f"Redis at {address}") from None


def _clear(error: exceptions.RedisError, server: str) -> Exception:
    """Return what `clear_errors` raises for an error of redis-py."""
    said = str(error)
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthorizationError():
            msg = f"{server} refuses this user and password. The URL is where they go: redis://USER:PASSWORD@HOST:PORT."
            return PermissionError(msg)
        case exceptions.NoPermissionError():
            return PermissionError(f"{server} does not allow this user to do that: ask whoever runs it ({said}).")
        case exceptions.BusyLoadingError():
            return ConnectionError(f"{server} has only just started and is still loading its data. Try again soon.")
        case exceptions.ConnectionError():
            msg = f"No {server} answers. Start one with `redis-server --port PORT`, or use the URL of one that runs"
            return ConnectionError(f"{msg} ({said}).")
        case exceptions.TimeoutError():
            msg = (
                f"{server} does not answer. Is it stopped, or very busy? `?socket_timeout=60` in the URL waits longer."
            )
            return TimeoutError(msg)
        case exceptions.InvalidResponse():
            return ConnectionError(f"What answers is not Redis, expected {server}: look at the port in the URL.")
        case exceptions.OutOfMemoryError():
            msg = (
                f"{server} is out of memory (OOM command not allowed): nothing was written. Delete what is not needed,"
            )
            return OSError(f"{msg} or give the server more with `CONFIG SET maxmemory`.")
        case exceptions.ReadOnlyError():
            return PermissionError(f"{server} only reads: nothing was written. Use the URL of its primary server.")
    if said.startswith("WRONGTYPE") or "WRONGTYPE" in said:
        msg = f"{server} holds another type than a string under this key: another program wrote it. Use another prefix."
        return TypeError(msg)
    return OSError(f"{server} answers with an error: {said}")


def _split(url: str) -> SplitResult:
    """Return the parts of a Redis URL that can be used, or raise without repeating it."""
    expected = "a Redis URL looks like redis://HOST:PORT/DATABASE, rediss://... or unix:///PATH?db=DATABASE"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- raises for a port that is no number
    except (ValueError, AttributeError, TypeError):
        msg = f"this is no Redis URL: {expected}; write `@`, `/`, `#` and `:` in a password as %40, %2F, %23 and %3A"
        raise ValueError(msg) from None
    if parts.scheme not in SCHEMES or "@" in parts.path or parts.fragment:
        msg = f"this is no Redis URL: {expected}"
        raise ValueError(msg)
    if parts.scheme == "unix" and not parts.path:
        msg = f"this Redis URL names no socket: {expected}"
        raise ValueError(msg)
    return parts


def _database(parts: SplitResult) -> int:
    """Return the number of the database that a URL names, 0 where it names none."""
    named = parse_qs(parts.query).get("db", [""])[0]
    if not named and parts.scheme != "unix":
        named = parts.path.strip("/")
    if named and not (named.isascii() and named.isdigit()):
        msg = "the database in a Redis URL is a number: redis://HOST:PORT/0, or ?db=0 after the path of a socket"
        raise ValueError(msg)
    return int(named or 0)
