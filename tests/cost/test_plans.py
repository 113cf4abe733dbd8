"""Tests of helpers.cost.plans: what is planned is what is counted, for every basic selection; its time and price."""

from __future__ import annotations

import math
import os
import time
from typing import Any, NamedTuple

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from helpers.cost import S3_STANDARD, plan_read, plan_write
from helpers.counting import CountingStore, Counts, SlowStore

# `make test-long` asks for 10,000.
EXAMPLES = int(os.environ.get("PLAN_EXAMPLES", "60"))
pytestmark = pytest.mark.timeout(max(120, EXAMPLES // 5))
# The longer the dimensions, the fewer: enough for edges, strides and several shards in each.
MAX_LENGTH = {0: 0, 1: 300, 2: 40, 3: 14, 4: 8}
GB, TB, PB = 2**30, 2**40, 2**50


class Layout(NamedTuple):
    """How an array is cut up."""

    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Draw arrays of 0 to 4 dimensions, some of length 0, cut evenly or not, with and without shards."""
    ndim = draw(st.integers(0, 4))
    longest = MAX_LENGTH[ndim]
    shape = draw(st.tuples(*[st.integers(0, longest)] * ndim))
    chunks = draw(st.tuples(*[st.integers(1, min(longest, 12)) | st.integers(1, longest + 2)] * ndim))
    per_shard = draw(st.none() | st.tuples(*[st.integers(1, 6 if ndim < 3 else 3)] * ndim))
    shards = None if per_shard is None else tuple(a * b for a, b in zip(chunks, per_shard, strict=True))
    return Layout(shape, draw(st.sampled_from(["u1", "f4", "c16"])), chunks, shards)


@st.composite
def selections(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """Draw what may stand between brackets: integers of all kinds, slices, an ellipsis, less than all of them."""
    items = [draw(selectors(length)) for length in shape[: draw(st.integers(0, len(shape)))]]
    if len(items) == len(shape) and draw(st.booleans()):
        keep = draw(st.integers(0, len(shape)))
        after = draw(st.integers(keep, len(shape)))
        items = [*items[:keep], ..., *items[after:]]
    return items[0] if len(items) == 1 and draw(st.booleans()) else tuple(items)


def selectors(length: int) -> st.SearchStrategy[Any]:
    """Draw what may stand for one dimension."""
    bound = st.none() | st.integers(-length - 2, length + 2)
    step = st.none() | st.just(1) | st.integers(1, 5) | st.integers(1, length + 2)
    slices = st.builds(slice, bound, bound, step) | st.builds(slice, st.none(), st.none(), step)
    if length == 0:
        return slices
    kinds = st.sampled_from([int, np.int64, np.int16])
    return slices | st.builds(lambda kind, index: kind(index), kinds, st.integers(-length, length - 1))


@st.composite
def fancy_cases(draw: st.DrawFn) -> tuple[Layout, str, Any]:
    """Draw a layout, what stands before the brackets, and a selection of lists, masks, points or blocks."""
    layout = draw(layouts().filter(lambda layout: math.prod(layout.shape) > 0 and layout.shape))
    indexer = draw(st.sampled_from(["oindex", "vindex", "blocks", "mask"]))
    if indexer == "mask":
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        return layout, "vindex", rng.random(layout.shape) < draw(st.sampled_from([0, 0.05, 0.5, 1]))
    if indexer == "vindex":
        number = draw(st.integers(1, 20))
        lists = [st.lists(st.integers(-n, n - 1), min_size=number, max_size=number) for n in layout.shape]
        return layout, indexer, draw(st.tuples(*lists))
    if indexer == "oindex":
        return layout, indexer, draw(st.tuples(*[orthogonal(length) for length in layout.shape]))
    sizes = zip(layout.shape, layout.shards or layout.chunks, strict=True)
    counts = [-(-length // size) for length, size in sizes]
    blocks = [st.integers(-n, n - 1) | st.integers(0, n - 1).map(lambda k: slice(k, k + 2)) for n in counts]
    return layout, indexer, draw(st.tuples(*blocks))


def orthogonal(length: int) -> st.SearchStrategy[Any]:
    """Draw what `oindex` takes for one dimension: a list, a mask, a slice or an integer."""
    indices = st.integers(-length, length - 1)
    masks = st.lists(st.booleans(), min_size=length, max_size=length).map(np.array)
    return st.lists(indices, min_size=1, max_size=12) | masks | indices | st.integers(1, 5).map(slice)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Layout, Any, dict[str, int]]:
    """Draw a layout, a selection of it, and when zarr merges byte ranges."""
    layout = draw(layouts())
    small = {
        "array.sharding_coalesce_max_gap_bytes": draw(st.integers(0, 200)),
        "array.sharding_coalesce_max_bytes": draw(st.integers(0, 1000)),
    }
    return layout, draw(selections(layout.shape)), draw(st.sampled_from([{}, small]))


def make(layout: Layout, *, fresh: bool = False) -> tuple[CountingStore, zarr.Array[Any]]:
    """Make an array of ones on a store whose counts are zero; a fresh one is not written yet."""
    store = CountingStore(MemoryStore())
    array = zarr.create_array(
        store,
        shape=layout.shape,
        dtype=layout.dtype,
        chunks=layout.chunks,
        shards=layout.shards,
        compressors=None,
        filters=None,
        fill_value=0,
    )
    if not fresh:
        array[...] = np.ones(layout.shape, layout.dtype)
    store.reset()
    return store, array


@settings(max_examples=EXAMPLES)
@given(cases())
def test_a_read_takes_what_was_planned(case: tuple[Layout, Any, dict[str, int]]) -> None:
    """Requests, bytes read and bytes needed, for any basic selection of any array."""
    layout, selection, config = case
    with zarr.config.set(config):
        store, array = make(layout)
        plan = plan_read(*layout[:3], selection, shards=layout.shards)
        values = np.asarray(array[selection])
    assert store.counts == Counts(reads=plan.requests, bytes_read=plan.nbytes_read)
    assert plan.nbytes_needed == values.nbytes
    assert plan.objects <= plan.round_trips <= plan.requests
    assert plan.chunks >= plan.objects


@settings(max_examples=EXAMPLES)
@given(fancy_cases())
def test_a_fancy_read_takes_what_was_planned(case: tuple[Layout, Any, Any]) -> None:
    """Requests, bytes read and bytes needed, for lists, masks, points and blocks."""
    layout, indexer, selection = case
    store, array = make(layout)
    plan = plan_read(*layout[:3], selection, shards=layout.shards, indexer=indexer)
    values = np.asarray(getattr(array, indexer)[selection])
    assert store.counts == Counts(reads=plan.requests, bytes_read=plan.nbytes_read)
    assert plan.nbytes_needed == values.nbytes
    assert plan.objects <= plan.round_trips <= plan.requests
    assert plan.chunks >= plan.objects


@settings(max_examples=EXAMPLES)
@given(cases(), st.booleans())
def test_a_write_takes_what_was_planned(case: tuple[Layout, Any, dict[str, int]], fresh: bool) -> None:
    """Requests and bytes of both kinds, for any basic selection, whether or not the array was written before."""
    layout, selection, config = case
    values = np.ones(layout.shape, layout.dtype)[selection] + 1
    with zarr.config.set(config):
        store, array = make(layout, fresh=fresh)
        plan = plan_write(*layout[:3], selection, shards=layout.shards, fresh=fresh)
        array[selection] = values
    assert store.counts == Counts(
        reads=plan.reads, bytes_read=plan.nbytes_read, writes=plan.writes, bytes_written=plan.nbytes_written
    )
    assert plan.nbytes_given == values.nbytes
    assert plan.requests == plan.reads + plan.writes == plan.round_trips


@settings(max_examples=EXAMPLES)
@given(cases())
def test_the_chunks_and_objects_planned_are_those_that_hold_the_selection(
    case: tuple[Layout, Any, dict[str, int]],
) -> None:
    """Counted the slow way, element by element."""
    layout, selection, _ = case
    plan = plan_read(*layout[:3], selection, shards=layout.shards)
    asked = np.zeros(layout.shape, dtype=bool)
    asked[selection] = True
    elements = np.argwhere(asked)
    for number, sizes in ((plan.chunks, layout.chunks), (plan.objects, layout.shards or layout.chunks)):
        cells = {tuple(cell) for cell in (elements // np.array(sizes, dtype=int)).tolist()}
        assert number == len(cells)


BAD_SELECTIONS: list[Any] = [10, -11, (0, 10), (slice(None), np.int64(99)), (0, 0, 0), (..., ...), None, (..., None)]
BAD_SELECTIONS += [slice(None, None, -1), slice(0, 5, 0), slice(0, 2.5), slice("a", None), 1.5, "x", True, object()]


@pytest.mark.parametrize("selection", BAD_SELECTIONS, ids=range(len(BAD_SELECTIONS)))
@pytest.mark.parametrize("plan", [plan_read, plan_write])
def test_a_bad_selection_gets_zarrs_own_kind_of_error(plan: Any, selection: Any) -> None:
    """Out of bounds, too many, backwards, no step, or not an index at all."""
    _, array = make(Layout((10, 10), "u1", (5, 5), None))
    with pytest.raises((IndexError, ValueError, TypeError)) as theirs:
        array[selection]
    with pytest.raises(type(theirs.value)):
        plan((10, 10), "u1", (5, 5), selection)


@pytest.mark.parametrize(
    "selection", [[1, 2], np.array([1]), np.array(1), np.ones((10, 10), bool), ([0], [1])], ids=repr
)
def test_fancy_selections_are_refused_without_an_indexer(selection: Any) -> None:
    """Whether pairs or rows and columns are meant has to be said."""
    with pytest.raises(IndexError, match="For lists and masks, give `indexer`"):
        plan_read((10, 10), "u1", (5, 5), selection)


@pytest.mark.parametrize(
    ("indexer", "selection"),
    [
        ("oindex", ([1, 10], 0)),
        ("oindex", ([-11], 0)),
        ("oindex", (np.ones(9, bool), 0)),
        ("oindex", (["x"], 0)),
        ("oindex", (slice(None, None, -1), [0])),
        ("vindex", ([1, 2],)),
        ("vindex", ([1], [10])),
        ("vindex", np.ones((9, 10), bool)),
        ("blocks", (2, 0)),
        ("blocks", (slice(None, None, 2), 0)),
    ],
)
def test_a_bad_fancy_selection_gets_zarrs_own_kind_of_error(indexer: Any, selection: Any) -> None:
    """Out of bounds, of the wrong length, or not a list of integers."""
    _, array = make(Layout((10, 10), "u1", (5, 5), None))
    with pytest.raises((IndexError, ValueError, TypeError)):
        getattr(array, indexer)[selection]
    with pytest.raises(IndexError):
        plan_read((10, 10), "u1", (5, 5), selection, indexer=indexer)


@pytest.mark.parametrize(
    ("shape", "chunks", "shards"),
    [
        ((10, 10), (5,), None),
        ((10,), (5, 5), None),
        ((10,), (0,), None),
        ((10,), (-2,), None),
        ((10,), (2.5,), None),
        ((-1,), (5,), None),
        ((10,), (3,), (10,)),
        ((10, 10), (5, 5), (10,)),
        ((10,), (5,), (0,)),
    ],
)
@pytest.mark.parametrize("plan", [plan_read, plan_write])
def test_a_bad_layout_gets_zarrs_own_kind_of_error(plan: Any, shape: Any, chunks: Any, shards: Any) -> None:
    """Wrong rank, sizes out of range, chunks that do not divide shards."""
    with pytest.raises((ValueError, TypeError)) as theirs:
        zarr.create_array({}, shape=shape, dtype="u1", chunks=chunks, shards=shards)
    with pytest.raises(type(theirs.value)):
        plan(shape, "u1", chunks, ..., shards=shards)


def test_an_array_too_large_to_make_is_planned() -> None:
    """A plane through 10⁸ by 10⁸ elements in 10⁸ chunks, and all of it in a thousand million shards."""
    plane = plan_read((10**8, 10**8), "f4", (10**4, 10**4), np.s_[5])
    assert (plane.requests, plane.nbytes_read) == (10**4, 4 * 10**12)
    all_of_it = plan_read((10**8, 10**8), "f4", (10**3, 10**3), ..., shards=(10**4, 10**4))
    assert (all_of_it.chunks, all_of_it.requests) == (10**10, 10**8)


def test_what_is_written_whole_is_not_read_first_but_for_two_surprises() -> None:
    """A step always reads first, even single elements; so does a shard that reaches beyond the edge."""
    assert plan_write((10,), "u1", (4,), ...).reads == 0
    assert plan_write((10,), "u1", (1,), np.s_[::2]).reads == 5
    assert plan_write((10,), "u1", (2,), ..., shards=(4,), fresh=True).reads == 1


# --- time and money ---


def test_objects_are_waited_for_in_rounds() -> None:
    """Twenty-five chunks, ten at once, are three latencies; then come their bytes.

    A part of a shard waits twice, for the index and for the ranges; a part of a chunk is read before it is written.
    """
    plan = plan_read((25,), "f4", (1,), ...)
    assert math.isclose(plan.seconds(latency_s=0.1, bandwidth_Bps=None), 0.3)
    assert math.isclose(plan.seconds(latency_s=0.1, bandwidth_Bps=1000), 0.4)
    assert math.isclose(plan.seconds(latency_s=0.1, bandwidth_Bps=None, concurrency=5), 0.5)
    assert math.isclose(plan_read((100,), "f4", (1,), 5, shards=(100,)).seconds(bandwidth_Bps=None), 0.2)
    assert math.isclose(plan_write((10,), "f4", (5,), 0).seconds(bandwidth_Bps=None), 0.2)
    assert math.isclose(plan_write((10,), "f4", (5,), ...).seconds(bandwidth_Bps=None), 0.1)
    none = plan_read((10,), "f4", (5,), slice(0, 0))
    assert (none.requests, none.seconds(), none.price(S3_STANDARD), none.amplification) == (0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("shards", [None, (40,)])
def test_a_slow_store_takes_at_least_the_time_planned(shards: tuple[int] | None) -> None:
    """One element of each chunk, or of each shard."""
    fast = MemoryStore()
    zarr.create_array(fast, data=np.arange(1, 1001), chunks=(20,), shards=shards, compressors=None, fill_value=0)
    array = zarr.open_array(SlowStore(fast, latency_s=0.03), mode="r")
    plan = plan_read((1000,), "i8", (20,), np.s_[::40], shards=shards)
    begin = time.perf_counter()
    _ = array[::40]
    assert time.perf_counter() - begin >= plan.seconds(latency_s=0.03, bandwidth_Bps=None)


def test_a_write_is_priced_by_both_kinds_of_requests() -> None:
    """Bytes that go in are free; a read is priced by its requests."""
    assert plan_read((1000,), "f4", (10,), ...).price(S3_STANDARD) == 100 * S3_STANDARD.get_usd
    plan = plan_write((1000,), "f4", (10,), np.s_[5:])
    assert (plan.reads, plan.writes) == (1, 100)
    assert math.isclose(plan.price(S3_STANDARD), S3_STANDARD.get_usd + 100 * S3_STANDARD.put_usd)


@pytest.mark.parametrize(
    ("nbytes", "usd"),
    [
        (0, 0),
        (GB, 0.023),
        (50 * TB, 50 * 1024 * 0.023),
        (51 * TB, 50 * 1024 * 0.023 + 1024 * 0.022),
        (PB, 50 * 1024 * 0.023 + 450 * 1024 * 0.022 + 524 * 1024 * 0.021),
    ],
)
def test_a_month_of_storage_is_added_up_tier_by_tier(nbytes: int, usd: float) -> None:
    """Each GB at the price of the tier it falls into."""
    assert math.isclose(S3_STANDARD.storage(nbytes), usd)
