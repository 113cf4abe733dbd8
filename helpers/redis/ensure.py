"""A Redis for a lesson: one that runs already, as on Binder, or one that is started."""

from __future__ import annotations

import contextlib
import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.redis.client import connect
from helpers.redis.keys import RedisKeys
from helpers.redis.store import DEFAULT_URL
from helpers.servers import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RedisPlace", "ensure_redis"]


@dataclass(frozen=True)
class RedisPlace:
    """Name a server, and the prefix on it that is one's own.

    Attributes
    ----------
    url : str
        The address of the server. It can hold a password: do not show it.
    prefix : str
        What the prefix of each store begins with.
    """

    url: str
    prefix: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{RedisKeys(self.url, self.prefix)}')"


@contextlib.contextmanager
def ensure_redis(name: str = "lesson") -> Iterator[RedisPlace]:
    """Give a place in a Redis for as long as a `with` block lasts, and delete what is in it at the end.

    The server is the one that the environment variable ``REDIS_URL`` names; without it the one that answers on port
    7777 of this machine; and if none does, one that is started and ends with the block.

    Parameters
    ----------
    name : str, default "lesson"
        What the prefix begins with. The rest of it is new each time, so that no two blocks meet.

    Yields
    ------
    RedisPlace
        A server that answers, and the prefix.

    Raises
    ------
    ConnectionError, TimeoutError, PermissionError
        If ``REDIS_URL`` names a server that cannot be used.
    ValueError
        If ``REDIS_URL`` is no URL of a Redis.

    Notes
    -----
    The stores of a place are those whose prefix is its prefix, or begins with that and a slash. Should this Python be
    killed, a server that was found keeps their keys.

    Examples
    --------
    >>> import redis
    >>> from helpers.redis import RedisStore
    >>> with ensure_redis("demo") as place:
    ...     store = RedisStore(place.url, prefix=f"{place.prefix}/numbers")
    ...     store.keys.write({"a": b"1"})
    ...     store.read_many(["a"])
    [b'1']
    """
    prefix = f"{name}-{uuid.uuid4().hex[:12]}"
    named = os.environ.get("REDIS_URL")
    with contextlib.ExitStack() as stack:
        url = named or DEFAULT_URL
        try:
            with RedisKeys(url).errors():
                connect(url).ping()
        except OSError:
            if named:
                raise
            url = stack.enter_context(redis_server()).url
        place = RedisPlace(url, prefix)
        stack.callback(_clear, place)
        yield place


def _clear(place: RedisPlace) -> None:
    """Delete all keys of a place: those of its own prefix, and of prefixes below it. A dead server holds none."""
    keys = RedisKeys(place.url, place.prefix)
    below = keys.root.removesuffix(":")
    with contextlib.suppress(OSError), keys.errors():
        for pattern in (f"{below}:*", f"{below}/*"):
            names = list(keys.client.scan_iter(pattern, count=1000))
            if names:
                keys.client.unlink(*names)
    keys.close()
