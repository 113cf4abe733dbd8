"""Tests of helpers.stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from helpers.stream import DTYPES, Ring, label_range, labels_bytes, labels_from, newest_steps, step_bytes, step_from

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
    """What is encoded is decoded the same, and can be written to."""
    ring = Ring.of((3, 4), dtype=dtype, slots=5)
    frame = (np.arange(12).reshape(3, 4) % 2).astype(dtype)
    decoded = ring.decode(bytes(ring.encode(frame)))
    assert decoded.dtype == frame.dtype
    np.testing.assert_array_equal(decoded, frame)
    decoded[0, 0] = 0


def test_bytes_are_little_endian_and_in_row_order() -> None:
    """Whatever the order of the frame in memory."""
    frame = np.arange(12, dtype="i2").reshape(3, 4)
    expected = frame.astype("<i2").tobytes()
    for same in (frame, np.asfortranarray(frame), frame.astype(">i2"), frame[::-1][::-1], frame.tolist()):
        assert bytes(RING.encode(np.asarray(same, "i2") if isinstance(same, list) else same)) == expected


def test_a_big_endian_ring_is_a_little_endian_one() -> None:
    """All that is stored is little-endian."""
    assert Ring.of((3, 4), dtype=">i2", slots=5) == RING


def test_a_contiguous_frame_is_not_copied() -> None:
    """Its bytes are those of the array."""
    frame = np.zeros((3, 4), "i2")
    value = RING.encode(frame)
    frame[:] = 1
    assert bytes(value) == frame.tobytes()


@pytest.mark.parametrize("shape", [(4, 3), (12,), (1, 3, 4), ()])
def test_a_frame_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """The error names both shapes."""
    with pytest.raises(
        ValueError, match=r"the frame has shape .*, and this ring takes \(3, 4\): nothing was published"
    ):
        RING.encode(np.zeros(shape, "i2"))


def test_a_frame_that_would_lose_is_refused() -> None:
    """The error says how to convert it."""
    with pytest.raises(TypeError, match=r"holds float64, and this ring int16.*frame.astype\('int16'\)"):
        RING.encode(np.zeros((3, 4)))


def test_a_frame_that_loses_nothing_is_converted() -> None:
    """Booleans and smaller numbers fit."""
    assert bytes(RING.encode(np.ones((3, 4), bool))) == np.ones((3, 4), "<i2").tobytes()


@pytest.mark.parametrize("nbytes", [0, 23, 25, 48])
def test_bytes_of_another_length_are_no_frame(nbytes: int) -> None:
    """The error counts them."""
    with pytest.raises(ValueError, match=f"has 24 bytes, and there are {nbytes}"):
        RING.decode(bytes(nbytes))


def test_steps_go_round() -> None:
    """A step lies where the one `slots` before it lay."""
    assert [RING.slot(step) for step in range(7)] == [0, 1, 2, 3, 4, 0, 1]
    assert RING.frame_key(6) == RING.frame_key(1) == "frames/c/1/0/0"
    assert RING.slot(2**62 + 3) == (2**62 + 3) % 5


def test_labels_survive_their_bytes() -> None:
    """Each alone, too."""
    labels = np.array([5, 6, 2, -1, 2**62])
    value = labels_bytes(labels)
    np.testing.assert_array_equal(labels_from(value), labels)
    assert [step_from(value[slice(*label_range(slot))]) for slot in range(5)] == labels.tolist()
    assert [step_bytes(int(label)) for label in labels] == [value[slice(*label_range(slot))] for slot in range(5)]


def test_missing_labels_are_none() -> None:
    """A label that is not there is that of an empty slot."""
    assert labels_from(None).tolist() == labels_from(b"").tolist() == []
    assert step_from(None) == step_from(b"") == -1


def test_a_label_is_changed_in_a_copy() -> None:
    """The labels that it comes from stay."""
    labels = RING.empty_labels()
    assert RING.with_label(labels, 7).tolist() == [-1, -1, 7, -1, -1]
    assert RING.with_label(RING.with_label(labels, 7), 7, empty=True).tolist() == labels.tolist() == [-1] * 5


@pytest.mark.parametrize(("n", "expected"), [(None, [7, 8, 9]), (2, [8, 9]), (3, [7, 8, 9]), (10, [7, 8, 9])])
def test_the_newest_steps_ascend(n: int | None, expected: list[int]) -> None:
    """Empty slots are left out."""
    assert newest_steps(np.array([8, 9, -1, -1, 7]), n) == expected
