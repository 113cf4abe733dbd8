"""Tests of helpers.life: the same keys and bytes as Zarr makes, and the same mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr

from helpers.life import CHUNKS, array_name, populations, publish, random_grid, run
from helpers.redis import RedisStore
from helpers.servers import redis_program, redis_server

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


@pytest.mark.parametrize("dtype", ["uint8", "bool"])
def test_keys_and_bytes_are_those_that_zarr_writes(store: RedisStore, dtype: str) -> None:
    """The fast way to write frames differs in nothing from the plain one, a chunk without life included."""
    grid = random_grid((50, 75), seed=7)
    grid[:25, :25] = 0
    frames = [grid.astype(dtype), np.zeros_like(grid, dtype=dtype)]
    publish(store, frames)
    fast = held(store)
    store.keys.remove()
    for step, frame in enumerate(frames):
        zarr.create_array(store, name=array_name(step), data=frame, chunks=CHUNKS, compressors=None)
    group = {"zarr.json": store.read_many(["zarr.json"])[0]}
    assert held(store) == fast | group
    assert len(fast) == 5 + 1 + 1


def test_populations_are_right_where_nothing_is_missing(store: RedisStore) -> None:
    """In a server with room, the early design reads back what was written."""
    frames = generations(20)
    publish(store, frames)
    assert populations(store) == {step: int(frame.sum()) for step, frame in enumerate(frames)}


def test_a_lost_chunk_is_counted_as_dead_and_a_lost_document_hides_its_frame(store: RedisStore) -> None:
    """The two things that eviction does, done by hand."""
    frames = generations(3)
    publish(store, frames)
    store.keys.write({"000001/c/0/0": None, "000002/zarr.json": None})
    rest = int(frames[1].sum()) - int(frames[1][:25, :25].sum())
    assert populations(store) == {0: int(frames[0].sum()), 1: rest}


@pytest.mark.skipif(redis_program() is None, reason="needs a Redis that evicts")
def test_a_redis_that_evicts_makes_populations_wrong() -> None:
    """With 5 MB and allkeys-lfu, as published. Most frames that still open are wrong, and always too low."""
    frames = generations(1000)
    with redis_server(maxmemory="5mb", policy="allkeys-lfu") as server, RedisStore(server.url) as store:
        store.keys.client.config_set("lfu-decay-time", 0)  # else the minute counts: older keys go when a new one begins
        publish(store, frames)
        counted = populations(store)
        evicted = store.keys.client.info("stats")["evicted_keys"]
    wrong = [step for step, population in counted.items() if population != frames[step].sum()]
    assert evicted > 1000
    assert len(wrong) > len(counted) / 2
    assert all(counted[step] < frames[step].sum() for step in wrong)


def test_frames_that_leave_a_chunk_in_part_are_refused(store: RedisStore) -> None:
    """Nothing is written of a frame whose sides are no multiples of 25."""
    with pytest.raises(ValueError, match=r"\(30, 50\).*multiples of 25"):
        publish(store, [np.zeros((30, 50), "uint8")])
    assert held(store) == {}
