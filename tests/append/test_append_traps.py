"""The traps of growing an archive with xarray and zarr alone, as they are today; each is named for its thread.

A test that fails here is good news: something was mended upstream, and `facts.md` and lesson 12 can say so.
Each ends with `append` in the same place.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import dask
import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr
from icechunk.xarray import to_icechunk
from zarr.storage import MemoryStore

from helpers.append import append, append_commit, locked, open_repository
from helpers.counting import SlowStore
from tests.append_pieces import EVERY, START, Killed, MortalStore, assert_holds, piece

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")


def series(first: int, last: int, *, value: float = 1.0) -> xr.Dataset:
    """Return steps with one value each."""
    time = START + np.arange(first, last) * EVERY
    return xr.Dataset({"rain": ("time", np.full(last - first, float(value)))}, {"time": time})


def test_time_units_fixed_by_the_first_write_xarray_5969_10639_3942() -> None:
    """A store begun with one step counts in days; later steps are written in hours: three hours read as three days."""
    store = MemoryStore()
    series(0, 1).to_zarr(store)
    assert zarr.open_array(store, path="time").attrs["units"] == "days since 2020-01-01 00:00:00"
    with pytest.warns(UserWarning, match="Times can't be serialized faithfully to int64 with requested units"):
        series(1, 9).to_zarr(store, append_dim="time")
    back = xr.open_zarr(store).time.values
    assert (back == START + np.arange(9) * np.timedelta64(3, "D")).all()

    mended = MemoryStore()
    append(series(0, 1), mended, step="3h")
    append(series(1, 9), mended)
    assert (xr.open_zarr(mended).time.values == series(0, 9).time.values).all()


def test_the_append_cell_run_twice_pangeo_forge_recipes_721() -> None:
    """The same steps are appended again, without a word."""
    store = MemoryStore()
    series(0, 4).to_zarr(store, encoding={"time": {"units": "hours since 2020-01-01"}})
    for _ in range(2):
        series(4, 8).to_zarr(store, append_dim="time")
    back = xr.open_zarr(store)
    assert back.sizes["time"] == 12
    assert not back.indexes["time"].is_unique

    mended = MemoryStore()
    append(series(0, 4), mended)
    for _ in range(2):
        append(series(4, 8), mended)
    assert xr.open_zarr(mended).sizes["time"] == 8


def test_a_partial_last_chunk_xarray_5511_8876_7812() -> None:
    """Dask chunks that share a Zarr chunk are refused, but too late; unchecked, one task undoes what another wrote.

    Refused, the store has grown all the same, by steps that hold nothing, and lost its consolidated metadata.
    Whether it still opens depends on the order of a set.
    """
    encoding = {"rain": {"chunks": (10,)}, "time": {"chunks": (100,), "units": "hours since 2020-01-01"}}
    refused, unchecked = MemoryStore(), MemoryStore()
    for store in (refused, unchecked):
        series(0, 5).to_zarr(store, encoding=encoding)
    later = series(5, 45).chunk({"time": 8})
    with pytest.raises(ValueError, match="would overlap multiple Dask chunks"):
        later.to_zarr(refused, append_dim="time")
    rain = zarr.open_array(refused, path="rain")
    assert np.array_equal(rain[5:], np.full(40, np.nan), equal_nan=True)
    assert zarr.open_group(refused).metadata.consolidated_metadata is None
    with dask.config.set(scheduler="threads", num_workers=8):
        later.to_zarr(SlowStore(unchecked, latency_s=0.05), append_dim="time", safe_chunks=False)
    back = xr.open_zarr(unchecked)
    assert back.sizes["time"] == 45
    assert 0 < int(back.rain.isnull().sum()) < 40

    mended = MemoryStore()
    append(series(0, 5), mended, encoding={"rain": {"chunks": (10,)}})
    append(later, mended)
    assert (xr.open_zarr(mended).rain == 1).all()


def test_a_piece_that_lacks_a_variable_xarray_10766() -> None:
    """It is appended all the same, and the store can no longer be opened."""
    store = MemoryStore()
    first = piece(range(4))
    first.to_zarr(store)
    later = piece(range(4, 8))
    later.drop_vars("orbit").to_zarr(store, append_dim="time")
    with pytest.raises(ValueError, match="conflicting sizes for dimension 'time'"):
        xr.open_zarr(store)

    mended = MemoryStore()
    append(first, mended, step="3h")
    with pytest.raises(ValueError, match=r"lacks \['orbit'\]"):
        append(later.drop_vars("orbit"), mended)
    assert_holds(mended, range(4))


def test_two_writers_append_zarr_2077_701() -> None:
    """Each appends at the end that it knows of: the second overwrites what the first wrote, without a word."""
    store = MemoryStore()
    zarr.create_array(store, shape=10, chunks=10, dtype="i4", fill_value=-1)
    one, other = (zarr.open_array(store, mode="r+") for _ in range(2))
    one.append(np.full(10, 1))
    other.append(np.full(10, 2))
    back = zarr.open_array(store)
    assert back.shape == (20,)
    assert np.array_equal(back[10:], np.full(10, 2))

    mended = MemoryStore()
    append(series(0, 10), mended)
    append(series(10, 20, value=1), mended)
    with pytest.raises(ValueError, match="holds other values for 10 of 10 steps"):
        append(series(10, 20, value=2), mended)


def test_many_append_at_once_zarr_2077() -> None:
    """As in the thread, where 100 appends of 10 left 320: each opens the array, and none is told of the others."""
    near = MemoryStore()
    zarr.create_array(near, shape=0, chunks=10, dtype="i4")
    far = SlowStore(near, latency_s=0.005)

    def append_ten(number: int) -> None:
        zarr.open_array(far, mode="r+").append(np.full(10, number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append_ten, range(40)))
    assert 10 <= zarr.open_array(near, mode="r").shape[0] < 400

    mended = MemoryStore()
    append(series(0, 10), mended)
    with locked(mended), pytest.raises(BlockingIOError, match="is being written to by process"):
        append(series(10, 20), mended)


def test_a_reader_opened_before_the_append_zarr_1768() -> None:
    """It keeps the old shape for ever; where metadata was not consolidated again, so does whoever opens anew."""
    store = MemoryStore()
    group = zarr.create_group(store)
    group.create_array("rain", data=np.ones(10), chunks=(10,))
    zarr.consolidate_metadata(store)
    before = zarr.open_group(store, mode="r")["rain"]
    writer = zarr.open_array(store, path="rain", mode="r+")
    writer.append(np.ones(10))
    assert before.shape == (10,)  # type: ignore[union-attr]
    assert not hasattr(before, "refresh")
    assert zarr.open_group(store, mode="r")["rain"].shape == (10,)  # type: ignore[union-attr]
    assert zarr.open_group(store, mode="r", use_consolidated=False)["rain"].shape == (20,)  # type: ignore[union-attr]

    mended = MemoryStore()
    append(series(0, 10), mended)
    append(series(10, 20), mended)
    for consolidated in (True, False):
        assert xr.open_zarr(mended, consolidated=consolidated).sizes["time"] == 20


def test_resize_then_write_shows_fill_values_as_data() -> None:
    """A reader between the two finds steps that look as if nothing had fallen."""
    store = MemoryStore()
    rain = zarr.create_array(store, data=np.ones(10), chunks=(10,))
    rain.resize((20,))
    between = zarr.open_array(store, mode="r")
    assert np.array_equal(between[10:], np.zeros(10))
    rain[10:] = 1


def test_killed_half_way() -> None:
    """Xarray stores the new shape first: killed after that, the archive is longer, and holds nothing there."""
    start = MortalStore()
    options = {"rain": {"chunks": (4,)}, "time": {"chunks": (100,), "units": "hours since 2020-01-01"}}
    series(0, 4).to_zarr(start, encoding=options)
    torn = 0
    for requests in range(100):
        store = start.copy(left=requests)
        try:
            series(4, 12).to_zarr(store, append_dim="time")
        except Killed:
            store.left = None
        else:
            break
        try:
            back = xr.open_zarr(store, consolidated=False)
        except ValueError:
            torn += 1
        else:
            torn += back.sizes["time"] > 4 and bool(back.rain.isnull().any())
    assert torn > 3
    assert requests > 10


def test_a_commit_is_seen_at_once_and_keeps_the_traps_of_xarray() -> None:
    """Icechunk 2 makes a batch one change. It is no help with dates and steps: wrong ones are there, twice."""
    repository = icechunk.Repository.create(icechunk.in_memory_storage())
    session = repository.writable_session("main")
    to_icechunk(series(0, 1), session)
    session.commit("begin")
    for _ in range(2):
        session = repository.writable_session("main")
        with pytest.warns(UserWarning, match="Times can't be serialized faithfully"):
            to_icechunk(series(1, 9), session, append_dim="time")
        before = xr.open_zarr(repository.readonly_session("main").store, consolidated=False).sizes["time"]
        session.commit("batch")
        after = xr.open_zarr(repository.readonly_session("main").store, consolidated=False)
        assert after.sizes["time"] == before + 8
    assert after.time.values[1] == START + np.timedelta64(3, "D")
    assert not after.indexes["time"].is_unique

    mended = icechunk.Repository.create(icechunk.in_memory_storage())
    append_commit(mended, series(0, 1), message="begin", step="3h")
    for _ in range(2):
        append_commit(mended, series(1, 9), message="batch")
    back = xr.open_zarr(mended.readonly_session("main").store)
    assert (back.time.values == series(0, 9).time.values).all()


def test_icechunk_on_a_local_disk_warns_of_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It says on stderr that commits at once are not safe there, unless its log is filtered."""
    icechunk.set_logs_filter(None)  # another test may have done so
    icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "loud")))
    assert "not safe" in capfd.readouterr().err
    open_repository(tmp_path / "quiet")
    assert capfd.readouterr().err == ""
