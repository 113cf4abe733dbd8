"""Publishes the frames of a ring in Redis: frame and label at one instant, in one round trip."""

from __future__ import annotations

import contextlib
import time
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from redis import exceptions
from zarr.abc.store import RangeByteRequest

from helpers.redis_guard import GuardedWrites
from helpers.ring import EMPTY, NEWEST, TIME, labels_bytes, labels_from, step_bytes, step_from
from helpers.ring_documents import DOCUMENTS, GROUP, documents_of, require_free
from helpers.ring_memory import require_room_for_ring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from helpers.redis_guard import Outcome
    from helpers.redis_keys import Value
    from helpers.redis_store import RedisStore
    from helpers.ring import Labels, Ring

__all__ = ["END", "RedisRingWriter"]

END = b"end"
ATTEMPTS = 4
ROOM_WAIT_S = 1.0
ROOM_PAUSE_S = 0.01
NOTHING = RangeByteRequest(0, 0)  # of a frame that is there: says that it is

type Found = dict[str, bytes | None]


class Attempt(NamedTuple):
    """Hold what was sent, until it is known whether it was published."""

    step: int
    labels: Labels
    value: Value


class RedisRingWriter:
    """Publish frames; `helpers.stream.FrameWriter` says what its user needs to know.

    Parameters
    ----------
    store : helpers.redis_store.RedisStore
        Where the ring is, or will be.
    ring : helpers.ring.Ring
        The ring.

    Attributes
    ----------
    newest : int
        The newest step, -1 before the first.

    Notes
    -----
    ``newest`` is the guard of `helpers.redis_guard`: a writer that begins sets it anew, which stops the one before it.
    """

    def __init__(self, store: RedisStore, ring: Ring) -> None:
        self.newest = EMPTY
        self._ring = ring
        self._keys = store.keys
        self._guarded = GuardedWrites(store.keys, NEWEST, kept=(*DOCUMENTS, TIME))
        self._labels = ring.empty_labels()
        self._documents: dict[str, bytes] = {}  # those to write again
        self._attempt: Attempt | None = None
        self._overtaken = ""
        try:
            self._begin()
        except BaseException:
            self._guarded.close()
            raise

    def append(self, value: Value) -> int:
        """Publish the bytes of the next frame, and return its step."""
        if self._attempt is not None or not self._guarded.complete:
            self._look("lost")
        step = self.newest + 1
        try:
            for _ in range(ATTEMPTS):
                self._attempt = Attempt(step, self._ring.with_label(self._labels, step), value)
                outcome = self._publish(self._attempt)
                if outcome == "written":
                    self._settle(self._attempt)
                if outcome == "written" or self._look(outcome):
                    return step
        except BaseException:
            if self._attempt is not None:
                self._attempt = self._attempt._replace(value=bytes(value))  # the caller may change the frame
            raise
        msg = f"the connection to Redis at {self._keys.address} breaks again and again: is it being restarted?"
        raise ConnectionError(msg)

    def close(self) -> None:
        """Tell followers that the stream has ended, if it is still this writer's."""
        group = {GROUP: documents_of(self._ring, ended=True)[GROUP]}
        # Without a server there is nobody to tell, and a writer that was overtaken has nothing to say.
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            if self._guarded.write(group, news=END) == "lost" and not self._overtaken:
                self._look("lost")
                self._guarded.write(group, news=END)
        self._guarded.close()

    def _begin(self) -> None:
        """Find the ring, or make it, and stop whoever wrote it before."""
        for _ in range(ATTEMPTS):
            self._guarded.begin()
            found = self._read([*DOCUMENTS, TIME, NEWEST])
            require_free(found, self._ring, where=str(self._keys), keys=chain.from_iterable(self._keys.pages()))
            self._labels = self._those_there(self._labels_in(found))
            self.newest = max(step_from(found[NEWEST]), int(self._labels.max()))
            require_room_for_ring(self._keys, self._ring, held=int((self._labels != EMPTY).sum()))
            labels = {TIME: labels_bytes(self._labels), NEWEST: step_bytes(self.newest)}
            outcome = self._write(documents_of(self._ring) | labels)
            if outcome == "written":
                return
        msg = f"{self._keys} cannot be taken over: other writers begin there again and again. Let one of them write."
        raise RuntimeError(msg)

    def _publish(self, attempt: Attempt) -> Outcome:
        labels = {TIME: labels_bytes(attempt.labels), NEWEST: step_bytes(attempt.step)}
        frame = {self._ring.frame_key(attempt.step): attempt.value}
        return self._write({**self._documents, **labels, **frame}, news=b"%d" % attempt.step)

    def _write(self, values: Mapping[str, Value], *, news: bytes | None = None) -> Outcome:
        """Write under the guard. A reader that fetches frames fills the server for a moment: wait for room."""
        deadline = time.monotonic() + ROOM_WAIT_S
        while (outcome := self._guarded.write(values, news=news)) == "full":
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
        self._guarded.begin()
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
            self._guarded.close()
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
        there = self._keys.read([(self._ring.frame_key(step), NOTHING) for step in steps]) if steps else []
        lost = [step for step, value in zip(steps, there, strict=True) if value is None]
        return np.where(np.isin(labels, lost), EMPTY, labels)

    def _read(self, keys: list[str]) -> Found:
        return dict(zip(keys, self._keys.read([(key, None) for key in keys]), strict=True))
