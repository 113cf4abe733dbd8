"""The ring of frames: which slot holds which step, which bytes stand for them, and the arrays that Zarr sees.

A **frame** is one 2-D array; its **step** is its number, 0, 1, 2 and so on; a **slot** is where it lies in the
**ring**; its **label** says which step lies there. Nothing here asks a store.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from helpers.units import is_integer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

__all__ = ["DTYPES", "Ring"]

DTYPES = (
    "bool",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *(f"float{bits}" for bits in (16, 32, 64)),
    *(f"complex{bits}" for bits in (64, 128)),
)
TITLE = "Ring of frames"
GROUP, FRAMES = "zarr.json", "frames/zarr.json"
DOCUMENTS = (GROUP, FRAMES, "time/zarr.json", "newest/zarr.json")
TIME = "time/c/0"
NEWEST = "newest/c"
EMPTY = -1

_LABEL = np.dtype("<i8")
_FILL_VALUES = {"b": False, "i": 0, "u": 0, "f": 0.0, "c": [0.0, 0.0]}

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
    Step n lies in slot n % slots: a frame replaces the oldest one. `helpers.stream` says what holds them.

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

    def with_label(self, labels: Labels, step: int) -> Labels:
        """Return labels that say that a step lies in its slot."""
        changed = labels.copy()
        changed[self.slot(step)] = step
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


def documents_of(ring: Ring, *, ended: bool = False) -> dict[str, bytes]:
    """Return each ``zarr.json`` of a ring: `DOCUMENTS` and their values.

    Three arrays hold the ring: ``frames`` (slots, rows, columns), one uncompressed chunk for each frame; ``time``
    (slots,), the step in each slot, -1 where there is none; and ``newest``, the newest step, -1 before the first.
    ``time`` is a coordinate of ``frames``: xarray shows it as one. That the stream has `ended` is an attribute.

    They are written out here, rather than by Zarr, so that they are the same whichever release of it is installed.

    Examples
    --------
    >>> print(documents_of(Ring.of((512, 512), dtype="uint8", slots=200))["zarr.json"].decode())
    {
      "zarr_format": 3,
      "node_type": "group",
      "attributes": {
        "title": "Ring of frames",
        "summary": "Step n lies in slot n % 200. time[slot] is the step that lies there, -1 for none.",
        "ended": false
      }
    }
    """
    labels = {"data_type": "int64", "fill_value": EMPTY}
    cells = {"data_type": ring.dtype.name, "fill_value": _FILL_VALUES[ring.dtype.kind]}
    summary = f"Step n lies in slot n % {ring.slots}. time[slot] is the step that lies there, {EMPTY} for none."
    group = {"title": TITLE, "summary": summary, "ended": ended}
    shape = [int(n) for n in (ring.slots, *ring.shape)]
    documents = (
        {"zarr_format": 3, "node_type": "group", "attributes": group},
        _array(shape, [1, *shape[1:]], names=["slot", "y", "x"], attributes={"coordinates": "time"}, **cells),
        _array(shape[:1], shape[:1], names=["slot"], attributes={"long_name": "step"}, **labels),
        _array([], [], names=[], attributes={"long_name": "newest step"}, **labels),
    )
    return {key: json.dumps(each, indent=2).encode() for key, each in zip(DOCUMENTS, documents, strict=True)}


def has_ended(group: bytes | None) -> bool:
    """Return whether the ``zarr.json`` of the group says that the stream has ended."""
    try:
        return json.loads(group or b"")["attributes"]["ended"] is True
    except (KeyError, TypeError, ValueError):
        return False


def require_ring(documents: Mapping[str, bytes | None], *, where: str) -> Ring:
    """Return the ring that `DOCUMENTS` of a store, which `where` names, describe; FileNotFoundError if they do not."""
    ring = _ring_in(documents)
    if ring is None:
        what = "something else than a ring of frames" if documents.get(GROUP) else "no ring of frames"
        msg = f"{where} holds {what}. FrameWriter(store, shape) starts one: has the writer begun, and here?"
        raise FileNotFoundError(msg)
    return ring


def require_free(documents: Mapping[str, bytes | None], ring: Ring, *, where: str, keys: Iterable[str]) -> None:
    """Raise ValueError if a store holds what is not this ring, or a part of it; its keys are looked at as needed."""
    found = _ring_in(documents)
    if found == ring:
        return
    ours, ended, others = documents_of(ring), documents_of(ring, ended=True), (*DOCUMENTS, TIME, NEWEST)
    foreign = [key for key in DOCUMENTS if documents[key] not in (None, ours[key], ended[key])]
    foreign = foreign or [key for key in keys if key not in others and not key.startswith("frames/c/")][:1]
    if found is None and not foreign:
        return  # nothing, or what a server that evicts has left of this ring
    what = f"other things than a ring of frames, {foreign[0]!r} among them" if found is None else f"a ring of {found}"
    msg = (
        f"{where} already holds {what}, and was to hold a ring of {ring}: nothing was written. Use another prefix, "
        f"or clear it (store.clear())."
    )
    raise ValueError(msg)


def require_same(frames: bytes | None, expected: bytes | None, *, where: str) -> None:
    """Raise RuntimeError if the ``zarr.json`` of ``frames`` is another one by now; None is an evicted one."""
    if frames is not None and frames != expected:
        msg = f"another ring of frames lies in {where} by now, for which this reader was not made: make a new one."
        raise RuntimeError(msg)


def _array(
    shape: list[int], chunk: list[int], *, names: list[str], attributes: dict[str, str], **cells: object
) -> dict[str, object]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        **cells,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "dimension_names": names,
        "attributes": attributes,
        "storage_transformers": [],
    }


def _ring_in(documents: Mapping[str, bytes | None]) -> Ring | None:
    """Return the ring that documents describe, None if they describe anything else."""
    try:
        frames = json.loads(documents[FRAMES] or b"")
        slots, *shape = frames["shape"]
        ring = Ring.of(shape, dtype=frames["data_type"], slots=slots)
    except (KeyError, TypeError, ValueError):
        return None
    expected = documents_of(ring)
    return ring if all(_content(documents[key]) == _content(expected[key]) for key in DOCUMENTS) else None


def _content(document: bytes | None) -> object:
    """Return what a document says besides attributes, which anyone may add to."""
    try:
        return {**json.loads(document or b""), "attributes": None}
    except (TypeError, ValueError):
        return None
