"""What lesson 12 says: `tiny_append`, taken from its cells, against the traps that it mends; and Xarray's own ways.

A trap's test that fails is good news: something was mended upstream, and `facts.md` and the lesson can say so.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from zarr.storage import MemoryStore

from helpers.counting import SlowStore
from helpers.parallel import BarrierStore
from tools.lessons import read_lessons

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

(LESSON,) = (lesson for lesson in read_lessons() if lesson.number == "12")
PROSE = "\n".join(cell.source for cell in LESSON.cells("markdown"))
HOURS = {"time": {"units": "hours since 2015-03-11"}}
TEN = {"rain": {"chunks": (10,)}}


def definitions() -> dict[str, Any]:
    """Return the functions and classes of the lesson, from its own cells; of those made anew, the last."""
    kept: list[ast.stmt] = []
    for cell in LESSON.cells("code"):
        if "solution" not in cell.metadata.get("tags", []):
            kept += [each for each in ast.parse(cell.source).body if isinstance(each, ast.FunctionDef | ast.ClassDef)]
    cells: dict[str, Any] = {"np": np, "xr": xr, "zarr": zarr, "MemoryStore": MemoryStore, "hours": HOURS}
    exec(compile(ast.Module(kept, []), LESSON.path.name, "exec"), cells)
    return cells


CELLS = definitions()
ones, tiny_append, begin, seen = (CELLS[name] for name in ("ones", "tiny_append", "begin", "seen"))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Switch off the two warnings that the lesson switches off."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        warnings.filterwarnings("ignore", message="Failed to open Zarr store with consolidated")
        yield


def lines_of(*names: str) -> int:
    """Return how many lines the last definitions of these names have in the lesson."""
    found: dict[str, int] = {}
    for cell in LESSON.cells("code"):
        for each in ast.parse(cell.source).body:
            if isinstance(each, ast.FunctionDef):
                found[each.name] = (each.end_lineno or each.lineno) - each.lineno + 1
    return sum(found[name] for name in names)


def test_it_is_as_short_as_the_lesson_says() -> None:
    """`tiny_append` itself has a dozen lines, and with what it calls fewer than fifty."""
    assert lines_of("tiny_append") <= 12
    assert lines_of("tiny_append", "refuse", "refuse_dates", "not_there_yet", "lengthen", "write") < 50


def test_trap_1_hours_in_an_archive_of_days_are_refused_before_anything_is_written() -> None:
    """Never a wrong date (xarray#5969): the archive stays as it was."""
    ones(0, 1).to_zarr(store := MemoryStore())
    before = dict(store._store_dict)
    with pytest.warns(UserWarning, match="can't be serialized"), pytest.raises(ValueError, match="counts days"):
        tiny_append(ones(1, 5), store)
    assert dict(store._store_dict) == before


def test_trap_1_plain_xarray_needs_the_units_with_the_first_write() -> None:
    """Without them, hours become days, with a warning only; with them, nothing is wrong."""
    ones(0, 1).to_zarr(days := MemoryStore())
    with pytest.warns(UserWarning, match="can't be serialized faithfully"):
        ones(1, 5).to_zarr(days, append_dim="time")
    assert xr.open_zarr(days).time.values[-1] == np.datetime64("2015-03-23")
    ones(1, 5).to_zarr(store := begin(1), append_dim="time")
    assert xr.open_zarr(store).identical(ones(0, 5))


def test_trap_2_twice_overlapping_and_other_values() -> None:
    """A step has one place: the same is skipped, half a batch is completed, another value is an error."""
    store = begin(4)
    assert [tiny_append(ones(*piece), store) for piece in [(4, 8), (4, 8), (6, 10), (0, 3)]] == [4, 0, 2, 0]
    with pytest.raises(ValueError, match="other values"):
        tiny_append(ones(8, 12) * 2, store)
    assert xr.open_zarr(store).identical(ones(0, 10))


def test_trap_2_a_step_before_the_last_one_has_no_place() -> None:
    """The archive grows at its end."""
    store = begin(4)
    tiny_append(ones(8, 12), store)
    with pytest.raises(ValueError, match="after the last one"):
        tiny_append(ones(5, 6), store)


@pytest.mark.parametrize("shards", [None, (20,)], ids=["chunks", "shards"])
def test_trap_3_dask_chunks_that_share_stored_ones(shards: tuple[int] | None) -> None:
    """Aligned, whatever the borders; the last, half-filled chunk keeps what is in it."""
    store = begin(5, rain={"chunks": (10,), "shards": shards})
    with dask.config.set(scheduler="threads", num_workers=8):
        tiny_append(ones(5, 45).chunk({"time": 8}), SlowStore(store, latency_s=0.005))
    assert xr.open_zarr(store).identical(ones(0, 45))


def test_trap_3_the_message_offers_both_ways_out() -> None:
    """`safe_chunks=False`, which loses steps, and `align_chunks=True`, which does not; the lesson names both."""
    with pytest.raises(ValueError, match="would overlap") as refusal:
        ones(5, 45).chunk({"time": 8}).to_zarr(begin(5, **TEN), append_dim="time")
    for way in ("`safe_chunks=False`", "`align_chunks=True`"):
        assert way in str(refusal.value)
        assert way in PROSE


def test_trap_3_align_chunks_aligns_within_one_call_only(tmp_path: Path) -> None:
    """Two region writers with half a chunk each: both are accepted and lose half; the default refuses Dask arrays."""

    def half(store: Any, first: int, *, cut: int | None = 6, **how: Any) -> None:
        piece = ones(first, first + 6).drop_vars("time")
        piece = piece.chunk({"time": cut}) if cut else piece
        piece.to_zarr(store, region={"time": slice(first, first + 6)}, **how)

    def room() -> MemoryStore:
        ones(0, 12).chunk({"time": 12}).to_zarr(store := MemoryStore(), compute=False, encoding=HOURS)
        return store

    unlucky = BarrierStore(store := room(), tmp_path / "marks")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda first: half(unlucky, first, align_chunks=True), (0, 6)))
    assert int((xr.open_zarr(store).rain == 1).sum()) == 6
    for first in (0, 6):
        with pytest.raises(ValueError, match="Zarr chunks"):
            half(room(), first)
        half(room(), first, cut=None)  # what is no Dask array is not checked


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda ds: ds.assign(error=ds.rain), "only in one"),
        (lambda ds: ds.drop_vars("rain"), "only in one"),
        (lambda ds: ds.astype("f4"), "float32"),
        (lambda ds: ds.assign_coords(x=[0.0, 2.0]), "cannot align|conflicting|indexes"),
        (lambda ds: ds.transpose("x", "time"), "in the archive"),
    ],
    ids=["more", "less", "type", "grid", "order"],
)
def test_trap_4_what_does_not_belong_is_refused_before_anything_is_written(change: Any, match: str) -> None:
    """Plain `append_dim` stores a piece without a variable, and nobody can open the archive (xarray#10766)."""

    def wide(first: int, last: int) -> xr.Dataset:
        return ones(first, last).expand_dims(x=[0.0, 1.0], axis=1).copy()  # type: ignore[no-any-return]

    wide(0, 4).to_zarr(store := MemoryStore(), encoding=HOURS)
    before = dict(store._store_dict)
    with pytest.raises(ValueError, match=match):
        tiny_append(change(wide(4, 8)), store)
    assert dict(store._store_dict) == before
    assert tiny_append(wide(4, 8), store) == 4
    assert xr.open_zarr(store).equals(wide(0, 8))


