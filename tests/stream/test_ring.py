"""Tests of helpers.stream."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.core.buffer import cpu
from zarr.storage import MemoryStore

from helpers.stream.ring import (
    DOCUMENTS,
    DTYPES,
    FRAMES,
    GROUP,
    NEWEST,
    TIME,
    Ring,
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

RING = Ring.of((3, 4), dtype="int16", slots=5)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5), (0, 4), (3, -1), (3.0, 4), 7, ("3", "4")])
def test_a_frame_has_two_dimensions(shape: Any) -> None:
    """Anything else is refused with its value."""
    with pytest.raises(ValueError, match=r"shape=.* is not allowed. A frame has two dimensions"):
        Ring.of(shape, dtype="uint8", slots=5)


@pytest.mark.parametrize("slots", [0, -1, 2.0, "5", None, True])
def test_a_ring_has_slots(slots: Any) -> None:
    """Anything but a whole number of 1 or more is refused with its value."""
    with pytest.raises(ValueError, match=f"slots={slots!r} is not allowed"):
        Ring.of((3, 4), dtype="uint8", slots=slots)


@pytest.mark.parametrize("dtype", ["U4", "datetime64[s]", "object", "i4,f8", "longdouble"])
def test_a_cell_is_a_number(dtype: str) -> None:
    """Anything else is refused with what is allowed."""
    with pytest.raises(TypeError, match=r"is not allowed. A frame holds one of bool, int8"):
        Ring.of((3, 4), dtype=dtype, slots=5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_frames_survive_their_bytes(dtype: str) -> None:
    """Little-endian and in row order, whatever the order in memory; what is decoded can be written to."""
    ring = Ring.of((3, 4), dtype=np.dtype(dtype).newbyteorder(">"), slots=5)
    assert ring == Ring.of((3, 4), dtype=dtype, slots=5)
    frame = (np.arange(12).reshape(3, 4) % 2).astype(dtype)
    for same in (frame, np.asfortranarray(frame), frame.astype(frame.dtype.newbyteorder(">")), frame > 0):
        assert bytes(ring.encode(same)) == frame.astype(frame.dtype.newbyteorder("<")).tobytes()
    decoded = ring.decode(bytes(ring.encode(frame)))
    assert decoded.dtype == frame.dtype
    np.testing.assert_array_equal(decoded, frame)
    decoded[0, 0] = 0


def test_what_is_no_frame_of_the_ring_is_refused() -> None:
    """The errors name both shapes, say how to convert, and count bytes."""
    for shape in ((4, 3), (12,), (1, 3, 4), ()):
        with pytest.raises(ValueError, match=r"has shape .*, and this ring takes \(3, 4\): nothing was published"):
            RING.encode(np.zeros(shape, "i2"))
    with pytest.raises(TypeError, match=r"holds float64, and this ring int16.*frame.astype\('int16'\)"):
        RING.encode(np.zeros((3, 4)))
    for nbytes in (0, 23, 25):
        with pytest.raises(ValueError, match=f"has 24 bytes, and there are {nbytes}"):
            RING.decode(bytes(nbytes))


def test_steps_go_round() -> None:
    """A step lies where the one `slots` before it lay."""
    assert [RING.slot(step) for step in range(7)] == [0, 1, 2, 3, 4, 0, 1]
    assert RING.frame_key(6) == RING.frame_key(1) == "frames/c/1/0/0"
    assert RING.slot(2**62 + 3) == (2**62 + 3) % 5


def test_labels_survive_their_bytes() -> None:
    """Each alone, too; one that is not there is that of an empty slot."""
    labels = np.array([5, 6, 2, -1, 2**62])
    value = labels_bytes(labels)
    np.testing.assert_array_equal(labels_from(value), labels)
    assert [step_from(value[slice(*label_range(slot))]) for slot in range(5)] == labels.tolist()
    assert labels_from(None).tolist() == []
    assert step_from(None) == step_from(b"") == -1
    assert [step_bytes(int(label)) for label in labels] == [value[slice(*label_range(slot))] for slot in range(5)]


@pytest.mark.parametrize(("n", "expected"), [(None, [7, 8, 9]), (2, [8, 9]), (3, [7, 8, 9]), (10, [7, 8, 9])])
def test_the_newest_steps_ascend(n: int | None, expected: list[int]) -> None:
    """Empty slots are left out."""
    assert newest_steps(np.array([8, 9, -1, -1, 7]), n) == expected


# --- what zarr reads ---


def changed(key: str, **changes: object) -> dict[str, bytes | None]:
    """Return the documents of a ring with one of them changed."""
    documents = documents_of(RING)
    return {**documents, key: json.dumps({**json.loads(documents[key]), **changes}).encode()}


def group_of(values: dict[str, bytes]) -> zarr.Group:
    """Return the group that zarr finds in some values."""
    store = MemoryStore({key: cpu.Buffer.from_bytes(value) for key, value in values.items()})
    return zarr.open_group(store, mode="r")


@pytest.mark.parametrize("dtype", DTYPES)
def test_zarr_reads_frames(dtype: str) -> None:
    """A frame, its label and the newest step are what zarr finds; the rest is empty."""
    ring = Ring.of((3, 4), dtype=dtype, slots=5)
    frame = (np.arange(12).reshape(3, 4) % 3).astype(dtype)
    labels = ring.with_label(ring.empty_labels(), 7)
    values = {TIME: labels_bytes(labels), NEWEST: step_bytes(7), ring.frame_key(7): bytes(ring.encode(frame))}
    group = group_of(documents_of(ring) | values)
    frames = group["frames"]
    assert isinstance(frames, zarr.Array)
    assert (frames.shape, frames.chunks, frames.dtype) == ((5, 3, 4), (1, 3, 4), np.dtype(dtype))
    np.testing.assert_array_equal(frames[2], frame)
    assert not np.any(frames[3])
    assert group["time"][:].tolist() == [-1, -1, 7, -1, -1]  # type: ignore[index,union-attr]
    assert int(group["newest"][()]) == 7  # type: ignore[index,arg-type]


def test_zarr_writes_the_same_documents() -> None:
    """They are what zarr itself would write, attributes aside."""
    store = MemoryStore()
    root = zarr.create_group(store)
    names = ("slot", "y", "x")
    root.create_array(
        "frames", shape=(5, 3, 4), chunks=(1, 3, 4), dtype="int16", compressors=None, dimension_names=names
    )
    root.create_array("time", shape=(5,), dtype="int64", compressors=None, fill_value=-1, dimension_names=["slot"])
    root.create_array("newest", shape=(), dtype="int64", compressors=None, fill_value=-1, dimension_names=[])
    for key, document in documents_of(RING).items():
        theirs, ours = json.loads(store._store_dict[key].to_bytes()), json.loads(document)
        for each in (theirs, ours):
            each.pop("attributes")
            each.pop("consolidated_metadata", None)
            each.setdefault("dimension_names", [])
            each.setdefault("storage_transformers", [])
        assert theirs == ours


def test_a_ring_is_recognised() -> None:
    """By its documents; attributes of others do not matter. Only one that says so has ended."""
    assert require_ring(documents_of(RING), where="here") == RING
    assert require_ring(documents_of(RING, ended=True), where="here") == RING
    assert has_ended(documents_of(RING, ended=True)[GROUP])
    for group in (None, b"{", b"[]", b'{"attributes": []}', documents_of(RING)[GROUP]):
        assert not has_ended(group)
    assert require_ring(changed(FRAMES, attributes={"units": "cells"}), where="here") == RING


@pytest.mark.parametrize(
    "documents",
    [
        dict.fromkeys(DOCUMENTS),
        {**documents_of(RING), "time/zarr.json": None},
        {**documents_of(RING), FRAMES: b"{"},
        {**documents_of(RING), FRAMES: b"[]"},
        changed(FRAMES, shape=[3, 4]),
        changed(FRAMES, data_type="string"),
        changed(FRAMES, codecs=[{"name": "bytes"}, {"name": "zstd"}]),
        changed("time/zarr.json", shape=[6]),
    ],
)
def test_other_documents_are_no_ring(documents: dict[str, bytes | None]) -> None:
    """A reader gets a clear error."""
    with pytest.raises(FileNotFoundError, match=r"^here holds (no|something else than a) ring of frames.*FrameWriter"):
        require_ring(documents, where="here")


@pytest.mark.parametrize(
    ("documents", "keys", "found"),
    [
        (documents_of(Ring.of((3, 4), dtype="int16", slots=6)), [], "a ring of 6 slots for frames of 3 x 4 int16"),
        (documents_of(Ring.of((4, 3), dtype="int16", slots=5)), [], "a ring of 5 slots for frames of 4 x 3 int16"),
        (dict.fromkeys(DOCUMENTS), ["notes.txt"], "'notes.txt'"),
        ({GROUP: b'{"zarr_format": 3, "node_type": "group"}'}, [], "'zarr.json'"),
        ({GROUP: b'{"zarr_format": 3, "node_type": "group"}'}, ["air/zarr.json"], "'zarr.json'"),
        (changed(FRAMES, shape=[5, 3]), [], "'frames/zarr.json'"),
        ({FRAMES: b"{"}, [], "'frames/zarr.json'"),
    ],
)
def test_a_store_with_other_things_is_not_free(documents: dict[str, bytes | None], keys: list[str], found: str) -> None:
    """The error says what is there, what was to come, and what to do; nothing, or remains of the same ring, is free."""
    for free in (dict.fromkeys(DOCUMENTS), documents_of(RING), {**documents_of(RING), FRAMES: None}):
        require_free(free, RING, where="here", keys=["frames/c/0/0/0", TIME, NEWEST])
    with pytest.raises(ValueError, match=rf"^here already holds .*{found}.*5 slots.*nothing was written.*clear it"):
        require_free({**dict.fromkeys(DOCUMENTS), **documents}, RING, where="here", keys=keys)


def test_another_ring_is_noticed() -> None:
    """A document that was evicted is no other ring."""
    ours = documents_of(RING)[FRAMES]
    require_same(ours, ours, where="here")
    require_same(None, ours, where="here")
    with pytest.raises(RuntimeError, match="another ring of frames lies in here"):
        require_same(documents_of(Ring.of((4, 3), dtype="int16", slots=5))[FRAMES], ours, where="here")
