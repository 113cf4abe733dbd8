"""Judges what is made in the final quiz, `teaching/final_quiz.ipynb`: an archive, and a reader of a ring."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import zarr

from helpers.teach.judges import NotYetError, made
from helpers.units import format_count, format_nbytes

_HOURS, _STATIONS = 8760, 400
# Slots, and how many frames were published.
_RINGS = [(4, 10), (6, 6), (5, 3), (3, 100)]


@made("quiz.archive", expects="a zarr.Array of shape (8760, 400) and float32")
def archive(answer: object) -> str:
    """Count the chunks that a station and an hour lie in, and the objects of a full array."""
    if not isinstance(answer, zarr.Array):
        msg = f"Asked for is a Zarr array, and this is a {type(answer).__name__}. Read again lesson 02."
        raise NotYetError(msg)
    if answer.shape != (_HOURS, _STATIONS) or answer.dtype != np.float32:
        msg = f"Shape and type are {answer.shape} and {answer.dtype}. Read again lesson 02."
        raise NotYetError(msg)
    if not np.isnan(answer.fill_value):
        msg = f"What nobody has written would read as {answer.fill_value}. Read again lesson 02, on the fill value."
        raise NotYetError(msg)
    hours, stations = answer.chunks
    year, hour, size = math.ceil(_HOURS / hours), math.ceil(_STATIONS / stations), hours * stations * 4
    objects = math.prod(map(math.ceil, np.divide(answer.shape, answer.shards or answer.chunks)))
    many = f"A year lies in {format_count(year, 'chunk')} and an hour in {hour}, of {format_nbytes(size)} each"
    said = f"{many}. Full of data, it is {format_count(objects, 'object')}."
    if max(year, hour) > 20 or size > 100_000:
        msg = f"{said} How long, how wide and how large may a chunk be? Read again lesson 03."
        raise NotYetError(msg)
    if objects > 8:
        msg = f"{said} What holds many chunks in one object? Read again lesson 03, on shards."
        raise NotYetError(msg)
    return said


@made("quiz.frame", expects="a function that takes a group and a step and returns a frame or None")
def frame(answer: Any) -> str:
    """Ask for every step of rings that are young, full and old, and for steps that are not there."""
    for slots, published in _RINGS:
        ring = _ring(slots, published)
        for n in [*range(published), published, published + slots]:
            found, held = answer(ring, n), published - slots <= n < published
            case = f"Of {published} steps in {slots} slots, step {n}"
            if not held and found is not None:
                msg = (
                    f"{case} is not held, and yours returned something. What does its label say? Read again lesson 10."
                )
                raise NotYetError(msg)
            if held and found is None:
                msg = f"{case} is held, and yours returned None. In which slot does it lie? Read again lesson 10."
                raise NotYetError(msg)
            if held and not np.array_equal(found, np.full((2, 3), n)):
                msg = f"{case} is another frame than yours returned. In which slot does it lie? Read again lesson 10."
                raise NotYetError(msg)
    return f"Tried with {len(_RINGS)} rings."


def _ring(slots: int, published: int) -> zarr.Group:
    ring = zarr.create_group({})
    frames = ring.create_array("frames", shape=(slots, 2, 3), chunks=(1, 2, 3), dtype="i4")
    time = ring.create_array("time", shape=(slots,), chunks=(slots,), dtype="i8", fill_value=-1)
    for n in range(max(0, published - slots), published):
        frames[n % slots], time[n % slots] = n, n
    ring.create_array("newest", data=np.array(published - 1))
    return ring
