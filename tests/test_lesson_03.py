"""What lesson 03 says of pipelines and of old data without showing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec
from zarr.core.codec_pipeline import BatchedCodecPipeline
from zarr.registry import register_pipeline
from zarr.storage import MemoryStore

from helpers.counting import CountingStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zarr.abc.codec import Codec

VALUES = np.arange(64 * 64, dtype="f4").reshape(64, 64)


class Watched(BatchedCodecPipeline):
    """Zarr's default pipeline, which notes that it is made."""

    made: ClassVar[list[tuple[str, ...]]] = []

    @classmethod
    def from_codecs(cls, codecs: Iterable[Codec], *, batch_size: int | None = None) -> Watched:
        """Note the kinds of `codecs`, and make a pipeline of them."""
        listed = list(codecs)
        cls.made.append(tuple(type(codec).__name__ for codec in listed))
        return super().from_codecs(listed, batch_size=batch_size)


@pytest.fixture
def watched() -> Iterable[str]:
    """Give the name under which zarr finds `Watched`, of which none is made yet."""
    register_pipeline(Watched)
    Watched.made.clear()
    yield f"{Watched.__module__}.{Watched.__qualname__}"
    Watched.made.clear()


def test_a_pipeline_holds_for_arrays_opened_while_it_is_set(watched: str) -> None:
    """An array opened before keeps its own."""
    z = zarr.create_array({}, data=VALUES, chunks=(16, 16))
    with zarr.config.set({"codec_pipeline.path": watched}):
        np.testing.assert_array_equal(z[:3], VALUES[:3])
        assert Watched.made == []
        np.testing.assert_array_equal(zarr.open_array(z.store, mode="r")[:3], VALUES[:3])
    assert Watched.made == [("BytesCodec", "ZstdCodec")]


def test_what_is_inside_a_shard_is_decoded_by_the_pipeline_set_at_the_read(watched: str) -> None:
    """Also in an array that was opened before."""
    z = zarr.create_array({}, data=VALUES, chunks=(16, 16), shards=(64, 64))
    with zarr.config.set({"codec_pipeline.path": watched}):
        np.testing.assert_array_equal(z[:3], VALUES[:3])
    assert ("BytesCodec", "ZstdCodec") in Watched.made


def test_a_number_in_a_shard_costs_the_whole_shard() -> None:
    """What `plan_write` says in the lesson, counted: the shard is read and written."""
    store = CountingStore(MemoryStore())
    z = zarr.create_array(store, data=VALUES, chunks=(16, 16), shards=(64, 64), compressors=None)
    store.reset()
    z[0, 0] = -1
    assert (store.reads, store.writes) == (1, 1)
    assert store.bytes_read == store.bytes_written == VALUES.nbytes + 16 * 16 + 4


def test_chunks_at_the_edge_are_encoded_at_full_size() -> None:
    """A row too many costs a whole chunk, and almost nothing where it is compressed."""
    noise = np.random.default_rng(7).random((1001, 100))
    stored = {}
    for name, compressor in {"none": None, "blosc": BloscCodec()}.items():
        z = zarr.create_array({}, data=noise, chunks=(1000, 100), compressors=compressor)
        whole = zarr.create_array({}, data=noise[:1000], chunks=(1000, 100), compressors=compressor)
        stored[name] = z.nbytes_stored() - whole.nbytes_stored()
    assert stored["none"] == pytest.approx(noise[:1000].nbytes, abs=10)
    assert stored["blosc"] < 20_000
