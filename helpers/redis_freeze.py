"""Copies values inside a Redis server, so that a reader can take its time while a writer goes on."""
# ruff: noqa: D102 -- the docstrings of inherited methods are inherited

from __future__ import annotations

import contextlib
import os
import uuid
import weakref
from functools import partial
from typing import TYPE_CHECKING, cast

from redis import exceptions
from zarr.abc.store import Store

from helpers.redis_keys import RedisKeys
from helpers.redis_room import require_room
from helpers.redis_store import RedisStore
from helpers.redis_values import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zarr.abc.store import ByteRequest

__all__ = ["FrozenRedisStore", "copy_values", "freeze"]

LONGEST_LEASE_S = 1_000_000_000


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
    A pickled store leaves that to the lease, because the process that it goes to still needs them. (Dask pickles
    what it makes a token of, unless that is this store itself.) A forked process never deletes them.
    """

    keys: FrozenKeys

    def __init__(self, keys: FrozenKeys) -> None:
        Store.__init__(self, read_only=True)
        self.keys = keys
        self._thaw = weakref.finalize(self, _forget, RedisKeys(keys.url, keys.prefix), keys.held, os.getpid())

    def with_read_only(self, read_only: bool = False) -> FrozenRedisStore:
        # docstring inherited
        if not read_only:
            msg = "frozen values cannot be written: write to the store that they were copied from"
            raise ValueError(msg)
        return self

    def __reduce__(self) -> tuple[object, ...]:
        self._thaw.detach()
        return _adopt, (self.keys,)

    def __dask_tokenize__(self) -> tuple[str, str, str]:
        return type(self).__name__, self.keys.address, self.keys.prefix

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
        return partial(FrozenKeys, self.url, self.prefix, held=self.held, lease_s=self.lease_s), ()

    def read(self, requests: Sequence[tuple[str, ByteRequest | None]]) -> list[bytes | None]:
        # docstring inherited
        values = super().read(requests)
        self._require({key: value is not None for (key, _), value in zip(requests, values, strict=True)})
        return values

    def size(self, key: str) -> int | None:
        # docstring inherited
        nbytes = super().size(key)
        self._require({key: nbytes is not None})
        return nbytes

    def exists(self, key: str) -> bool:
        # docstring inherited
        there = super().exists(key)
        self._require({key: there})
        return there

    def pages(self, prefix: str = "") -> Iterator[list[str]]:
        # docstring inherited
        page = sorted(key for key in self.held if key.startswith(prefix))
        if page:
            with self.errors(), self.client.pipeline(transaction=False) as batch:
                for key in page:
                    batch.exists(self.name(key))
                there = batch.execute()
            self._require(dict(zip(page, there, strict=True)))
            yield page

    def _require(self, there: Mapping[str, bool]) -> None:
        """Raise if a key that was copied is not there any more."""
        lost = [key for key, is_there in there.items() if key in self.held and not is_there]
        if lost:
            msg = (
                f"{len(lost)} of the {len(self.held)} values frozen in {self.address} are gone, {lost[0]!r} the first: "
                f"their lease of {self.lease_s} s is over, the server restarted, or their store is closed: freeze anew."
            )
            raise RuntimeError(msg)


def freeze(store: RedisStore, keys: Iterable[str], *, lease_s: int = 1800) -> FrozenRedisStore:
    """Copy values inside the server at one instant; `RedisStore.freeze` says the rest.

    Parameters
    ----------
    store : RedisStore
        Where the values are.
    keys : iterable of str
        Which of them.
    lease_s : int, default 1800
        Whole seconds for which the server keeps the copies.

    Returns
    -------
    FrozenRedisStore
        The copies.

    Raises
    ------
    OSError
        If there is no room for the copies under the server's ``maxmemory``: see `helpers.redis_room.require_room`.
    TypeError
        If `keys` is one text, or one of them holds another type of Redis.
    ValueError
        If `lease_s` is not from 1 to 1,000,000,000, or the store is a transaction or frozen already.
    """
    _require_lease(lease_s)
    source = store.keys
    if type(source) is not RedisKeys:
        msg = f"{store!r} cannot be frozen: it is a transaction, or frozen already. Freeze the store it comes from"
        raise ValueError(msg)
    asked = list(dict.fromkeys(listed(keys)))
    if asked:
        require_room(source, asked)
    return copy_values(source, asked, lease_s=lease_s)


def copy_values(source: RedisKeys, keys: Sequence[str], *, lease_s: int = 1800) -> FrozenRedisStore:
    """Do what `freeze` does, for whoever knows that the keys hold strings and that there is room for copies of them.

    Parameters
    ----------
    source : helpers.redis_keys.RedisKeys
        Where the values are.
    keys : sequence of str
        Which of them, each once.
    lease_s : int, default 1800
        Whole seconds for which the server keeps the copies.

    Returns
    -------
    FrozenRedisStore
        The copies.
    """
    copies = RedisKeys(source.url, f"{source.prefix}/frozen/{uuid.uuid4().hex}")
    with source.errors(), source.client.pipeline(transaction=True) as batch:
        for key in keys:
            batch.copy(source.name(key), copies.name(key), replace=True)  # it may have to be sent twice
            batch.expire(copies.name(key), lease_s)
        copied = cast("list[bool]", batch.execute()[::2]) if keys else []
    held = frozenset(key for key, done in zip(keys, copied, strict=True) if done)
    return FrozenRedisStore(FrozenKeys(copies.url, copies.prefix, held=held, lease_s=lease_s))


def _require_lease(lease_s: int) -> None:
    if isinstance(lease_s, bool) or not isinstance(lease_s, int) or not 1 <= lease_s <= LONGEST_LEASE_S:
        msg = f"lease_s is {lease_s!r}: it must be whole seconds, from 1 to {LONGEST_LEASE_S:,}"
        raise ValueError(msg)


def _forget(copies: RedisKeys, held: frozenset[str], owner: int) -> None:
    """Delete the copies; should the server be gone, so are they, and otherwise the lease ends."""
    if os.getpid() != owner:
        return
    with contextlib.suppress(OSError, exceptions.RedisError):
        copies.write(dict.fromkeys(held))


def _adopt(keys: FrozenKeys) -> FrozenRedisStore:
    """Return a frozen store in the process that unpickled it; the lease ends it."""
    store = FrozenRedisStore(keys)
    store._thaw.detach()
    return store
