"""Connections to one Redis that a process shares, and its errors as built-in ones that say what to do.

One pool of connections serves all stores of a process that use the same URL; it reconnects when the server comes back.
A forked child makes its own.
"""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import redis
from redis import exceptions
from redis.backoff import ExponentialWithJitterBackoff
from redis.connection import parse_url
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["clear_errors", "connect", "public_address"]

CONNECT_TIMEOUT_S = 5.0
SILENCE_TIMEOUT_S = 10.0
RETRIES = 2
READ_SIZE = 2**20  # of 256 KiB values, twice as many a second are read as with redis-py's 64 KiB
CONNECTIONS = 2**31


def public_address(url: str) -> str:
    """Return the address in a Redis URL without user, password and options: what may be shown and logged.

    Parameters
    ----------
    url : str
        ``redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]``, the same with ``rediss://`` for TLS, or
        ``unix://[USER[:PASSWORD]@]/PATH/OF/THE/SOCKET[?db=DATABASE]``. What has a meaning in a URL is
        percent-encoded in a password: ``@`` is ``%40``.

    Returns
    -------
    str
        The address, with the port and the number of the database written out.

    Raises
    ------
    ValueError
        If it is no such URL. Neither the message nor what led to it repeats the URL, which may hold a password.

    Examples
    --------
    >>> public_address("redis://ada:engine@localhost:7777")
    'redis://localhost:7777/0'
    """
    options = _options(url)
    scheme, database = url.split("://", maxsplit=1)[0], options.get("db", 0)
    if scheme == "unix":
        return f"unix://{options.get('path', '')}/{database}"
    host = options.get("host", "localhost")
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}:{options.get('port', 6379)}/{database}"


def _options(url: str) -> dict[str, Any]:
    """Return what redis-py reads in a URL. What it and urllib say of a wrong one may repeat it: that ends here."""
    with contextlib.suppress(AttributeError, TypeError, ValueError):
        parts = urlsplit(url)
        if not (parts.fragment or "@" in parts.path + parts.query):
            options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
            return options
    msg = (
        "this is no Redis URL. It looks like redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss://... or "
        "unix:///PATH?db=DATABASE; in a password `@` is %40, `/` is %2F, `#` is %23, `:` is %3A and `?` is %3F"
    )
    raise ValueError(msg)


class _Pool(redis.ConnectionPool):
    """Connections of which none is used again while an answer to an old question may be under way on it."""

    def release(self, connection: Any) -> None:
        """Take a connection back, and close it if Ctrl-C, say, came between a question and its answer."""
        if not isinstance(sys.exception(), exceptions.ResponseError | None):
            connection.disconnect()
        super().release(connection)


# By process and URL. redis-py's pools know that they were forked, but take a lock that another thread may hold for
# ever then. For the same reason no lock guards this: two threads at once may make a pool each, which does no harm.
_pools: weakref.WeakValueDictionary[tuple[int, str], _Pool] = weakref.WeakValueDictionary()


def connect(url: str) -> redis.Redis:
    """Return a client for the Redis at `url`; it connects when it is first used.

    Parameters
    ----------
    url : str
        As for `public_address`. Options of redis-py can follow it: ``?socket_timeout=2`` waits for 2 s only.

    Returns
    -------
    redis.Redis
        A client that shares its connections with the others for this URL in this process. Any thread may use it.

    Raises
    ------
    ValueError
        If it is no Redis URL.

    Notes
    -----
    A connection that breaks is opened again, at most twice for one command, so that a server that restarts is
    found again. A server that accepts connections and then keeps silent is given up after 10 s.
    """
    _options(url)
    pool = _pools.get((os.getpid(), url))
    if pool is None:
        pool = _pools[os.getpid(), url] = _Pool.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=SILENCE_TIMEOUT_S,
            socket_read_size=READ_SIZE,
            max_connections=CONNECTIONS,
            retry=Retry(
                ExponentialWithJitterBackoff(base=0.05, cap=0.5),
                RETRIES,
                supported_errors=(exceptions.ConnectionError, ConnectionError),
            ),
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
            protocol=2,
            encoding_errors="surrogateescape",
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
        No server, a server that went away or has no room for another client, or something that is not Redis.
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
    said = str(error).rsplit(" of pipeline caused error: ", 1)[-1]  # redis-py puts the values written before it
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthorizationError():
            where = "The URL is where they go: redis://USER:PASSWORD@HOST:PORT"
            return PermissionError(f"{server} refuses this user and password, or asks for some. {where}.")
        case exceptions.BusyLoadingError():
            return ConnectionError(f"{server} has only just started and is still loading its data. Try again soon.")
        case exceptions.ConnectionError() if "max number of clients" in said:
            return ConnectionError(f"{server} serves as many clients as it may: end some, or raise its `maxclients`.")
        case exceptions.ConnectionError():
            what = "Start one with `redis-server --port PORT`, or use the URL of one that runs"
            return ConnectionError(f"No {server} answers. {what} ({said.rstrip('.')}).")
        case exceptions.TimeoutError():
            what = "Is it stopped, or very busy? `?socket_timeout=60` in the URL waits longer"
            return TimeoutError(f"{server} does not answer. {what}.")
        case exceptions.InvalidResponse():
            return ConnectionError(f"What answers is not Redis, expected {server}: look at the port in the URL.")
        case exceptions.NoPermissionError():
            return PermissionError(f"{server} does not allow this user to do that: ask whoever runs it ({said}).")
        case exceptions.OutOfMemoryError():
            what = "Delete what is not needed, or give the server more with `CONFIG SET maxmemory`"
            return OSError(f"{server} is out of memory (OOM command not allowed): nothing was written. {what}.")
        case exceptions.ReadOnlyError():
            return PermissionError(f"{server} only reads: nothing was written. Use the URL of its primary server.")
    if said.startswith("WRONGTYPE"):
        what = "another program wrote it. Use another prefix"
        return TypeError(f"{server} holds another type than a string under this key: {what}.")
    return OSError(f"{server} answers with an error: {said}")
