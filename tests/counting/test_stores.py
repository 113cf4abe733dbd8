"""Tests of helpers.counting.stores: zarr's own conformance suite, and what is counted or waited for."""
# ruff: noqa: D102 -- the suite documents its methods

from __future__ import annotations

import pickle
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from zarr.abc.store import RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.core.buffer.cpu import Buffer
from zarr.core.sync import sync
from zarr.storage import LocalStore, MemoryStore, WrapperStore
from zarr.testing.store import StoreTests

from helpers.counting import CountingStore, Counts, RequestStore, SlowStore
from tests.stateful import MACHINES, run_machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROTOTYPE = default_buffer_prototype()
FUSED = "zarr.core.codec_pipeline.FusedCodecPipeline"
# Methods that make no request: state, capabilities and copies of the store.
NO_REQUEST = {
    *("_check_writable", "_ensure_open", "_is_open", "_open", "_supports_sync_io", "_with_store", "close"),
    *("open", "read_only", "supports_deletes", "supports_listing", "supports_writes", "with_read_only"),
}


# --- zarr's conformance suite, with each wrapper around each kind of store, and around the other wrapper ---

PACE = {"latency_s": 0.0001, "bandwidth_Bps": 1e9}
PAIRS: dict[str, tuple[type[RequestStore], Callable[..., Store], dict[str, float]]] = {
    "counting memory": (CountingStore, MemoryStore, {}),
    "counting local": (CountingStore, LocalStore, {}),
    "counting slow": (CountingStore, lambda **kwargs: SlowStore(MemoryStore(**kwargs), latency_s=0.0001), {}),
    "slow memory": (SlowStore, MemoryStore, PACE),
    "slow local": (SlowStore, LocalStore, PACE),
    "slow counting": (SlowStore, lambda **kwargs: CountingStore(MemoryStore(**kwargs)), PACE),
}


def innermost(store: Any) -> Store:
    """Unwrap to the store that zarr brings: the suite wants to look at it past the wrappers."""
    return innermost(store._store) if hasattr(store, "_store") else store


class TestWrappers(StoreTests[Any, Buffer]):
    """Each conforms."""

    buffer_cls = Buffer

    @pytest.fixture(autouse=True, params=PAIRS.values(), ids=list(PAIRS))
    def pair(self, request: pytest.FixtureRequest) -> None:
        """Wrapper, what makes what it wraps, and its pace."""
        self.store_cls, self.make_inner, self.pace = request.param

    @pytest.fixture
    def inner(self, tmp_path: Path) -> dict[str, Any]:
        return {"root": tmp_path} if self.make_inner is LocalStore else {"store_dict": {}}

    @pytest.fixture
    def store_kwargs(self, inner: dict[str, Any]) -> dict[str, Any]:
        return {"store": self.make_inner(**inner), **self.pace}

    @pytest.fixture
    def open_kwargs(self, inner: dict[str, Any]) -> dict[str, Any]:
        return {"store_cls": self.make_inner, **inner, **self.pace}

    async def set(self, store: Any, key: str, value: Any) -> None:
        await innermost(store).set(key, value)

    async def get(self, store: Any, key: str) -> Any:
        return await innermost(store).get(key, PROTOTYPE)

    def test_store_repr(self, store: Any) -> None:
        assert repr(store).startswith(f"{type(store).__name__}({type(store._store).__name__}")

    def test_store_supports_writes(self, store: Any) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: Any) -> None:
        assert store.supports_listing


# --- what is counted ---


@pytest.fixture
def store() -> CountingStore:
    """A CountingStore on a MemoryStore with two keys under `a`, one under `b`."""
    keys = {"a/0": b"1234", "a/1": b"12", "b": b"123456"}
    return CountingStore(MemoryStore({key: Buffer.from_bytes(value) for key, value in keys.items()}))


def test_a_get_is_one_read_of_what_came_out(store: CountingStore) -> None:
    """A whole value counts its bytes, a byte range only its own, and a missing key, billed too, none."""
    sync(store.get("b", PROTOTYPE))
    sync(store.get("b", PROTOTYPE, RangeByteRequest(1, 3)))
    sync(store.get("b", PROTOTYPE, SuffixByteRequest(1)))
    assert store.counts == Counts(reads=3, bytes_read=6 + 2 + 1)
    assert sync(store.get("z", PROTOTYPE)) is None
    assert not sync(store.exists("z"))
    with pytest.raises(FileNotFoundError):
        sync(store.getsize("z"))
    assert store.counts == Counts(reads=6, bytes_read=6 + 2 + 1)


def test_the_size_of_a_prefix_is_a_list_and_a_read_for_each_key(store: CountingStore) -> None:
    """Sizes are asked for one by one, and a size is a HEAD, even where the wrapped store has to read the value."""
    assert sync(store.getsize_prefix("a")) == 6
    assert store.counts == Counts(reads=2, lists=1)
    assert sync(store.exists("b"))
    assert store.counts == Counts(reads=3, lists=1)


