"""Publishes frames into a ring in Redis: frame and label at one instant, in one round trip, by one writer at a time."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, cast

import numpy as np
from redis import exceptions
from zarr.abc.store import RangeByteRequest

from helpers.redis import RedisTransaction
from helpers.stream.memory import require_room_for_ring
from helpers.stream.ring import (
    DOCUMENTS,
    EMPTY,
    GROUP,
    NEWEST,
    TIME,
    Ring,
    documents_of,
    labels_bytes,
    labels_from,
    require_free,
    step_bytes,
    step_from,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from helpers.redis import RedisKeys, RedisStore, Value
    from helpers.stream.ring import Labels

__all__ = ["FencedWrites", "FrameWriter"]

END = b"end"
ATTEMPTS = 4
ROOM_WAIT_S = 1.0
ROOM_PAUSE_S = 0.01
NOTHING = RangeByteRequest(0, 0)  # of a frame that is there: says that it is

type Outcome = Literal["written", "changed", "lost", "full"]
type Command = tuple[str | bytes | memoryview, ...]
type Found = dict[str, bytes | None]


def channel(keys: RedisKeys) -> str:
    """Return the channel for notifications of a ring; the databases of a server share their channels."""
    return f"{keys.root}notifications@{keys.address.rsplit('/', 1)[-1]}"


class Attempt(NamedTuple):
    """A frame that was sent, until it is known whether it was published."""

    step: int
    labels: Labels
    value: Value


class FencedWrites:
    """Write values in one round trip, unless another writer has begun since: a fence, for single-writer data.

    Parameters
    ----------
    keys : helpers.redis.RedisKeys
        Where the values go.
    fence : str
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
    the same value. Here WATCH follows each EXEC in the same packet, so that the next write is fenced and none takes a
    round trip more. What happens between the two commands shows in the value of the fence, which is read after WATCH.

    WATCH belongs to a connection, so this holds one to itself. A server that restarts breaks it: the fence is lost,
    and `begin` says what is there now. A forked process loses it too.

    Examples
    --------
    >>> from helpers.redis import RedisKeys
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server:
    ...     keys = RedisKeys(server.url, "demo")
    ...     with FencedWrites(keys, "turn") as first, FencedWrites(keys, "turn") as second:
    ...         first.begin(), second.begin()
    ...         first.write({"a": b"1", "turn": b"1"}), second.write({"a": b"2", "turn": b"2"})
    (None, None)
    ('written', 'changed')
    """

    def __init__(self, keys: RedisKeys, fence: str, *, kept: Sequence[str] = ()) -> None:
        self.complete = True
        self._keys, self._fence = keys, fence
        name = keys.name(fence)
        self._watch: list[Command] = [("WATCH", name), ("GET", name)]
        if kept:
            self._watch.append(("EXISTS", *map(keys.name, kept)))
        self._kept = len(kept)
        self._left: bytes | None = None  # what the fence holds if nobody else touched it
        self._holds = False
        self._connection: Any = None
        self._owner = os.getpid()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> bytes | None:
        """Watch the fence from now on, and return its value, None if it is missing."""
        with self._keys.errors():
            if self._lost():
                self._owner = os.getpid()
                self._connection = self._keys.client.connection_pool.make_connection()
                self._connection.connect()
            watched = self._ask(self._watch)
            _raise_first(watched)
        self._left = cast("bytes | None", watched[1])
        self._holds = True
        return self._left

    def write(self, values: Mapping[str, Value], *, message: bytes | None = None) -> Outcome:
        """Write values and publish a message at one instant, or do nothing.

        Parameters
        ----------
        values : mapping of str to bytes or memoryview
            Keys and their values. The fence should be one of them, for others to notice.
        message : bytes, optional
            For the `channel` of the keys.

        Returns
        -------
        {"written", "changed", "lost", "full"}
            "changed": another writer set the fence, or it was deleted; nothing was written. "lost": there is no
            connection, or it broke; whether the values were written is not known. `begin` says what is there now.
            "full": the server is out of memory for now; nothing was written.

        Raises
        ------
        OSError
            If Redis refuses (`helpers.redis.clear_errors`); nothing was written.
        """
        if self._lost():
            return "lost"
        if not self._holds:
            return "changed"
        sets: list[Command] = [("SET", self._keys.name(key), value) for key, value in values.items()]
        publish: list[Command] = [] if message is None else [("PUBLISH", channel(self._keys), message)]
        with self._keys.errors():
            try:
                answers = self._ask([("MULTI",), *sets, *publish, ("EXEC",), *self._watch])
                return self._outcome(answers, values.get(self._fence, self._left))
            except exceptions.ConnectionError:
                return "lost"
            except exceptions.OutOfMemoryError:
                return "full"

    def close(self) -> None:
        """Close the connection. The next write finds the fence lost."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()

    def _lost(self) -> bool:
        return self._connection is None or self._owner != os.getpid()

    def _ask(self, commands: list[Command]) -> list[object]:
        """Send commands in one packet and return all answers, errors of the server among them."""
        try:
            packed = self._connection.pack_commands(commands)
            self._connection.send_packed_command(packed, check_health=False)
            return [_answer(self._connection) for _ in commands]
        except BaseException:  # what is left of the answers would be taken for those of the next write
            self.close()
            raise

    def _outcome(self, answers: list[object], left: Value | None) -> Outcome:
        *queued, executed = answers[: len(answers) - len(self._watch)]
        _, now, *kept = answers[len(queued) + 1 :]
        done = executed if isinstance(executed, list) else [executed]
        if isinstance(executed, list):
            self._left = None if left is None else bytes(left)
        self._holds = executed is not None and now == self._left
        _raise_first([*queued, *done])
        if executed is None:
            return "changed"
        self.complete = not kept or kept[0] == self._kept
        return "written"


