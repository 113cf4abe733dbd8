"""Tests of helpers.teach.judge_parallel: right, wrong, empty, raising and endless answers."""

from __future__ import annotations

from typing import Any

import dask.array
import pytest
import zarr

from helpers.teach.judges import judges_of
from tests.teach.judging import endless, raising, said

da: Any = dask.array  # typed in part
JUDGES = judges_of("08") | judges_of("09")
ROAD: dict[str, Any] = {"dtype": "uint8", "scale_factor": 0.5, "add_offset": -47, "_FillValue": 255}


def share(length: int, writers: int, written: int) -> list[slice]:
    """Share out as the solution does."""
    shards = -(-length // written)
    steps = -(-shards // writers) * written
    return [slice(start, min(start + steps, length)) for start in range(0, length, steps)]


def share_unaligned(length: int, writers: int, written: int) -> list[slice]:  # noqa: ARG001
    """Share out evenly, across shards."""
    steps = -(-length // writers)
    return [slice(start, min(start + steps, length)) for start in range(0, length, steps)]


def share_by_shard(length: int, writers: int, written: int) -> list[slice]:  # noqa: ARG001
    """Give each shard a process of its own."""
    return [slice(start, min(start + written, length)) for start in range(0, length, written)]


def share_to_one(length: int, writers: int, written: int) -> list[slice]:  # noqa: ARG001
    """Let one process do all."""
    return [slice(0, length)]


def share_too_short(length: int, writers: int, written: int) -> list[slice]:
    """Leave the last step out."""
    return share(length - 1, writers, written)


def save(x: Any, store: Any, chunk: int, shard: int) -> None:
    """Save as the solution does."""
    da.to_zarr(x.rechunk(shard), store, chunks=chunk, shards=shard)


def save_locked(x: Any, store: Any, chunk: int, shard: int) -> None:
    """Save with a lock, which is right too."""
    da.store(x, zarr.create_array(store, shape=x.shape, chunks=chunk, shards=shard, dtype=x.dtype))


def save_as_given(x: Any, store: Any, chunk: int, shard: int) -> None:
    """Save as the exercise does."""
    da.to_zarr(x, store, chunks=chunk, shards=shard)


def save_without_shards(x: Any, store: Any, chunk: int, shard: int) -> None:
    """Save in another layout."""
    da.to_zarr(x.rechunk(shard), store, chunks=chunk)


def save_elsewhere(x: Any, store: Any, chunk: int, shard: int) -> None:  # noqa: ARG001
    """Save in a store of its own."""
    da.to_zarr(x.rechunk(shard), zarr.storage.MemoryStore(), chunks=chunk, shards=shard)


def pieces(variable: Any) -> dict[Any, int]:
    """Choose as the solution does."""
    return dict(zip(variable.dims, variable.encoding["shards"] or variable.encoding["chunks"], strict=True))


def pieces_of_chunks(variable: Any) -> dict[Any, int]:
    """Choose the inner chunks."""
    return dict(zip(variable.dims, variable.encoding["chunks"], strict=True))


def pieces_whole(variable: Any) -> dict[Any, int]:
    """Choose a single task."""
    return dict.fromkeys(variable.dims, -1)


def nothing(*_: object) -> None:
    """Do what a body of `...` does."""


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("08.share", share),
        ("08.save", save),
        ("08.save", save_locked),
        ("09.pieces", pieces),
        ("09.byte", ROAD),
        ("09.byte", ROAD | {"fill_value": 255}),
    ],
)
def test_what_is_right_is_called_so(name: str, answer: object) -> None:
    """With what was counted."""
    assert said(name, answer).startswith("Right. ")


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("08.share", share_unaligned, "inside of what is written at once"),
        ("08.share", share_by_shard, "more than there are processes"),
        ("08.share", share_to_one, "its longest slice has 3650 steps, and 540 are possible"),
        ("08.share", share_too_short, "does not cover each step once"),
        ("08.share", nothing, "Asked for is a list of slices"),
        ("08.save", save_as_given, "32 of 64 numbers are lost"),
        ("08.save", save_without_shards, "Asked for are chunks of 4 in shards of 8"),
        ("08.save", save_elsewhere, "There is no array in the store"),
        ("08.save", nothing, "There is no array in the store"),
        ("09.pieces", pieces_of_chunks, "96 requests for 4 stored objects"),
        ("09.pieces", pieces_whole, "1 tasks read 4 stored objects"),
        ("09.pieces", lambda variable: {"time": variable.size}, "a number for each of the dimensions"),
        ("09.pieces", nothing, "it returned None"),
        ("09.byte", ROAD | {"dtype": "int16"}, "not stored in one byte"),
        ("09.byte", ROAD | {"add_offset": 0}, "degrees off"),
        ("09.byte", ROAD | {"scale_factor": 1}, "0.5 degrees off"),
        ("09.byte", ROAD | {"_FillValue": 0}, "came back as missing"),
        ("09.byte", {key: ROAD[key] for key in ROAD if key != "_FillValue"}, "A missing value came back as a number"),
    ],
)
def test_what_is_wrong_gets_its_hint(name: str, answer: object, hint: str) -> None:
    """One that fits the mistake."""
    line = said(name, answer)
    assert line.startswith("Not yet. ")
    assert hint in line


@pytest.mark.parametrize("name", ["08.share", "08.save", "09.pieces"])
def test_functions_that_raise_or_never_end_are_told(name: str) -> None:
    """`check` ends in any case."""
    assert "OSError: not ready" in said(name, raising)
    assert "still running" in said(name, endless, timeout_s=0.3)


@pytest.mark.parametrize("name", sorted(JUDGES))
def test_other_things_than_asked_for_are_told(name: str) -> None:
    """Whatever they are."""
    for answer in (None, 7, "seven", [1, 2], object()):
        assert said(name, answer).startswith("Not yet. Asked for is ")