def test_many_values_are_as_many_reads(store: CountingStore) -> None:
    """get_partial_values and _get_many do not get past the count."""

    async def ask() -> None:
        await store.get_partial_values(PROTOTYPE, iter([("a/0", RangeByteRequest(0, 1)), ("b", None)]))
        async for _ in store._get_many([("a/0", PROTOTYPE, None), ("z", PROTOTYPE, None)]):
            pass

    sync(ask())
    assert store.counts == Counts(reads=4, bytes_read=1 + 6 + 4 + 0)


@pytest.mark.parametrize("asynchronous", [True, False])
@pytest.mark.parametrize(("gap", "reads", "nbytes"), [(0, 2, 2), (2, 1, 4)])
def test_merged_byte_ranges_are_one_read_gap_included(
    store: CountingStore, asynchronous: bool, gap: int, reads: int, nbytes: int
) -> None:
    """Two ranges with a gap of two bytes are two reads, or one longer one."""
    ranges = [RangeByteRequest(0, 1), RangeByteRequest(3, 4)]

    async def ask() -> None:
        async for _ in store.get_ranges("b", ranges, prototype=PROTOTYPE, max_gap_bytes=gap):
            pass

    if asynchronous:
        sync(ask())
    else:
        store.get_ranges_sync("b", ranges, prototype=PROTOTYPE, max_gap_bytes=gap)
    assert store.counts == Counts(reads=reads, bytes_read=nbytes)


def test_a_set_is_one_write_of_its_bytes(store: CountingStore) -> None:
    """set, _set_many, and set_if_not_exists whether or not it stores."""
    value = Buffer.from_bytes(b"123")
    sync(store.set("c", value))
    sync(store._set_many(iter([("d", value), ("e", value)])))
    sync(store.set_if_not_exists("b", value))
    assert store.counts == Counts(writes=4, bytes_written=12)


def test_deleting_a_directory_is_a_list_and_a_delete_for_each_key(store: CountingStore, tmp_path: Path) -> None:
    """An object store has no directories to delete at once; a local one is left without the empty directory."""
    local = CountingStore(LocalStore(tmp_path))
    sync(local.set("a/b", Buffer.from_bytes(b"1")))
    sync(local.delete_dir("a"))
    assert list(tmp_path.iterdir()) == []
    assert local.counts == Counts(writes=1, bytes_written=1, lists=1, deletes=1)
    sync(store.delete("missing"))
    sync(store.delete_dir("a"))
    assert store.counts == Counts(deletes=3, lists=1)
    sync(store.clear())
    assert store.counts == Counts(deletes=4, lists=2)
    assert sync(store.is_empty(""))


def test_each_listing_is_one_list(store: CountingStore) -> None:
    """list, list_prefix, list_dir and is_empty."""

    async def ask() -> list[str]:
        found = [key async for key in store.list()]
        found += [key async for key in store.list_prefix("a/")]
        found += [name async for name in store.list_dir("a")]
        assert not await store.is_empty("a")
        return found

    assert sorted(sync(ask())) == ["0", "1", "a/0", "a/0", "a/1", "a/1", "b"]
    assert store.counts == Counts(lists=4)


def test_synchronous_requests_are_counted(store: CountingStore) -> None:
    """get_sync, set_sync and delete_sync, which FusedCodecPipeline uses."""
    store.get_sync("b")
    store.get_sync("z")
    store.set_sync("b", Buffer.from_bytes(b"1"))
    store.delete_sync("b")
    assert store.counts == Counts(reads=2, bytes_read=6, writes=1, bytes_written=1, deletes=1)


@pytest.mark.parametrize("shards", [None, (4, 4)])
def test_both_of_zarrs_pipelines_cost_the_same(shards: tuple[int, int] | None) -> None:
    """The batched and the fused pipeline make the same requests, the one in a loop, the other without."""
    seen = []
    for config in ({}, {"codec_pipeline.path": FUSED}):
        with zarr.config.set(config):
            counting = CountingStore(MemoryStore())
            grid = np.arange(1, 65, dtype="u1").reshape(8, 8)
            z = zarr.create_array(counting, data=grid, chunks=(2, 2), shards=shards, compressors=None)
            np.testing.assert_array_equal(z[1:7:2, 3], grid[1:7:2, 3])
            z[1:3, 1:3] = 5
            seen.append(counting.counts)
    assert seen[0] == seen[1]
    assert seen[0].reads > 0


def test_a_refused_write_is_not_counted() -> None:
    """A read-only store refuses before anything is sent."""
    store = CountingStore(MemoryStore(read_only=True))
    with pytest.raises(ValueError, match="read-only"):
        sync(store.set("a", Buffer.from_bytes(b"1")))
    assert store.counts == Counts()


def test_read_only_copies_and_with_blocks_count_for_the_same_store() -> None:
    """zarr.open(store, mode="r") reads through a copy; the learner looks at the original, by attribute or snapshot."""
    with CountingStore(MemoryStore()) as store:
        zarr.create_array(store, data=np.arange(1, 9), chunks=(2,))
        z = zarr.open_array(store, mode="r")
        store.reset()
        np.testing.assert_array_equal(z[:3], [1, 2, 3])
        names = ("reads", "writes", "deletes", "lists", "bytes_read", "bytes_written")
        assert {name: getattr(store, name) for name in names} == vars(store.counts)
        assert store.reads == 2
        store.reset()
        assert z.store.counts == store.counts == Counts()  # type: ignore[attr-defined]
    assert not store._is_open


