"""Tests of helpers.life.array_per_step: the same keys and bytes as Zarr makes, and the same mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr

from helpers.life import random_grid, run
from helpers.life.array_per_step import populations, publish
from helpers.redis import RedisStore
from helpers.servers import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt


@pytest.fixture
def store() -> Iterator[RedisStore]:
    """An empty store on a server of its own."""
    with redis_server() as server, RedisStore(server.url) as empty:
        yield empty


def generations(steps: int) -> list[npt.NDArray[np.uint8]]:
    """Return Life on 100 x 100 cells, from the same beginning each time."""
    frames: list[npt.NDArray[np.uint8]] = []
    run(frames, random_grid((100, 100), seed=7), steps=steps)
    return frames


def held(store: RedisStore) -> dict[str, bytes | None]:
    """Return all keys and values of a store."""
    names = sorted(name for page in store.keys.pages() for name in page)
    return dict(zip(names, store.read_many(names), strict=True))


def test_keys_and_bytes_are_those_that_zarr_writes(store: RedisStore) -> None:
    """The fast way to write frames differs in nothing from the plain one, a chunk without life included."""
    grid = random_grid((50, 75), seed=7)
    grid[:25, :25] = 0
    publish(store, [grid, np.zeros_like(grid)])
    fast = held(store)
    store.keys.remove()
    for name, frame in {"000000": grid, "000001": np.zeros_like(grid)}.items():
        zarr.create_array(store, name=name, data=frame, chunks=(25, 25), compressors=None)
    group = {"zarr.json": store.read_many(["zarr.json"])[0]}
    assert held(store) == fast | group
    assert len(fast) == 5 + 1 + 1


def test_a_lost_chunk_is_counted_as_dead_and_a_lost_document_hides_its_frame(store: RedisStore) -> None:
    """The two things that eviction does, done by hand; what lost nothing is right."""
    frames = generations(3)
    publish(store, frames)
    store.keys.write({"000001/c/0/0": None, "000002/zarr.json": None})
    rest = int(frames[1].sum()) - int(frames[1][:25, :25].sum())
    assert populations(store) == {0: int(frames[0].sum()), 1: rest}


@pytest.mark.parametrize("shape", [(30, 50), (125, 30)])
def test_frames_that_leave_a_chunk_in_part_are_refused(store: RedisStore, shape: tuple[int, int]) -> None:
    """Nothing is written of a frame whose sides are no multiples of 25."""
    with pytest.raises(ValueError, match="cannot reshape"):
        publish(store, [np.zeros(shape, "uint8")])
    assert held(store) == {}
