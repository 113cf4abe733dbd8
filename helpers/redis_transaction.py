"""Gathers writes to a `RedisStore`, so that other programs see all of them at one instant or none."""
# ruff: noqa: D102 -- the docstrings of inherited methods are inherited

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from zarr.abc.store import Store

from helpers.redis_keys import RedisKeys
from helpers.redis_store import RedisStore
from helpers.redis_values import cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from zarr.abc.store import ByteRequest

    from helpers.redis_keys import Value

__all__ = ["RedisTransaction"]


class RedisTransaction(RedisStore):
    """Stand for a `RedisStore` within a `with` block, and publish what was written at its end.

    `RedisStore.transaction` makes it. It is a Zarr store that reads its own writes and, for the rest, what others
    have published. If the block raises, nothing of it is stored.

    Parameters
    ----------
    store : RedisStore
        Where the writes go.

    Raises
    ------
    ValueError
        If it is used after its block: open what you need from the store itself.

    Notes
    -----
    The writes wait in this process's memory and are sent in one MULTI/EXEC. Of two transactions that write the same
    key the later one wins; neither is told. Should the connection break while the server answers, the same writes
    are sent once more: they store the same values.

    Examples
    --------
    >>> import numpy as np, zarr
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server, RedisStore(server.url) as store:
    ...     with store.transaction() as tx:
    ...         z = zarr.create_array(tx, data=np.arange(6), chunks=2)
    ...         before = store.read_many(["zarr.json"])
    ...     before, int(zarr.open_array(store)[5])
    ([None], 5)
    """

    keys: PendingKeys

    def __init__(self, store: RedisStore) -> None:
        Store.__init__(self, read_only=store.read_only)
        self.keys = PendingKeys(store.keys)

    def with_read_only(self, read_only: bool = False) -> RedisTransaction:
        # docstring inherited
        same = RedisTransaction.__new__(RedisTransaction)
        Store.__init__(same, read_only=read_only)
        same.keys = self.keys
        return same

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.keys.commit()
        finally:
            self.keys.end()
            self._is_open = False

    def close(self) -> None:
        """Do nothing: the end of the block ends the transaction."""

    def notify(self, message: bytes) -> None:
        """Publish a message to those who listen, at the instant at which the writes become visible.

        Parameters
        ----------
        message : bytes
            Sent on the channel ``store.keys.channel``. A later one takes its place.
        """
        self.keys.write({}, news=message)


class PendingKeys(RedisKeys):
    """Hold writes back from the `RedisKeys` beneath, and show them to whoever asks here.

    Parameters
    ----------
    keys : RedisKeys
        Where `commit` writes.
    """

    def __init__(self, keys: RedisKeys) -> None:
        super().__init__(keys.url, keys.prefix)
        self._published = keys
        self._values: dict[str, bytes | None] = {}
        self._news: bytes | None = None
        self._over = False

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __reduce__(self) -> NoReturn:
        msg = "a transaction belongs to one process and cannot be pickled: send the store, and write through that"
        raise TypeError(msg)

    def commit(self) -> None:
        """Write all that is pending, at one instant."""
        self._check_open()
        self._published.write(self._values, news=self._news)

    def end(self) -> None:
        """Forget what is pending, and refuse all further use."""
        self._values = {}
        self._over = True

    def read(self, requests: Sequence[tuple[str, ByteRequest | None]]) -> list[bytes | None]:
        # docstring inherited
        self._check_open()
        values = {key: self._values[key] for key, _ in requests if key in self._values}
        others = [request for request in requests if request[0] not in values]
        published = iter(self._published.read(others) if others else ())
        return [_cut(values[key], asked) if key in values else next(published) for key, asked in requests]

    def size(self, key: str) -> int | None:
        # docstring inherited
        self._check_open()
        if key not in self._values:
            return self._published.size(key)
        value = self._values[key]
        return None if value is None else len(value)

    def exists(self, key: str) -> bool:
        # docstring inherited
        self._check_open()
        return self._values[key] is not None if key in self._values else self._published.exists(key)

    def add(self, key: str, value: Value) -> bool:
        # docstring inherited
        if self.exists(key):
            return False
        self.write({key: value})
        return True

    def write(self, values: Mapping[str, Value | None], *, news: bytes | None = None) -> None:
        # docstring inherited
        self._check_open()
        for key, value in values.items():
            if value is not None:
                self._check_size(key, value)
        self._values |= {key: None if value is None else bytes(value) for key, value in values.items()}
        self._news = self._news if news is None else news

    def pages(self, prefix: str = "") -> Iterator[list[str]]:
        # docstring inherited
        self._check_open()
        values = dict(self._values)
        mine = sorted(key for key, value in values.items() if value is not None and key.startswith(prefix))
        if mine:
            yield mine
        for page in self._published.pages(prefix):
            if others := [key for key in page if key not in values]:
                yield others

    def remove(self, prefix: str = "") -> None:
        # docstring inherited
        for page in list(self.pages(prefix)):
            self.write(dict.fromkeys(page))

    def _check_open(self) -> None:
        if self._over:
            msg = "this transaction is over: open the array or group again from the store itself"
            raise ValueError(msg)


def _cut(value: bytes | None, asked: ByteRequest | None) -> bytes | None:
    return None if value is None else cut(value, asked)
