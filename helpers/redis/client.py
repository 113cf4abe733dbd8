"""Connections to Redis: addresses without secrets, and errors in one sentence.

Checks the URL of a Redis, and says its address without the secrets in it.

Connects to Redis: shares connections, bounds every wait, and says what went wrong in one sentence.

`helpers.redis` is built on it. One pool of connections serves all stores of a process that use the same
URL; it reconnects when the server comes back. A forked child makes its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import math
import os
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import redis
from redis import exceptions
from redis.backoff import ExponentialWithJitterBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["clear_errors", "connect", "in_thread", "public_address"]


SCHEMES = ("redis", "rediss", "unix")
PORT = 6379
OPTIONS = (
    "db",
    "health_check_interval",
    "max_connections",
    "password",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_timeout",
    "username",
)
LONGEST_TIMEOUT_S = 1e6


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
    >>> public_address("unix:///run/redis.sock?db=2")
    'unix:///run/redis.sock/2'
    """
    parts = _split(url)
    _check_options(parts)
    database = _database(parts)
    if parts.scheme == "unix":
        return f"unix://{unquote(parts.path)}/{database}"
    host = parts.hostname or "localhost"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}:{parts.port or PORT}/{database}"


def _split(url: str) -> SplitResult:
    """Return the parts of a URL that can be used."""
    parts = _parts(url)
    wrong = _what_is_wrong(url, parts)
    if parts is None or wrong:
        msg = (
            f"{wrong}. It looks like redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss://... or unix:///PATH?db=DATABASE;"
            f" in a password `@` is %40, `/` is %2F, `#` is %23, `:` is %3A and `?` is %3F"
        )
        raise ValueError(msg)
    return parts


def _parts(url: str) -> SplitResult | None:
    """Return the parts of a URL, None if it has none. What urllib says of it repeats it: that ends here."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- raises for a port that is no number
    except ValueError:
        return None
    return parts


def _what_is_wrong(url: str, parts: SplitResult | None) -> str:
    """Return what is wrong with a URL, nothing if nothing is."""
    if parts is None or parts.scheme not in SCHEMES or not url.startswith(f"{parts.scheme}://"):
        return "this is no Redis URL"
    if "@" in parts.path + parts.query or parts.fragment:
        return "this Redis URL has a `#`, or a `/` or `?` before the host"
    if parts.scheme == "unix" and (parts.hostname or not parts.path.strip("/")):
        return "this Redis URL names no socket: three slashes begin its path"
    return ""


def _check_options(parts: SplitResult) -> None:
    """Raise for options that are unknown, or that would change how values are read."""
    known = {*OPTIONS, *(_tls_options() if parts.scheme == "rediss" else ())}
    known -= {"socket_keepalive"} if parts.scheme == "unix" else set()
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not options.keys() <= known:
        msg = f"this Redis URL has an option that is not known here: there are {', '.join(sorted(known))}"
        raise ValueError(msg)
    for name in ("socket_timeout", "socket_connect_timeout"):
        if name in options and not 0 < _number(options[name]) <= LONGEST_TIMEOUT_S:
            msg = f"{name} in this Redis URL must be seconds above 0, such as ?{name}=60"
            raise ValueError(msg)


def _tls_options() -> list[str]:
    return [name for name in inspect.signature(redis.SSLConnection).parameters if name.startswith("ssl_")]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0


def _database(parts: SplitResult) -> int:
    """Return the number of the database that a URL names, 0 where it names none."""
    named = dict(parse_qsl(parts.query)).get("db", "")
    if not named and parts.scheme != "unix":
        named = parts.path.strip("/")
    if named and not (named.isascii() and named.isdigit()):
        msg = "the database in a Redis URL is a number: redis://HOST:PORT/0, or ?db=0 after the path of a socket"
        raise ValueError(msg)
    return int(named or 0)


CONNECT_TIMEOUT_S = 5.0
SILENCE_TIMEOUT_S = 10.0
RETRIES = 2
READ_SIZE = 2**20  # of 256 KiB values, twice as many a second are read as with redis-py's 64 KiB
CONNECTIONS = 2**31


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
_silences: weakref.WeakKeyDictionary[redis.ConnectionPool, tuple[float, str]] = weakref.WeakKeyDictionary()


def connect(url: str) -> redis.Redis:
    """Return a client for the Redis at `url`; it connects when it is first used.

    Parameters
    ----------
    url : str
        As for `helpers.redis.public_address`. Options of redis-py can follow it: ``?socket_timeout=2`` waits
        for 2 s only.

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
    public_address(url)
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


