"""A ring in any store.

Reads and writes the bytes of any Zarr store, without an event loop where the store needs none.

Publishes and reads the frames of a ring in a store that writes one key at a time: labels tell torn frames.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from zarr.abc.store import RangeByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import collect_aiterator, sync

from helpers.stream.ring import (
    DOCUMENTS,
    EMPTY,
    FRAMES,
    GROUP,
    NEWEST,
    TIME,
    News,
    Ring,
    Shown,
    documents_of,
    has_ended,
    label_range,
    labels_bytes,
    labels_from,
    newest_steps,
    require_free,
    require_ring,
    require_same,
    step_bytes,
    step_from,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zarr.abc.store import ByteRequest, Store, SupportsSyncStore

    from helpers.stream.ring import Frame, Labels

__all__ = [
    "PolledNews",
    "SharedFrames",
    "SharedRingReader",
    "SharedRingWriter",
    "list_keys",
    "read_bytes",
    "write_bytes",
]


def read_bytes(store: Store, key: str, byte_range: ByteRequest | None = None) -> bytes | None:
    """Return a value or a part of it, None if it is missing.

    Examples
    --------
    >>> from zarr.storage import MemoryStore
    >>> store = MemoryStore()
    >>> write_bytes(store, "a", b"1")
    >>> read_bytes(store, "a"), read_bytes(store, "b"), list(list_keys(store))
    (b'1', None, ['a'])
    """
    prototype = default_buffer_prototype()
    if quick := _without_event_loop(store):
        value = quick.get_sync(key, prototype=prototype, byte_range=byte_range)
    else:
        value = sync(store.get(key, prototype, byte_range))
    return None if value is None else value.to_bytes()


def write_bytes(store: Store, key: str, value: bytes | memoryview) -> None:
    """Write a value; the store gets a copy of its own."""
    buffer = default_buffer_prototype().buffer.from_bytes(bytes(value))
    if quick := _without_event_loop(store):
        quick.set_sync(key, buffer)
    else:
        sync(store.set(key, buffer))


def list_keys(store: Store) -> Iterator[str]:
    """Yield all keys of a store, none if it cannot list them."""
    if store.supports_listing:
        yield from collect_aiterator(store.list())


def _without_event_loop(store: Store) -> SupportsSyncStore | None:
    """Return the store if it can read and write at once; a wrapper says by an attribute whether what it wraps can."""
    can = hasattr(store, "get_sync") and hasattr(store, "set_sync") and getattr(store, "_supports_sync_io", True)
    return cast("SupportsSyncStore", store) if can else None


PAUSE_S = 0.05


class SharedRingWriter:
    """Publish frames; `helpers.stream.FrameWriter` says what its user needs to know.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the ring is, or will be.
    ring : helpers.stream.Ring
        The ring.

    Attributes
    ----------
    newest : int
        The newest step, -1 before the first.

    Notes
    -----
    A slot has no label while its frame is replaced: label -1, frame, new label, newest step, in this order. Who reads
    the same label before and after a frame has read the frame of that label.
    """

    def __init__(self, store: Store, ring: Ring) -> None:
        self._store, self._ring = store, ring
        found = {key: read_bytes(store, key) for key in DOCUMENTS}
        require_free(found, ring, where=str(store), keys=list_keys(store))
        labels = labels_from(read_bytes(store, TIME))
        self._labels = labels if len(labels) == ring.slots else ring.empty_labels()
        self.newest = max(step_from(read_bytes(store, NEWEST)), int(self._labels.max()))
        self._begin()

    def append(self, value: memoryview) -> int:
        """Publish the bytes of the next frame, and return its step."""
        newest = read_bytes(self._store, NEWEST)
        if newest is None:  # somebody cleared the store
            self._labels = self._ring.empty_labels()
            self._begin()
        elif step_from(newest) != self.newest:
            msg = (
                f"another writer publishes in {self._store}: its newest step is {step_from(newest)}, and here it is "
                f"{self.newest}: nothing was published. A ring has one writer. End one of the two, and make a new one."
            )
            raise RuntimeError(msg)
        step = self.newest + 1
        self._label(self._ring.with_label(self._labels, step, empty=True))
        write_bytes(self._store, self._ring.frame_key(step), value)
        self._label(self._ring.with_label(self._labels, step))
        write_bytes(self._store, NEWEST, step_bytes(step))
        self.newest = step
        return step

    def close(self) -> None:
        """Tell followers that the stream has ended."""
        if step_from(read_bytes(self._store, NEWEST)) == self.newest:
            write_bytes(self._store, GROUP, documents_of(self._ring, ended=True)[GROUP])

    def _begin(self) -> None:
        self._label(self._labels)
        write_bytes(self._store, NEWEST, step_bytes(self.newest))
        for key, document in documents_of(self._ring).items():
            write_bytes(self._store, key, document)

    def _label(self, labels: Labels) -> None:
        write_bytes(self._store, TIME, labels_bytes(labels))
        self._labels = labels


class SharedRingReader:
    """Read frames; `helpers.stream.FrameReader` says what its user needs to know.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the ring is.

    Attributes
    ----------
    ring : helpers.stream.Ring
        The ring.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        documents = {key: read_bytes(store, key) for key in DOCUMENTS}
        self.ring = require_ring(documents, where=str(store))
        self._frames = documents[FRAMES]

    def newest(self) -> int:
        """Return the newest step, -1 before the first."""
        return step_from(read_bytes(self._store, NEWEST))

    def state(self) -> tuple[int, bool]:
        """Return the newest step, and whether the stream has ended."""
        ended = has_ended(read_bytes(self._store, GROUP))
        return self.newest(), ended

    def at(self, step: int) -> Shown | None:
        """Return a step, or the later one that lies in its slot by now; None if neither is there."""
        before = self._label(step)
        value = read_bytes(self._store, self.ring.frame_key(step))
        require_same(read_bytes(self._store, FRAMES), self._frames, where=str(self._store))
        if value is None or before < step or self._label(step) != before:
            return None
        return Shown(before, value)

    def newest_there(self) -> Shown | None:
        """Return the newest frame that is there, None if none is."""
        steps = newest_steps(labels_from(read_bytes(self._store, TIME)))
        return next(filter(None, map(self.at, reversed(steps))), None)

    def window(self, n: int | None) -> SharedFrames:
        """Name the newest frames, all for None."""
        labels = labels_from(read_bytes(self._store, TIME))
        return SharedFrames(self._store, self.ring, tuple(newest_steps(labels, n)))

    def news(self) -> PolledNews:
        """Return what waits for frames."""
        return PolledNews()

    def _label(self, step: int) -> int:
        return step_from(read_bytes(self._store, TIME, RangeByteRequest(*label_range(self.ring.slot(step)))))


