"""Tests of helpers.measure."""

from __future__ import annotations

import time

import numpy as np
import pytest
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from helpers.measure import look_at_threads


def test_codecs_let_go_of_the_gil() -> None:
    """They are seen at work, several at once, by a thread that needs the GIL to look."""
    data = np.random.default_rng(7).normal(size=(8, 400, 1000)).round(1)
    z = zarr.create_array(MemoryStore(), shape=data.shape, chunks=(1, 400, 1000), dtype="f8")
    slow = zarr.create_array(
        MemoryStore(), shape=data.shape, chunks=z.chunks, dtype="f8", compressors=ZstdCodec(level=9)
    )
    looks = look_at_threads(lambda: slow.__setitem__(slice(None), data))
    assert looks.inside > 10
    assert looks.at_once > 1
    assert looks.inside <= looks.total
    assert np.array_equal(slow[:], data)


def test_a_function_that_keeps_the_gil_is_hardly_seen() -> None:
    """Adding up in C returns to Python only at the end."""

    def add_up() -> int:
        return sum(range(20_000_000))

    def sleep() -> None:
        time.sleep(0.3)

    adding, sleeping = (look_at_threads(each, inside=[each.__name__]) for each in (add_up, sleep))
    assert sleeping.inside / sleeping.seconds > 5 * adding.inside / adding.seconds


def test_seconds_and_cores_are_those_of_the_call() -> None:
    """Sleeping takes time and no processor."""
    looks = look_at_threads(lambda: time.sleep(0.3), inside=[])
    assert 0.3 <= looks.seconds < 20
    assert looks.cores < 0.9
    assert looks.inside == looks.at_once == 0


def test_what_the_function_raises_is_raised() -> None:
    """Not swallowed by its thread."""
    with pytest.raises(ZeroDivisionError):
        look_at_threads(lambda: 1 / 0)


def test_looks_need_time_in_between() -> None:
    """Otherwise nothing else would run."""
    with pytest.raises(ValueError, match=r"every_s=0 is not allowed\. It must be above 0"):
        look_at_threads(lambda: None, every_s=0)