def test_trap_5_a_template_takes_several_writers() -> None:
    """Three threads, whole chunks each: nothing is lost on plain Zarr, and the lesson says so."""
    room = ones(0, 12).chunk({"time": 4})
    room.to_zarr(store := MemoryStore(), compute=False, encoding=HOURS | {"rain": {"chunks": (4,)}})
    assert np.isnan(xr.open_zarr(store).rain.values).all()
    slow = SlowStore(store, latency_s=0.005)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda first: ones(first, first + 4).to_zarr(slow, region="auto"), (0, 4, 8)))
    assert xr.open_zarr(store).identical(ones(0, 12))


def test_trap_6_readers_who_open_anew_see_what_came() -> None:
    """The copy of all metadata is renewed with every batch."""
    tiny_append(ones(4, 8), store := begin(4))
    assert dict(zarr.open_group(store, mode="r").arrays())["rain"].shape == (8,)


@pytest.mark.parametrize("chunk", [4, 10])
def test_trap_7_no_moment_is_torn_and_each_can_be_finished(chunk: int) -> None:
    """Readers of the copy see old or new; a second call from each moment ends whole. Others meet three odd moments."""
    store = MemoryStore(log := CELLS["Moments"]())
    ones(0, 4).to_zarr(store, encoding=HOURS | {"rain": {"chunks": (chunk,)}})
    before = len(log.states)
    tiny_append(ones(4, 8), store)
    states = log.states[before:]
    assert log.written[-1] == "zarr.json"
    assert Counter(map(seen, states)) == {"4 steps": len(states) - 1, "8 steps": 1}
    without = [seen(state, consolidated=False) for state in states]
    assert sum(sight not in ("4 steps", "8 steps") for sight in without) == 3
    for state in states:
        tiny_append(ones(4, 8), state)
        assert seen(state) == seen(state, consolidated=False) == "8 steps"


