"""Checks the URL of a Redis, and says its address without the secrets in it."""

from __future__ import annotations

import inspect
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import redis

__all__ = ["public_address"]

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
