"""Writes to Redis for one writer alone: it is told when another takes over, and when the server has forgotten."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, Protocol, Self, cast

from redis import exceptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from helpers.redis_keys import RedisKeys, Value

__all__ = ["GuardedWrites", "Outcome"]

type Outcome = Literal["written", "changed", "lost", "full"]
type Command = tuple[str | bytes | memoryview, ...]


class Connection(Protocol):
    """Name what is used of a connection of redis-py, which has no types for it."""

    def connect(self) -> None: ...
    def disconnect(self) -> None: ...
    def pack_commands(self, commands: Sequence[Command]) -> list[bytes]: ...
    def send_packed_command(self, command: list[bytes], check_health: bool = True) -> None: ...
    def read_response(self) -> object: ...


class GuardedWrites:
    """Write values in one round trip, unless a certain key is no longer what this writer left there.

    Parameters
    ----------
    keys : helpers.redis_keys.RedisKeys
        Where the values go.
    guard : str
        The key that each writer sets when it begins, and when it writes.
    kept : sequence of str, optional
        Keys that should stay: `complete` says whether all of them did.

    Attributes
    ----------
    complete : bool
        Whether all of `kept` were there after the last write.

    Notes
    -----
    Redis has this built in: after WATCH, the next EXEC does nothing if the key was touched in between, be it with
    the same value. Here WATCH follows each EXEC in the same packet, so that the next write is guarded and none takes a
    round trip more. What happens between the two commands shows in the value of the guard, which is read after WATCH.

    WATCH belongs to a connection, so this holds one to itself. A server that restarts breaks it: the guard is lost,
    and `begin` says what is there now. A forked process loses it too.

    Examples
    --------
    >>> from helpers.redis_keys import RedisKeys
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server:
    ...     keys = RedisKeys(server.url, "demo")
    ...     with GuardedWrites(keys, "turn") as first, GuardedWrites(keys, "turn") as second:
    ...         first.begin(), second.begin()
    ...         first.write({"a": b"1", "turn": b"1"}), second.write({"a": b"2", "turn": b"2"})
    (None, None)
    ('written', 'changed')
    """

    def __init__(self, keys: RedisKeys, guard: str, *, kept: Sequence[str] = ()) -> None:
        self.complete = True
        self._keys = keys
        self._guard = guard
        self._kept = kept
        self._left: bytes | None = None
        self._holds = False
        self._connection: Connection | None = None
        self._owner = os.getpid()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> bytes | None:
        """Watch the guard from now on, and return its value, None if it is missing."""
        with self._keys.errors():
            if self._lost():
                self._owner = os.getpid()
                self._connection = cast("Connection", self._keys.client.connection_pool.make_connection())
                self._connection.connect()
            watched = self._ask([*self._watch()])
            _raise_first(watched)
        self._left = cast("bytes | None", watched[1])
        self._holds = True
        return self._left

    def write(self, values: Mapping[str, Value], *, news: bytes | None = None) -> Outcome:
        """Write values and publish news at one instant, or do nothing.

        Parameters
        ----------
        values : mapping of str to bytes or memoryview
            Keys and their values. The guard should be one of them, for others to notice.
        news : bytes, optional
            A message for the channel of `keys`.

        Returns
        -------
        {"written", "changed", "lost", "full"}
            "changed": another writer set the guard, or it was deleted; nothing was written. "lost": there is no
            connection, or it broke; whether the values were written is not known. `begin` says what is there now.
            "full": the server is out of memory for now; nothing was written.

        Raises
        ------
        OSError
            If Redis refuses (`helpers.redis_client.clear_errors`); nothing was written.
        """
        if self._lost():
            return "lost"
        if not self._holds:
            return "changed"
        name = self._keys.name
        sets: list[Command] = [("SET", name(key), value) for key, value in values.items()]
        publish: list[Command] = [] if news is None else [("PUBLISH", self._keys.channel, news)]
        with self._keys.errors():
            try:
                answers = self._ask([("MULTI",), *sets, *publish, ("EXEC",), *self._watch()])
                return self._outcome(answers, values.get(self._guard, self._left))
            except exceptions.ConnectionError:
                return "lost"
            except exceptions.OutOfMemoryError:
                return "full"

    def close(self) -> None:
        """Close the connection. The next write finds the guard lost."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()

    def _lost(self) -> bool:
        return self._connection is None or self._owner != os.getpid()

    def _watch(self) -> list[Command]:
        guard = self._keys.name(self._guard)
        kept: list[Command] = [("EXISTS", *map(self._keys.name, self._kept))] if self._kept else []
        return [("WATCH", guard), ("GET", guard), *kept]

    def _ask(self, commands: list[Command]) -> list[object]:
        """Send commands in one packet and return all answers, errors of the server among them."""
        connection = self._connection
        assert connection is not None
        try:
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            return [_answer(connection) for _ in commands]
        except BaseException:  # what is left of the answers would be taken for those of the next write
            self.close()
            raise

    def _outcome(self, answers: list[object], left: Value | None) -> Outcome:
        *queued, executed = answers[: len(answers) - len(self._watch())]
        _, now, *kept = answers[len(queued) + 1 :]
        if isinstance(executed, list):
            self._left = None if left is None else bytes(left)
        self._holds = executed is not None and now == self._left
        _raise_first([*queued, *(executed if isinstance(executed, list) else [executed])])
        if executed is None:
            return "changed"
        self.complete = not kept or kept[0] == len(self._kept)
        return "written"


def _answer(connection: Connection) -> object:
    try:
        return connection.read_response()
    except exceptions.ConnectionError:
        raise
    except exceptions.ResponseError as error:
        return error


def _raise_first(answers: list[object]) -> None:
    """Raise the first error among answers: that of EXEC only says that there was one."""
    for answer in answers:
        if isinstance(answer, exceptions.ResponseError):
            raise answer