def test_trap_7_killed_and_then_given_a_shorter_piece() -> None:
    """What an unfinished batch left beyond the end is not seen, then or later."""
    store = MemoryStore(log := CELLS["Moments"]())
    ones(0, 4).to_zarr(store, encoding=HOURS | TEN)
    before = len(log.states)
    tiny_append(ones(4, 9), store)
    for state in log.states[before:-1]:
        assert tiny_append(ones(4, 6), state) == 2
        assert seen(state) == seen(state, consolidated=False) == "6 steps"
        assert tiny_append(ones(6, 12), state) == 6
        assert seen(state) == "12 steps"


def test_trap_7_three_moments_of_xarrays_append_are_torn() -> None:
    """The number that the lesson ends with."""
    _, states = CELLS["moments_of"](lambda ds, store: ds.to_zarr(store, append_dim="time"))
    assert sum(seen(state) not in ("4 steps", "8 steps") for state in states) == 3


def test_region_leaves_out_the_labels_of_an_index() -> None:
    """Why `write` drops the index: the labels stay zeros, read as the epoch of the units."""
    for indexed, last in ((True, "2015-03-11T00"), (False, "2015-03-11T21")):
        store = begin(4)
        CELLS["lengthen"](store, 8)
        new = ones(4, 8) if indexed else ones(4, 8).drop_indexes("time")
        new.to_zarr(store, region={"time": slice(4, 8)}, consolidated=False)
        assert xr.open_zarr(store, consolidated=False).time.values[-1] == np.datetime64(last)


def test_chunks_of_several_sizes_are_opt_in_and_read_by_xarray() -> None:
    """Chunks are not fixed for ever: what the lesson says of grids of chunks in one sentence."""
    sizes: Any = [[2, 6]]
    with pytest.raises(ValueError, match="rectilinear"):
        zarr.create_array(MemoryStore(), shape=8, chunks=sizes, dtype="i8")
    with zarr.config.set({"array.rectilinear_chunks": True}):
        root = zarr.create_group(store := MemoryStore())
        mixed = root.create_array("rain", shape=8, chunks=sizes, dtype="i8", dimension_names=["time"])
        mixed[:] = np.arange(8)
        assert xr.open_zarr(store, consolidated=False, chunks=None).rain.values.tolist() == list(range(8))
    assert "Zarr 3.4 can mix sizes of chunks" in PROSE
    assert "as long as the archive lives" not in PROSE


def test_the_satellite_ended_before_its_product() -> None:
    """TRMM measured until 2015; 3B42RT went on with other satellites until the end of 2019."""
    assert re.search(
        r"TRMM measured rain until 2015\..*3B42RT.*went on with other satellites until the end of 2019", PROSE
    )


def test_labels_in_short_chunks_are_many_objects() -> None:
    """Why the first write names chunks of labels: by default they are as long as the first batch."""
    default, long = MemoryStore(), MemoryStore()
    ones(1, 2).to_zarr(default, encoding=HOURS)
    ones(1, 2).to_zarr(long, encoding={"time": HOURS["time"] | {"chunks": (2920,)}})
    for first in range(2, 11):
        tiny_append(ones(first, first + 1), default)
        tiny_append(ones(first, first + 1), long)
    counts = [sum(key.startswith("time/c/") for key in store._store_dict) for store in (default, long)]
    assert counts == [10, 1]
    assert pd.Index(xr.open_zarr(long).time).equals(pd.Index(ones(1, 11).time))
