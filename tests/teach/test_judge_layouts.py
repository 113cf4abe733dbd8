"""Tests of helpers.teach.judge_layouts: right, wrong, empty, raising and endless answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec
from zarr.codecs.numcodecs import Delta, Quantize

from helpers.teach.judges import judges_of
from tests.teach.judging import said

JUDGES = {**judges_of("03"), **judges_of("04")}
METER = np.cumsum(np.random.default_rng(3).poisson(2, 100_000))


def year(chunks: Any, *, shape: Any = (360, 180, 360), dtype: str = "f4", **more: Any) -> zarr.Array[Any]:
    """Make an array as exercise 03.layout asks for."""
    return zarr.create_array({}, shape=shape, dtype=dtype, chunks=chunks, **more)


def split(length: int, chunk: int, workers: int) -> list[slice]:
    """Share out whole chunks, as the solution does."""
    share = math.ceil(math.ceil(length / chunk) / workers) * chunk
    return [slice(begin, min(begin + share, length)) for begin in range(0, length, share)]


def stored(**codecs: Any) -> zarr.Array[Any]:
    """Store the meter as exercise 04.meter asks for."""
    return zarr.create_array({}, data=METER, chunks=codecs.pop("chunks", METER.shape), **codecs)


def broken(array: Any) -> list[str]:
    """Find damaged chunks, as the solution does."""
    found = []
    for place in np.ndindex(array.cdata_shape):
        try:
            array.blocks[place]
        except ValueError:
            found.append("/".join(["c", *map(str, place)]))
    return found


DELTA = {"filters": [Delta(dtype="<i8")]}
SHUFFLED = {"compressors": BloscCodec(cname="zstd", shuffle="bitshuffle")}


@pytest.mark.parametrize(
    ("name", "answer", "begin"),
    [
        (
            "03.layout",
            year((72, 45, 72)),
            "Right. A line costs 5 requests and 4.7 MB, a plane 20 requests and 18.7 MB.",
        ),
        ("03.split", split, "Right. Tried with 6 vectors."),
        ("04.meter", stored(**DELTA, **SHUFFLED), "Right. 36.3 kB are stored."),
        ("04.broken", broken, "Right. Tried with 4 arrays."),
    ],
)
def test_right_answers_are_counted(name: str, answer: object, begin: str) -> None:
    """And told what was counted."""
    assert said(name, answer) == begin


def test_shards_are_an_answer_as_well() -> None:
    """Who puts chunks into shards pays for ranges."""
    ranges = year((30, 30, 40), shards=(360, 180, 360))
    assert said("03.layout", ranges).startswith("Right. A line costs")


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("03.layout", (72, 45, 72), "Asked for is a zarr.Array; this is of type tuple"),
        ("03.layout", year((72, 45, 72), shape=(180, 360, 360)), "The shape is to be (360, 180, 360)"),
        ("03.layout", year((72, 45, 72), dtype="f8"), "The dtype is to be float32; yours is float64"),
        ("03.layout", year((1, 180, 360)), "make the chunks longer in time"),
        ("03.layout", year((360, 10, 10)), "make the chunks wider in space"),
        ("03.layout", year((360, 180, 360)), "That is too many bytes"),
        ("03.split", [slice(0, 100)], "Asked for is a function; this is of type list"),
        ("03.split", lambda *_: (0, 100), "Asked for is a list of slices"),
        ("03.split", lambda length, *_: [slice(0, length - 1)], "do not cover 0 to 100"),
        ("03.split", lambda length, *_: [slice(0, 60), slice(50, length)], "do not cover 0 to 100"),
        ("03.split", lambda length, *_: [slice(0, 25), slice(25, length)], "begins at [25], within a chunk"),
        ("03.split", lambda length, chunk, _: [slice(b, b + chunk) for b in range(0, length, chunk)], "10 pieces"),
        ("03.split", lambda length, *_: [slice(0, length)], "one worker writes 10 chunks; 2 would do"),
        ("04.meter", METER, "Asked for is a zarr.Array; this is of type ndarray"),
        ("04.meter", zarr.create_array({}, data=METER[:10]), "The shape is to be (100000,); yours is (10,)"),
        ("04.meter", zarr.create_array({}, data=METER // 2), "every one has to come back"),
        ("04.meter", stored(), "By how much does a reading grow?"),
        ("04.meter", stored(**DELTA), "What puts like to like?"),
        ("04.meter", stored(**DELTA, **SHUFFLED, chunks=(100,)), "In one chunk"),
        ("04.broken", ["c/3/5"], "Asked for is a function; this is of type list"),
        ("04.broken", lambda _: "c/3/5", "Asked for is a list of strings"),
        ("04.broken", lambda _: [], "1 of the chunks had a flipped bit; you missed 1"),
        ("04.broken", lambda _: ["c/3/5"], "you name 'c/3/5', which is no key of a damaged chunk"),
        ("04.broken", lambda array: broken(array)[:1], "2 of the chunks had a flipped bit; you missed 1"),
    ],
)
def test_each_mistake_gets_its_hint(name: str, answer: object, hint: str) -> None:
    """The one that fits."""
    line = said(name, answer)
    assert line.startswith("Not yet. ")
    assert hint in line


@pytest.mark.parametrize("name", JUDGES)
def test_a_function_without_a_body_gets_a_hint(name: str) -> None:
    """`def answer(...): ...` returns None; an array is asked for where it is no function."""

    def empty(*_: object) -> None: ...

    assert "Asked for is a" in said(name, empty)


@pytest.mark.parametrize("name", JUDGES)
def test_what_raises_or_never_ends_is_said(name: str) -> None:
    """Nothing comes out of the judge, and it comes back."""

    class Raising(zarr.Array):  # type: ignore[type-arg]
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

    class Endless(zarr.Array):  # type: ignore[type-arg]
        def __getattribute__(self, _: str) -> Any:
            while True:
                pass

    def raising(*_: object) -> None:
        raise RuntimeError(name)

    def endless(*_: object) -> None:
        while True:
            pass

    functions = JUDGES[name].expects.startswith("a function")
    bad = raising if functions else object.__new__(Raising)
    assert "Yours ended in RuntimeError: " in said(name, bad)
    slow = endless if functions else object.__new__(Endless)
    assert "still running" in said(name, slow, timeout_s=0.3)


def test_a_codec_that_loses_something_is_not_right() -> None:
    """Rounded readings are smaller, and others."""
    rounded = zarr.create_array({}, data=METER.astype("f8"), filters=[Quantize(digits=-3, dtype="<f8")])
    assert "every one has to come back" in said("04.meter", rounded)
