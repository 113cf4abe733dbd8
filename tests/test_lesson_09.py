"""What lesson 09 says of Xarray without showing it; a test that fails is good news: the lesson can say so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from xarray.groupers import TimeResampler
from zarr.storage import MemoryStore

from helpers.data import air_temperature


def by_month() -> xr.Dataset:
    """Return two months in Dask chunks of a month each."""
    ds = air_temperature().drop_encoding().sel(time=slice("2013-01", "2013-03"))
    return ds.chunk(time=TimeResampler("MS"))


@pytest.mark.parametrize("options", [{}, {"align_chunks": True}, {"safe_chunks": False}])
def test_months_are_no_chunks_for_xarray(options: dict[str, Any]) -> None:
    """Whatever is asked of it."""
    with pytest.raises(ValueError, match="Zarr requires uniform chunk sizes"):
        by_month().to_zarr(MemoryStore(), consolidated=False, **options)


def test_months_are_no_chunks_for_xarray_where_zarr_allows_them() -> None:
    """Zarr-Python makes rectilinear grids, if told; Xarray does not write them."""
    with zarr.config.set({"array.rectilinear_chunks": True}), pytest.raises(ValueError, match="uniform chunk sizes"):
        by_month().to_zarr(MemoryStore(), consolidated=False)


def test_mode_a_keeps_dtype_and_chunks_and_refuses_another_length() -> None:
    """Halves become whole numbers in an array of integers; the only warning is of missing values."""
    store = MemoryStore()
    whole = xr.Dataset({"x": ("step", np.arange(10, dtype="i2"))})
    whole.to_zarr(store, encoding={"x": {"chunks": (5,)}}, consolidated=False)
    with pytest.warns(xr.SerializationWarning, match="without any _FillValue to use for NaNs"):
        (whole / 2).to_zarr(store, mode="a", consolidated=False)
    z = zarr.open_array(store, path="x")
    assert (z.dtype, z.chunks) == (np.dtype("i2"), (5,))
    assert np.array_equal(z[:3], [0, 0, 1])
    longer = xr.Dataset({"x": ("step", np.arange(12, dtype="i2"))})
    with pytest.raises(ValueError, match="already exists with different dimension sizes"):
        longer.to_zarr(store, mode="a", consolidated=False)


def test_a_region_across_shards_is_accepted_without_the_check_of_other_writers() -> None:
    """In memory, and with `align_chunks=True`: one writer may do that, two may not."""
    store, zeros = MemoryStore(), xr.Dataset({"x": ("step", np.zeros(8, dtype="i8"))})
    zeros.to_zarr(store, encoding={"x": {"chunks": (2,), "shards": (4,)}}, consolidated=False)
    half: dict[str, Any] = {"region": {"step": slice(1, 5)}, "consolidated": False}
    ones = (zeros + 1).isel(step=slice(1, 5)).drop_encoding()
    with pytest.raises(ValueError, match="would overlap multiple Dask chunks"):
        ones.chunk(step=4).to_zarr(store, **half)
    ones.to_zarr(store, **half)
    (ones + 1).chunk(step=4).to_zarr(store, align_chunks=True, **half)
    assert np.array_equal(zarr.open_array(store, path="x")[:], [0, 2, 2, 2, 2, 0, 0, 0])
