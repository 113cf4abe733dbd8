"""Tests of helpers.teach.judge_arrays: right, wrong, empty, raising and endless answers."""
# ruff: noqa: ARG005 -- wrong answers often leave an argument unused

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from numcodecs import Zstd  # type: ignore[import-untyped]

from helpers.teach.judges import judges_of
from tests.teach.judging import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


# --- right answers ---


def year(chunks: tuple[int, ...], **options: Any) -> zarr.Array[Any]:
    """Make the array of exercise 00.aligned, or nearly."""
    return zarr.create_array({}, **{"shape": (365, 180, 360), "dtype": "float32", "chunks": chunks, **options})


def pieces(z: zarr.Array[Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Read chunk by chunk."""
    for corner in product(*map(range, z.cdata_shape)):
        yield np.asarray(z.blocks[corner])


def mean_of(z: zarr.Array[Any]) -> float:
    """Answer 00.mean."""
    return sum(float(piece.sum()) for piece in pieces(z)) / z.size


def place_of(index: tuple[int, ...], shape: tuple[int, ...], itemsize: int) -> int:
    """Answer 01.place."""
    place = 0
    for at, length in zip(index, shape, strict=True):
        place = place * length + at
    return place * itemsize


def cut(table: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """Answer 01.blocks."""
    rows, columns = table.shape
    return table.reshape(rows // size, size, columns // size, size).swapaxes(1, 2)


def read_number(folder: Path, row: int, column: int) -> float:
    """Answer 02.decode."""
    document = json.loads((folder / "zarr.json").read_bytes())
    height, width = document["chunk_grid"]["configuration"]["chunk_shape"]
    path = folder / f"c/{row // height}/{column // width}"
    if not path.exists():
        return float(document["fill_value"])
    dtype = np.dtype(document["data_type"]).newbyteorder("<")
    chunk = np.frombuffer(Zstd().decode(path.read_bytes()), dtype).reshape(height, width)
    return float(chunk[row % height, column % width])


def shrink(z: zarr.Array[Any], length: int) -> None:
    """Answer 02.shrink."""
    z[length:] = z.fill_value
    z.resize((length,))


def calendar(months: list[int], start: int = 0) -> zarr.Array[Any]:
    """Make the array of exercise 02.calendar, or nearly."""
    with zarr.config.set({"array.rectilinear_chunks": True}):
        return zarr.create_array({}, data=np.arange(start, start + sum(months)), chunks=[months])


LEAP = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


@pytest.mark.parametrize(
    ("name", "answer", "praise"),
    [
        ("00.aligned", lambda: year((73, 60, 360)), "15 chunks of 6.3 MB: 3 for each of the five writers"),
        ("00.mean", lambda: mean_of, "never more than one was held"),
        ("01.place", lambda: place_of, "15 small arrays"),
        ("01.blocks", lambda: cut, "not a byte was copied"),
        ("02.decode", lambda: read_number, "12 numbers from three folders"),
        ("02.shrink", lambda: shrink, "nothing came back"),
        ("02.calendar", lambda: calendar(LEAP), "February has 29 days"),
    ],
)
def test_a_right_answer_is_praised_with_what_was_counted(name: str, answer: Callable[[], object], praise: str) -> None:
    """One way to solve each."""
    words = said(name, answer())
    assert words.startswith("Right. ")
    assert praise in words


def test_slices_will_do_for_blocks() -> None:
    """The mean may be taken through slices, too."""

    def by_slices(z: zarr.Array[Any]) -> float:
        total = 0.0
        for corner in product(*map(range, z.cdata_shape)):
            part = tuple(slice(at * size, (at + 1) * size) for at, size in zip(corner, z.chunks, strict=True))
            total += float(np.asarray(z[part]).sum())
        return total / z.size

    assert said("00.mean", by_slices).startswith("Right. ")


# --- wrong answers ---


def mean_of_means(z: zarr.Array[Any]) -> float:
    """Give a chunk at the edge as much weight as a full one."""
    return float(np.mean([piece[:].mean() for piece in pieces(z)]))


def one_by_one(z: zarr.Array[Any]) -> float:
    """Read a chunk anew for each number."""
    return float(np.mean([float(np.asarray(z[index])) for index in np.ndindex(*z.shape)]))


WRONG: list[tuple[str, Callable[[], object], str]] = [
    ("00.aligned", lambda: year((73, 60, 360), shape=(365, 360, 180)), "Its shape is"),
    ("00.aligned", lambda: year((73, 60, 360), dtype="f8"), "Its dtype is float64"),
    ("00.aligned", lambda: year((100, 60, 60)), "At 4 of 4 borders"),
    ("00.aligned", lambda: year((73, 180, 360)), "cut another axis too"),
    ("00.aligned", lambda: year((1, 180, 360)), "At most 100"),
    ("00.mean", lambda: mean_of_means, "Have all chunks the same number"),
    ("00.mean", lambda: lambda z: np.asarray(z[:]).mean(), "more than a chunk"),
    ("00.mean", lambda: np.mean, "more than a chunk"),
    ("00.mean", lambda: one_by_one, "it read 8 times"),
    ("01.place", lambda: lambda index, shape, itemsize: sum(index) * itemsize, "begins at byte"),
    ("01.place", lambda: lambda index, shape, itemsize: place_of(index, shape, 1), "begins at byte"),
    ("01.place", lambda: lambda index, shape, n: int(np.empty(shape, f"V{n}")[index].size), "begins at byte"),
    (
        "01.place",
        lambda: lambda index, shape, n: int(np.arange(np.prod(shape)).reshape(shape)[index]) * n,
        "MemoryError",
    ),
    ("01.blocks", lambda: lambda table, size: cut(table, size).swapaxes(1, 2), "shape"),
    ("01.blocks", lambda: lambda table, size: table.reshape(cut(table, size).shape), "Block (0, 0) should be"),
    ("01.blocks", lambda: lambda table, size: cut(table, size).copy(), "they are a copy"),
    ("02.decode", lambda: lambda folder, row, column: zarr.open_array(folder)[row, column], "It calls Zarr"),
    ("02.decode", lambda: lambda folder, row, column: -1, "Row 0, column 0"),
    ("02.decode", lambda: lambda folder, row, column: read_number(folder, row, 0), "Row 0, column 7"),
    ("02.shrink", lambda: lambda z, length: z.resize((length,)), "[7, 8, 0, 0] comes back"),
    ("02.shrink", lambda: lambda z, length: None, "the shape is (10,)"),
    ("02.shrink", lambda: lambda z, length: z.__setitem__(..., 0) or z.resize((length,)), "is left"),
    (
        "02.shrink",
        lambda: lambda z, length: z.__setitem__(slice(length, None), 0) or z.resize((length,)),
        "-1 is the fill",
    ),
    ("02.calendar", lambda: calendar([31, 28, *LEAP[2:]]), "366 days"),
    ("02.calendar", lambda: calendar([31, 28, 32, *LEAP[3:]]), "Month 2 has another number of days"),
    ("02.calendar", lambda: zarr.create_array({}, data=np.arange(366), chunks=(31,)), "Month 2 has"),
    ("02.calendar", lambda: calendar(LEAP, start=1), "The values should be 0 to 365"),
]


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG, ids=[f"{name}-{hint[:12]}" for name, _, hint in WRONG])
def test_a_wrong_answer_gets_the_hint_that_fits(name: str, answer: Callable[[], object], hint: str) -> None:
    """Three ways or more to miss each."""
    words = said(name, answer())
    assert words.startswith("Not yet. ")
    assert hint in words


MADE = sorted(name for lesson in ("00", "01", "02") for name in judges_of(lesson))
FUNCTIONS = sorted(set(MADE) - {"00.aligned", "02.calendar"})


@pytest.mark.parametrize("name", MADE)
def test_something_else_altogether_is_named(name: str) -> None:
    """A number where an array or a function is asked for."""
    assert said(name, 7).startswith("Not yet. Asked for is a ")


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"02.shrink"}))
def test_an_empty_body_is_told_apart(name: str) -> None:
    """It returns None, whatever it is given."""

    def empty(*_: object) -> None: ...

    assert "returned None" in said(name, empty)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_answer_that_raises_is_quoted(name: str) -> None:
    """And so is what was asked for."""

    def raises(*_: object) -> None:
        msg = "no idea"
        raise RuntimeError(msg)

    words = said(name, raises)
    assert "Yours ended in RuntimeError: no idea" in words
    assert "Asked for is a function" in words


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_endless_answer_is_stopped(name: str) -> None:
    """The thread in which it runs is gone afterwards."""

    def endless(*_: object) -> None:
        while True:
            pass

    assert "still running" in said(name, endless, timeout_s=0.3)
