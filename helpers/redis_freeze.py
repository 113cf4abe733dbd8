"""Copies values inside a Redis server, so that a reader can take its time while a writer goes on."""
# ruff: noqa: D102 -- the docstrings of inherited methods are inherited

from __future__ import annotations

import contextlib
import uuid
import weakref
from typing import TYPE_CHECKING, cast

from redis import exceptions
from zarr.abc.store import Store

from helpers.redis_keys import RedisKeys
from helpers.redis_store import RedisStore
from helpers.units import format_nbytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zarr.abc.store import ByteRequest

__all__ = ["FrozenRedisStore", "freeze"]


class FrozenRedisStore(RedisStore):
    """Read values as they were when `RedisStore.freeze` copied them; or raise, never invent.

    Parameters
    ----------
    keys : FrozenKeys
        The copies.

    Raises
    ------
    RuntimeError
        If a copy is gone: the lease is over, the server restarted, or the store that made it was closed.

    Notes
    -----
    The copies are deleted when the store is closed or garbage collected, and at the latest when the lease ends.
    A pickled store leaves that to the lease, because the process that it goes to still needs them.
    """

    keys: FrozenKeys

    def __init__(self, keys: FrozenKeys) -> None:
        Store.__init__(self, read_only=True)
        self.keys = keys
        self._thaw = weakref.finalize(self, _forget, RedisKeys(keys.url, keys.prefix), keys.held)

    def with_read_only(self, read_only: bool = False) -> FrozenRedisStore:
        # docstring inherited
        if not read_only:
            msg = "frozen values cannot be written: write to the store that they were copied from"
            raise ValueError(msg)
        return self

    def __reduce__(self) -> tuple[object, ...]:
        self._thaw.detach()
        return _adopt, (self.keys,)

    def close(self) -> None:
        # docstring inherited
        self._thaw()
        super().close()


class FrozenKeys(RedisKeys):
    """Hold the copied keys, and raise where one that was there is no longer.

    Parameters
    ----------
    url, prefix : str
        Where the copies are.
    held : frozenset of str
        The keys that were copied.
    lease_s : int
        Seconds that the server was asked to keep them.
    """

    def __init__(self, url: str, prefix: str, *, held: frozenset[str], lease_s: int) -> None:
        super().__init__(url, prefix)
        self.held = held
        self.lease_s = lease_s

    def __reduce__(self) -> tuple[object, ...]:
        return _frozen_keys, (self.url, self.prefix, self.held, self.lease_s)

    def read(self, requests: Sequence[tuple[str, ByteRequest | None]]) -> list[bytes | None]:
        # docstring inherited
        values = super().read(requests)
        lost = [key for (key, _), value in zip(requests, values, strict=True) if value is None and key in self.held]
        if lost:
            msg = (
                f"{len(lost)} of the {len(self.held)} values frozen in {self.address} are gone, {lost[0]!r} the first: "
                f"their lease of {self.lease_s} s is over, the server restarted, or their store is closed: freeze anew."
            )
            raise RuntimeError(msg)
        return values


def freeze(store: RedisStore, keys: Iterable[str], *, lease_s: int = 1800) -> FrozenRedisStore:
    """Copy values inside the server at one instant; `RedisStore.freeze` says the rest.

    Parameters
    ----------
    store : RedisStore
        Where the values are.
    keys : iterable of str
        Which of them.
    lease_s : int, default 1800
        Seconds for which the server keeps the copies.

    Returns
    -------
    FrozenRedisStore
        The copies.

    Raises
    ------
    OSError
        If there is no room for the copies under the server's ``maxmemory``.
    """
    source = store.keys
    asked = list(dict.fromkeys(keys))
    copies = RedisKeys(source.url, f"{source.prefix}/frozen/{uuid.uuid4().hex}")
    _check_room(source, asked)
    with source.errors(), source.client.pipeline(transaction=True) as batch:
        for key in asked:
            batch.copy(source.name(key), copies.name(key))
            batch.expire(copies.name(key), lease_s)
        copied = cast("list[bool]", batch.execute()[::2]) if asked else []
    held = frozenset(key for key, done in zip(asked, copied, strict=True) if done)
    return FrozenRedisStore(FrozenKeys(copies.url, copies.prefix, held=held, lease_s=lease_s))


def _check_room(source: RedisKeys, keys: list[str]) -> None:
    """Raise if copies would fill the server, which would then refuse the writer's next frame."""
    with source.errors():
        memory = source.client.info("memory")
        limit = int(memory.get("maxmemory", 0))
        if not limit:
            return
        with source.client.pipeline(transaction=False) as batch:
            for key in keys:
                batch.strlen(source.name(key))
            needed = sum(batch.execute())
    used = int(memory["used_memory"])
    if used + needed > limit:
        msg = (
            f"copying {len(keys)} values takes {format_nbytes(needed)}, and Redis at {source.address} has "
            f"{format_nbytes(max(0, limit - used))} left of {format_nbytes(limit)} (maxmemory): nothing was copied. "
            f"Freeze less, or give the server more with `CONFIG SET maxmemory`."
        )
        raise OSError(msg)


def _forget(copies: RedisKeys, held: frozenset[str]) -> None:
    """Delete the copies; should the server be gone, so are they, and otherwise the lease ends."""
    with contextlib.suppress(OSError, exceptions.RedisError):
        copies.write(dict.fromkeys(held))


def _frozen_keys(url: str, prefix: str, held: frozenset[str], lease_s: int) -> FrozenKeys:
    return FrozenKeys(url, prefix, held=held, lease_s=lease_s)


def _adopt(keys: FrozenKeys) -> FrozenRedisStore:
    """Return a frozen store in the process that unpickled it; the lease ends it."""
    store = FrozenRedisStore(keys)
    store._thaw.detach()
    return store