def test_no_count_is_lost_between_threads(store: CountingStore) -> None:
    """Eight threads, a thousand reads each."""

    def read() -> None:
        for _ in range(1000):
            store.get_sync("a/0")

    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(read)
    assert store.counts == Counts(reads=8000, bytes_read=32_000)


def test_a_pickled_copy_counts_for_itself(tmp_path: Path) -> None:
    """A worker in another process starts from zero, on the same data."""
    local = CountingStore(LocalStore(tmp_path))
    sync(local.set("a", Buffer.from_bytes(b"1")))
    copy = pickle.loads(pickle.dumps(local))
    assert copy == local
    assert copy.counts == Counts()
    assert copy.get_sync("a").to_bytes() == b"1"
    assert (copy.reads, local.reads) == (1, 0)


def test_names_show_no_address_and_no_path(tmp_path: Path) -> None:
    """What a notebook stores must be the same on every machine, and hold no secret."""
    for inner in (MemoryStore(), LocalStore(tmp_path)):
        kind = type(inner).__name__
        store = CountingStore(SlowStore(inner, latency_s=0))
        assert str(store) == f"counting://SlowStore({kind})"
        assert repr(store).startswith(f"CountingStore(SlowStore({kind})): 0 reads (0 B)")
        assert not re.search(r"\d{4}", str(store) + repr(store))
    z = zarr.create_array(CountingStore(MemoryStore()), shape=3, dtype="u1")
    assert repr(z) == "<Array counting://MemoryStore shape=(3,) dtype=uint8>"


# --- every request is noticed, whatever it comes through ---


def test_no_way_past_the_count_is_left_open() -> None:
    """Each method that WrapperStore forwards is overridden here, so that a new one in zarr is noticed.

    A subclass that does not say what a request does would count nothing, silently.
    """
    with pytest.raises(TypeError, match="abstract"):
        RequestStore(MemoryStore())  # type: ignore[abstract]
    forwarded = {name for name, value in vars(WrapperStore).items() if not name.startswith("__") and callable(value)}
    assert forwarded - NO_REQUEST <= set(vars(RequestStore))


# --- what is waited for ---


@pytest.fixture
def clock() -> Callable[[], float]:
    """Seconds since the test began."""
    begin = time.perf_counter()
    return lambda: time.perf_counter() - begin


def test_requests_wait_side_by_side(clock: Callable[[], float]) -> None:
    """Ten requests are kept under way: thirty chunks wait about three times, not thirty."""
    fast = MemoryStore()
    zarr.create_array(fast, data=np.arange(1, 31), chunks=(1,))
    z = zarr.open_array(SlowStore(fast, latency_s=0.1), mode="r")
    before = clock()
    _ = z[:]
    assert 0.3 <= clock() - before < 1.5


def test_bytes_share_one_link(clock: Callable[[], float]) -> None:
    """Four values of 1 kB at 20 kB/s take 0.2 s, although they are asked for at once."""
    store = SlowStore(MemoryStore(), latency_s=0, bandwidth_Bps=20_000)
    sync(store._set_many((key, Buffer.from_bytes(bytes(1000))) for key in "abcd"))
    assert clock() >= 0.2


def test_copies_of_a_slow_store_are_as_slow() -> None:
    """Read-only and pickled copies keep latency and bandwidth; the first shares the link."""
    store = SlowStore(MemoryStore(), latency_s=0.25, bandwidth_Bps=100.0)
    for copy in (store.with_read_only(True), pickle.loads(pickle.dumps(store))):
        assert (copy.latency_s, copy.bandwidth_Bps) == (0.25, 100.0)
    assert store.with_read_only(True)._link is store._link


@pytest.mark.parametrize(
    ("pace", "error", "message"),
    [
        ({"latency_s": -1}, ValueError, "latency_s=-1 is not allowed. It must be finite, 0 or more"),
        ({"latency_s": float("nan")}, ValueError, "latency_s=nan is not allowed"),
        ({"latency_s": "100 ms"}, TypeError, "latency_s='100 ms' is a str. It must be a number"),
        ({"latency_s": 0, "bandwidth_Bps": 0}, ValueError, "bandwidth_Bps=0 is not allowed. It must be above 0"),
    ],
)
def test_a_pace_that_makes_no_sense_is_refused(pace: Any, error: type[Exception], message: str) -> None:
    """The error names the value and what is allowed."""
    with pytest.raises(error, match=re.escape(message)):
        SlowStore(MemoryStore(), **pace)


@pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")  # bytes and the like
@pytest.mark.parametrize("machine", MACHINES)
def test_any_sequence_of_requests_does_what_memory_does(machine: Any) -> None:
    """Zarr's state machines of a store, and of groups and arrays."""
    run_machine(machine, CountingStore(MemoryStore()))