async def in_thread[T](client: redis.Redis, function: Callable[..., T], *args: object) -> T:
    """Run in a thread what asks a server, and do not wait again for one that kept silent meanwhile.

    Parameters
    ----------
    client : redis.Redis
        What `connect` returns.
    function : callable
        What to run. It waits for its turn if all threads of the event loop are at work.
    *args : object
        What it is given.

    Returns
    -------
    object
        What it returns.

    Raises
    ------
    TimeoutError
        If its turn comes after another request to this server, made no earlier, was given up.

    Notes
    -----
    An array that cannot be read leaves the requests for its other chunks waiting for their turn. Were each to wait
    10 s for a server that hangs, whatever came after them would wait for minutes.
    """
    pool = client.connection_pool
    asked = time.monotonic()

    def turn() -> T:
        silent_at, said = _silences.get(pool, (-math.inf, ""))
        if silent_at > asked:
            raise TimeoutError(said)
        try:
            return function(*args)
        except TimeoutError as error:
            _silences[pool] = time.monotonic(), str(error)
            raise

    return await asyncio.to_thread(turn)


@contextlib.contextmanager
def clear_errors(address: str) -> Iterator[None]:
    """Turn each error that redis-py raises in a `with` block into a built-in one that says what to do.

    Parameters
    ----------
    address : str
        What `helpers.redis.public_address` returns: named in the error.

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
    """Return what `clear_errors` raises for an error of redis-py."""
    said = str(error).rsplit(" of pipeline caused error: ", 1)[-1]  # redis-py puts the values written before it
    kind, msg = _connection_trouble(error, server, said) or _refusal(error, server, said)
    return kind(msg)


def _connection_trouble(error: exceptions.RedisError, server: str, said: str) -> tuple[type[Exception], str] | None:
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthorizationError():
            where = "The URL is where they go: redis://USER:PASSWORD@HOST:PORT"
            return PermissionError, f"{server} refuses this user and password, or asks for some. {where}."
        case exceptions.BusyLoadingError():
            return ConnectionError, f"{server} has only just started and is still loading its data. Try again soon."
        case exceptions.MaxConnectionsError():
            return ConnectionError, f"more requests at once to {server} than `max_connections` in its URL allows."
        case exceptions.ConnectionError() if "max number of clients" in said:
            return ConnectionError, f"{server} serves as many clients as it may: end some, or raise its `maxclients`."
        case exceptions.ConnectionError():
            what = "Start one with `redis-server --port PORT`, or use the URL of one that runs"
            return ConnectionError, f"No {server} answers. {what} ({said.rstrip('.')})."
        case exceptions.TimeoutError():
            what = "Is it stopped, or very busy? `?socket_timeout=60` in the URL waits longer"
            return TimeoutError, f"{server} does not answer. {what}."
        case exceptions.InvalidResponse():
            return ConnectionError, f"What answers is not Redis, expected {server}: look at the port in the URL."
    return None


def _refusal(error: exceptions.RedisError, server: str, said: str) -> tuple[type[Exception], str]:
    match error:
        case exceptions.NoPermissionError():
            return PermissionError, f"{server} does not allow this user to do that: ask whoever runs it ({said})."
        case exceptions.OutOfMemoryError():
            what = "Delete what is not needed, or give the server more with `CONFIG SET maxmemory`"
            return OSError, f"{server} is out of memory (OOM command not allowed): nothing was written. {what}."
        case exceptions.ReadOnlyError():
            return PermissionError, f"{server} only reads: nothing was written. Use the URL of its primary server."
    if said.startswith("WRONGTYPE"):
        what = "another program wrote it. Use another prefix"
        return TypeError, f"{server} holds another type than a string under this key: {what}."
    return OSError, f"{server} answers with an error: {said}"
