"""Reads the frames of a ring in Redis: each with its label at one instant, or many frozen at one instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from zarr.abc.store import RangeByteRequest

from helpers.frame_following import Shown
from helpers.redis_bulk import read_into
from helpers.redis_freeze import FrozenRedisStore, copy_values
from helpers.redis_news import RedisNews
from helpers.redis_ring_writer import NOTHING
from helpers.ring import NEWEST, TIME, Ring, label_range, labels_from, newest_steps, step_from
from helpers.ring_documents import DOCUMENTS, FRAMES, GROUP, has_ended, require_ring, require_same
from helpers.ring_memory import require_room_for_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.redis_store import RedisStore
    from helpers.ring import Frame

__all__ = ["FrozenFrames", "RedisRingReader"]


class RedisRingReader:
    """Read frames; `helpers.stream.FrameReader` says what its user needs to know.

    Parameters
    ----------
    store : helpers.redis_store.RedisStore
        Where the ring is.

    Attributes
    ----------
    ring : helpers.ring.Ring
        The ring.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._keys = store.keys
        documents = dict(zip(DOCUMENTS, store.read_many(DOCUMENTS), strict=True))
        self.ring = require_ring(documents, where=str(store))
        self._frames = documents[FRAMES]

    def newest(self) -> int:
        """Return the newest step, -1 before the first."""
        return step_from(self._keys.read([(NEWEST, None)])[0])

    def state(self) -> tuple[int, bool]:
        """Return the newest step, and whether the stream has ended."""
        newest, group = self._keys.read([(NEWEST, None), (GROUP, None)])
        return step_from(newest), has_ended(group)

    def at(self, step: int) -> Shown | None:
        """Return a step, or the later one that lies in its slot by now; None if neither is there."""
        label = RangeByteRequest(*label_range(self.ring.slot(step)))
        asked = [(self.ring.frame_key(step), None), (FRAMES, None), (TIME, label)]
        value, frames, label_value = self._keys.read(asked)
        require_same(frames, self._frames, where=str(self._store))
        there = step_from(label_value)
        return None if value is None or there < step else Shown(there, value)

    def newest_there(self) -> Shown | None:
        """Return the newest frame that a server that evicts has left, None if it has left none."""
        steps = newest_steps(labels_from(self._keys.read([(TIME, None)])[0]))[::-1]
        there = self._keys.read([(self.ring.frame_key(step), NOTHING) for step in steps]) if steps else []
        kept = (self.at(step) for step, value in zip(steps, there, strict=True) if value is not None)
        return next(filter(None, kept), None)

    def window(self, n: int | None) -> FrozenFrames:
        """Copy the newest frames, all for None, as they are at one instant."""
        labels = labels_from(self._keys.read([(TIME, None)])[0])
        steps = newest_steps(labels, n)
        require_room_for_window(self._keys, self.ring, copies=len(steps), held=len(newest_steps(labels)))
        frozen = copy_values(self._keys, [FRAMES, TIME, *map(self.ring.frame_key, steps)])
        frames, time = frozen.read_many([FRAMES, TIME])
        require_same(frames, self._frames, where=str(self._store))
        # The writer may have gone on between the two: which step a copied slot holds, only the copied labels say.
        steps = [step for step in newest_steps(labels_from(time)) if self.ring.frame_key(step) in frozen.keys.held]
        return FrozenFrames(frozen, self.ring, tuple(steps))

    def news(self) -> RedisNews:
        """Return what waits for frames."""
        return RedisNews(self._keys)


@dataclass(frozen=True, eq=False)
class FrozenFrames:
    """Hold copies of frames. They go with this object; with a pickled one, when their lease ends.

    Parameters
    ----------
    store : helpers.redis_freeze.FrozenRedisStore
        The copies.
    ring : helpers.ring.Ring
        The ring that they come from.
    steps : tuple of int
        Which frames they are.
    """

    store: FrozenRedisStore
    ring: Ring
    steps: tuple[int, ...]

    def read(self, steps: Sequence[int], frames: Frame) -> None:
        """Fill an array with frames, or raise RuntimeError if one is gone."""
        keys = [self.ring.frame_key(step) for step in steps]
        if self.ring.dtype.isnative:
            parts = [memoryview(frame.reshape(-1).view(np.uint8)) for frame in frames]
            if read_into(self.store.keys.client, [*map(self.store.keys.name, keys)], parts):
                return
        for frame, value in zip(frames, self.store.read_many(keys), strict=True):
            self.ring.decode(value or b"", out=frame)