@dataclass(frozen=True, eq=False)
class SharedFrames:
    """Name frames that are still in their ring, until the writer replaces them.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the ring is.
    ring : helpers.stream.Ring
        The ring.
    steps : tuple of int
        Which frames they are.
    """

    store: Store
    ring: Ring
    steps: tuple[int, ...]

    def read(self, steps: Sequence[int], frames: Frame) -> None:
        """Fill an array with frames, or raise RuntimeError if one is gone."""
        before = labels_from(read_bytes(self.store, TIME))
        values = [read_bytes(self.store, self.ring.frame_key(step)) for step in steps]
        after = labels_from(read_bytes(self.store, TIME))
        for step, value, frame in zip(steps, values, frames, strict=True):
            if value is None or {self._label(labels, step) for labels in (before, after)} != {step}:
                msg = (
                    f"step {step} has left the ring in {self.store}, which keeps {self.ring.slots} frames: compute a "
                    f"window at once (window().load()), keep more slots, or use Redis, where a window is a copy."
                )
                raise RuntimeError(msg)
            self.ring.decode(value, out=frame)

    def _label(self, labels: Labels, step: int) -> int:
        slot = self.ring.slot(step)
        return int(labels[slot]) if slot < len(labels) else EMPTY


class PolledNews:
    """Let a reader look again and again: these stores tell nobody what happens."""

    def __init__(self) -> None:
        self._pause_s = 0.0

    def wait(self, within_s: float) -> News:
        """Return after a pause, at once for the first time."""
        time.sleep(min(self._pause_s, within_s))
        self._pause_s = PAUSE_S
        return News(None)

    def close(self) -> None:
        """Do nothing."""