def _answer(connection: Any) -> object:
    try:
        answer: object = connection.read_response()
    except exceptions.ConnectionError:
        raise
    except exceptions.ResponseError as error:
        return error
    return answer


def _raise_first(answers: list[object]) -> None:
    """Raise the first error among answers: that of EXEC only says that there was one."""
    for answer in answers:
        if isinstance(answer, exceptions.ResponseError):
            raise answer


class FrameWriter:
    """Publish frames into a ring in Redis.

    Parameters
    ----------
    store : helpers.redis.RedisStore
        Where the ring is, or will be: an empty store, or one with a ring of the same shape, dtype and slots, whose
        numbering goes on.
    shape : sequence of int
        Rows and columns of each frame.
    dtype : dtype-like, default "uint8"
        What a cell is: one of `helpers.stream.DTYPES`.
    slots : int, default 200
        Frames that are kept.

    Attributes
    ----------
    newest : int
        The newest step, -1 before the first.

    Raises
    ------
    TypeError, ValueError
        If there can be no such ring, or the store holds something else.
    OSError
        If the ring does not fit into the memory of a Redis that has a limit (``maxmemory``); the message does the sum.
        Also what `helpers.redis.clear_errors` raises.

    Notes
    -----
    A frame and its label become visible at one instant: no reader can see half of it. A frame takes one round trip. A
    server that is restarted empty is noticed in the same one: the ring is made anew, and numbering goes on.

    A ring has one writer: a new one takes over, and the next `append` of the one before raises. The newest step is the
    fence of `FencedWrites`, which a writer that begins sets anew.

    Where other data fills a Redis that evicts (``maxmemory-policy``), frames can go missing. Readers leave them out.

    Examples
    --------
    >>> import numpy as np
    >>> from helpers.redis import RedisStore
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server, FrameWriter(RedisStore(server.url), (2, 3), slots=10) as writer:
    ...     for n in range(25):
    ...         step = writer.append(np.full((2, 3), n, "uint8"))
    >>> step, writer
    (24, <FrameWriter: 10 slots for frames of 2 x 3 uint8, newest step 24>)
    """

    def __init__(
        self, store: RedisStore, shape: Sequence[int], *, dtype: npt.DTypeLike = "uint8", slots: int = 200
    ) -> None:
        self._ring = Ring.of(shape, dtype=dtype, slots=slots)
        if store.read_only or isinstance(store, RedisTransaction):
            msg = f"{store!r} cannot take frames as they come: it is read-only, or a transaction."
            raise ValueError(msg)
        self.newest = EMPTY
        self._keys = store.keys
        self._fenced = FencedWrites(store.keys, NEWEST, kept=(*DOCUMENTS, TIME))
        self._labels = self._ring.empty_labels()
        self._documents: dict[str, bytes] = {}  # those to write again
        self._attempt: Attempt | None = None
        self._overtaken = ""
        self._busy = threading.Lock()
        self._closed = False
        try:
            self._begin()
        except BaseException:
            self._fenced.close()
            raise

    def __repr__(self) -> str:
        return f"<FrameWriter: {self._ring}, newest step {self.newest}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, frame: npt.ArrayLike) -> int:
        """Publish a frame.

        Parameters
        ----------
        frame : array-like
            Of the shape of the ring, and of a dtype that its dtype can hold without loss.

        Returns
        -------
        int
            Its step.

        Raises
        ------
        TypeError, ValueError
            If the frame does not fit.
        RuntimeError
            If another writer has taken over.
        ConnectionError, TimeoutError, OSError
            If the server is not there or does not take it. The next `append` tries again.
        """
        value = self._ring.encode(frame)
        with self._busy:
            if self._closed:
                msg = "this writer is closed: make a new one, which goes on with the next step."
                raise ValueError(msg)
            return self._append(value)

    def close(self) -> None:
        """End the stream: followers stop without an error. The frames stay."""
        with self._busy:
            if self._closed:
                return
            self._closed = True
            group = {GROUP: documents_of(self._ring, ended=True)[GROUP]}
            # Without a server there is nobody to tell, and a writer that was overtaken has nothing to say.
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                if self._fenced.write(group, message=END) == "lost" and not self._overtaken:
                    self._look("lost")
                    self._fenced.write(group, message=END)
            self._fenced.close()

    def _begin(self) -> None:
        """Find the ring, or make it, and stop whoever wrote it before."""
        for _ in range(ATTEMPTS):
            self._fenced.begin()
            found = self._read([*DOCUMENTS, TIME, NEWEST])
            require_free(found, self._ring, where=str(self._keys), keys=chain.from_iterable(self._keys.pages()))
            self._labels = self._those_there(self._labels_in(found))
            self.newest = max(step_from(found[NEWEST]), int(self._labels.max()))
            require_room_for_ring(self._keys, self._ring, held=int((self._labels != EMPTY).sum()))
            labels = {TIME: labels_bytes(self._labels), NEWEST: step_bytes(self.newest)}
            if self._write(documents_of(self._ring) | labels) == "written":
                return
        msg = f"{self._keys} cannot be taken over: other writers begin there again and again. Let one of them write."
        raise RuntimeError(msg)

    def _append(self, value: Value) -> int:
        if self._attempt is not None or not self._fenced.complete:
            self._look("lost")
        step = self.newest + 1
        try:
            for _ in range(ATTEMPTS):
                attempt = self._attempt = Attempt(step, self._ring.with_label(self._labels, step), value)
                values = {
                    TIME: labels_bytes(attempt.labels),
                    NEWEST: step_bytes(step),
                    self._ring.frame_key(step): value,
                }
                outcome = self._write(self._documents | values, message=b"%d" % step)
                if outcome == "written":
                    self._settle(attempt)
                if outcome == "written" or self._look(outcome):
                    return step
        except BaseException:
            if self._attempt is not None:
                self._attempt = self._attempt._replace(value=bytes(value))  # the caller may change the frame
            raise
        msg = f"the connection to Redis at {self._keys.address} breaks again and again: is it being restarted?"
        raise ConnectionError(msg)

    def _write(self, values: Mapping[str, Value], *, message: bytes | None = None) -> Outcome:
        """Write behind the fence. A reader that fetches frames fills the server for a moment: wait for room."""
        deadline = time.monotonic() + ROOM_WAIT_S
        while (outcome := self._fenced.write(values, message=message)) == "full":
            if time.monotonic() > deadline:
                with self._keys.errors():
                    raise exceptions.OutOfMemoryError
            time.sleep(ROOM_PAUSE_S)
        return outcome

    def _settle(self, attempt: Attempt) -> None:
        self.newest, self._labels = attempt.step, attempt.labels
        self._attempt, self._documents = None, {}

    def _look(self, outcome: Outcome) -> bool:
        """See what is there now; return whether it is what this writer tried to publish."""
        self._require_mine()
        self._fenced.begin()
        tried = self._attempt
        found = self._read([*DOCUMENTS, TIME, NEWEST, *([self._ring.frame_key(tried.step)] if tried else [])])
        self._attempt = None
        if outcome == "lost" and tried is not None and self._is_published(tried, found):
            self._settle(tried)
            return True
        newest = found[NEWEST]
        if newest is not None and (outcome == "changed" or step_from(newest) > self.newest):
            self._overtaken = f"its newest step is {step_from(newest)}"
        self._require_mine()
        self._adopt(found)
        return False

    def _require_mine(self) -> None:
        if self._overtaken:
            self._fenced.close()
            msg = (
                f"another writer has taken over the ring in {self._keys} ({self._overtaken}): nothing was published. "
                f"A ring has one writer. Make a new FrameWriter to take it back, or use another prefix."
            )
            raise RuntimeError(msg)

    def _adopt(self, found: Found) -> None:
        """Go on from what the server still holds: it may have been restarted empty, or have evicted anything."""
        expected = documents_of(self._ring)
        try:
            require_free(found, self._ring, where=str(self._keys), keys=())
        except ValueError as error:
            self._overtaken = str(error)
            self._require_mine()
        self._documents = {key: expected[key] for key in DOCUMENTS if found[key] is None}
        self._labels = self._labels_in(found)
        if self._documents or found[TIME] is None:
            self._labels = self._those_there(self._labels)

    def _is_published(self, attempt: Attempt, found: Found) -> bool:
        newest, labels = step_bytes(attempt.step), labels_bytes(attempt.labels)
        frame = found[self._ring.frame_key(attempt.step)]
        return (found[NEWEST], found[TIME]) == (newest, labels) and frame == attempt.value

    def _labels_in(self, found: Found) -> Labels:
        labels = labels_from(found[TIME])
        return labels if len(labels) == self._ring.slots else self._ring.empty_labels()

    def _those_there(self, labels: Labels) -> Labels:
        """Return the labels of frames that are there; the others are empty."""
        steps = [int(step) for step in labels if step != EMPTY]
        there = self._keys.read([(self._ring.frame_key(step), NOTHING) for step in steps])
        lost = [step for step, value in zip(steps, there, strict=True) if value is None]
        return np.where(np.isin(labels, lost), EMPTY, labels)

    def _read(self, keys: list[str]) -> Found:
        return dict(zip(keys, self._keys.read([(key, None) for key in keys]), strict=True))
