"""Lays frames out in a ring: where each step lies, and which bytes stand for frames and their labels.

A **frame** is one 2-D array; its **step** is its number, 0, 1, 2 and so on; a **slot** is where it lies in the
**ring**; its **label** says which step lies there. Nothing here asks a store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from helpers.grids import is_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = [
    "DTYPES",
    "EMPTY",
    "NEWEST",
    "TIME",
    "Ring",
    "label_range",
    "labels_bytes",
    "labels_from",
    "newest_steps",
    "step_bytes",
    "step_from",
]

DTYPES = (
    "bool",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *(f"float{bits}" for bits in (16, 32, 64)),
    *(f"complex{bits}" for bits in (64, 128)),
)
TIME = "time/c/0"
NEWEST = "newest/c"
EMPTY = -1

_LABEL = np.dtype("<i8")

type Frame = npt.NDArray[np.generic]
type Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ring:
    """Describe a ring of frames, checked.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of each frame.
    dtype : numpy.dtype
        What a cell is, one of `DTYPES`; little-endian.
    slots : int
        Frames that are kept.

    Raises
    ------
    TypeError, ValueError
        If there can be no such ring.

    Notes
    -----
    Step n lies in slot n % slots: a frame replaces the oldest one. `helpers.ring_documents` says what holds them.

    Examples
    --------
    >>> ring = Ring.of((512, 512), dtype="uint8", slots=200)
    >>> ring.nbytes, ring.slot(812), ring.frame_key(812)
    (262144, 12, 'frames/c/12/0/0')
    """

    shape: tuple[int, int]
    dtype: np.dtype
    slots: int

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or not all(is_integer(n) and n >= 1 for n in self.shape):
            msg = f"shape={self.shape!r} is not allowed. A frame has two dimensions of 1 or more: (rows, columns)."
            raise ValueError(msg)
        if not is_integer(self.slots) or self.slots < 1:
            msg = f"slots={self.slots!r} is not allowed. It must be a whole number, 1 or more."
            raise ValueError(msg)
        if self.dtype.name not in DTYPES:
            msg = f"dtype={str(self.dtype)!r} is not allowed. A frame holds one of {', '.join(DTYPES)}."
            raise TypeError(msg)

    @classmethod
    def of(cls, shape: Sequence[int], *, dtype: npt.DTypeLike, slots: int) -> Self:
        """Return the ring for what `helpers.stream.FrameWriter` is given."""
        sizes = (*shape,) if np.iterable(shape) else (shape,)
        return cls(sizes, np.dtype(dtype).newbyteorder("<"), slots)  # type: ignore[arg-type] # checked above

    def __str__(self) -> str:
        rows, columns = self.shape
        return f"{self.slots} slots for frames of {rows} x {columns} {self.dtype.name}"

    @property
    def nbytes(self) -> int:
        """The bytes of one frame."""
        return int(self.shape[0]) * int(self.shape[1]) * self.dtype.itemsize

    def slot(self, step: int) -> int:
        """Return where a step lies."""
        return step % self.slots

    def frame_key(self, step: int) -> str:
        """Return the key of the chunk that holds the frame of a step."""
        return f"frames/c/{self.slot(step)}/0/0"

    def empty_labels(self) -> Labels:
        """Return the labels of a ring without frames."""
        return np.full(self.slots, EMPTY, np.int64)

    def with_label(self, labels: Labels, step: int, *, empty: bool = False) -> Labels:
        """Return labels that say that a step lies in its slot, or that nothing does."""
        changed = labels.copy()
        changed[self.slot(step)] = EMPTY if empty else step
        return changed

    def encode(self, frame: npt.ArrayLike) -> memoryview:
        """Return the bytes of a frame, if possible without a copy.

        Raises
        ------
        TypeError, ValueError
            If the frame does not fit into this ring.
        """
        cells = np.asarray(frame)
        if cells.shape != self.shape:
            msg = f"the frame has shape {cells.shape}, and this ring takes {self.shape}: nothing was published."
            raise ValueError(msg)
        if not np.can_cast(cells.dtype, self.dtype):
            msg = (
                f"the frame holds {cells.dtype}, and this ring {self.dtype.name}, which cannot hold all of that: "
                f"nothing was published. Publish frame.astype({self.dtype.name!r}), or start a ring of another dtype."
            )
            raise TypeError(msg)
        return memoryview(cells.astype(self.dtype, order="C", copy=False).reshape(-1).view(np.uint8))

    def decode(self, value: bytes, *, out: Frame | None = None) -> Frame:
        """Return the frame that bytes stand for, as an array that can be written to.

        Raises
        ------
        ValueError
            If they are too many or too few.
        """
        if len(value) != self.nbytes:
            msg = (
                f"a frame of {self.shape[0]} x {self.shape[1]} {self.dtype.name} has {self.nbytes:,} bytes, and there "
                f"are {len(value):,}: another program wrote them. Start the stream anew, in an empty store."
            )
            raise ValueError(msg)
        frame = np.empty(self.shape, self.dtype.newbyteorder("=")) if out is None else out
        frame[:] = np.frombuffer(value, self.dtype).reshape(self.shape)
        return frame


def label_range(slot: int) -> tuple[int, int]:
    """Return where the label of a slot begins and ends among the bytes of all."""
    return slot * _LABEL.itemsize, (slot + 1) * _LABEL.itemsize


def labels_bytes(labels: Labels) -> bytes:
    """Return the bytes of all labels."""
    return labels.astype(_LABEL, copy=False).tobytes()


def labels_from(value: bytes | None) -> Labels:
    """Return the labels that bytes stand for; none where there are no bytes."""
    return np.frombuffer(value or b"", _LABEL).astype(np.int64)


def newest_steps(labels: Labels, n: int | None = None) -> list[int]:
    """Return the newest steps among labels, at most `n`, in ascending order.

    Examples
    --------
    >>> newest_steps(np.array([8, 9, -1, 7]), 2)
    [8, 9]
    """
    steps: list[int] = np.sort(labels[labels != EMPTY]).tolist()
    return steps if n is None else steps[max(0, len(steps) - n) :]


def step_bytes(step: int) -> bytes:
    """Return the bytes of one step."""
    return step.to_bytes(_LABEL.itemsize, "little", signed=True)


def step_from(value: bytes | None) -> int:
    """Return the step that 8 bytes stand for, -1 where there are none."""
    return int.from_bytes(value, "little", signed=True) if value else EMPTY
