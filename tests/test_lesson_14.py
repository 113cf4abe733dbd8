"""What lesson 14 says of HDF5, Icechunk and OME-Zarr without showing it; a test that fails is news for the lesson."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

import h5py
import icechunk
import numpy as np
import obstore
import pytest
import s3fs  # type: ignore[import-untyped]
import xarray as xr
import zarr
from obspec_utils.registry import ObjectStoreRegistry
from obstore.store import S3Store
from ome_zarr_models.v05 import Image
from virtualizarr import open_virtual_dataset
from virtualizarr.parsers import HDFParser

from helpers.servers import s3_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from helpers.servers import S3Server


class CountedFile(io.BytesIO):
    """A file in memory that counts how often it is read."""

    reads = 0

    def readinto(self, buffer: Any) -> int:
        """Count, then read."""
        self.reads += 1
        return super().readinto(buffer)


@pytest.fixture(scope="module")
def provider() -> Iterator[S3Server]:
    """Start an S3 with a bucket of files and one for archives."""
    with s3_server() as server:
        server.create_bucket("provider")
        server.create_bucket("archive")
        yield server


def put_days(number: int) -> None:
    """Put a netCDF file of 24 hours, in chunks of six, for each of `number` days into the provider's bucket."""
    for day in range(number):
        hours = np.datetime64("2026-01-01", "ns") + np.arange(24 * day, 24 * day + 24) * np.timedelta64(1, "h")
        air = xr.DataArray(np.full((24, 20), day, "f4"), {"time": hours}, ["time", "place"], name="air")
        encoding: Any = {"air": {"zlib": True, "shuffle": True, "chunksizes": (6, 20)}}
        obstore.put(S3Store("provider"), f"day{day}.nc", bytes(air.to_netcdf(engine="h5netcdf", encoding=encoding)))


def virtual_archive(provider: S3Server, number: int) -> Callable[[], xr.Dataset]:
    """Return a function that opens an Icechunk repository of references into `number` files of the provider."""
    registry = ObjectStoreRegistry({"s3://provider": S3Store("provider")})
    names = [f"s3://provider/day{day}.nc" for day in range(number)]
    options: dict[str, Any] = {"registry": registry, "parser": HDFParser(), "loadable_variables": ["time"]}
    parts: list[xr.Dataset] = [open_virtual_dataset(name, **options) for name in names]
    whole = xr.concat(parts, "time")
    place: dict[str, Any] = {"region": "us-east-1", "endpoint_url": provider.endpoint}
    place |= {"allow_http": True, "force_path_style": True}
    config = icechunk.RepositoryConfig.default()
    bucket = icechunk.s3_store(s3_compatible=True, **place)
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer("s3://provider/", bucket))
    storage = icechunk.s3_storage(bucket="archive", prefix=f"days{number}", from_env=True, **place)
    keys = icechunk.containers_credentials({"s3://provider/": icechunk.s3_credentials(from_env=True)})
    repo = icechunk.Repository.create(storage, config, authorize_virtual_chunk_access=keys)
    session = repo.writable_session("main")
    whole.vz.to_icechunk(session.store)
    session.commit("by reference")
    repo.save_config()

    def opened() -> xr.Dataset:
        again = icechunk.Repository.open(storage, authorize_virtual_chunk_access=keys)
        ds: xr.Dataset = xr.open_zarr(again.readonly_session("main").store, consolidated=False, chunks=None)
        return ds

    return opened


def hour_of_the_last_day(provider: S3Server, number: int) -> tuple[int, int]:
    """Return how many requests one hour takes, from the files and through references to them."""
    put_days(number)
    opened = virtual_archive(provider, number)
    provider.reset()
    fs = s3fs.S3FileSystem(skip_instance_cache=True)
    files = [fs.open(f"provider/day{day}.nc", cache_type="none") for day in range(number)]
    with xr.open_mfdataset(files, engine="h5netcdf", chunks={}) as ds:
        assert (ds.air[-1] == number - 1).all().compute()
    without = sum(provider.requests.values())
    provider.reset()
    assert (opened().air[-1] == number - 1).all()
    return without, sum(provider.requests.values())


def test_hdf5_costs_as_many_requests_as_there_are_files_and_references_cost_a_dozen(provider: S3Server) -> None:
    """Three times as many files: three times as many requests, or as many as before."""
    few, few_by_reference = hour_of_the_last_day(provider, 1)
    many, many_by_reference = hour_of_the_last_day(provider, 3)
    assert 2.8 * few < many < 3.2 * few
    assert few_by_reference == many_by_reference <= 12


def test_icechunk_refuses_references_into_a_file_that_has_changed(provider: S3Server) -> None:
    """And says which one; the lesson gives it no time of its own."""
    put_days(2)
    opened = virtual_archive(provider, 2)
    assert (opened().air[0] == 0).all()
    time.sleep(2)  # files are told apart by whole seconds
    obstore.put(S3Store("provider"), "day0.nc", bytes(obstore.get(S3Store("provider"), "day1.nc").bytes()))
    with pytest.raises(icechunk.IcechunkError, match=r"has changed \(s3://provider/day0\.nc\)"):
        opened().air[0].load()
    assert (opened().air[-1] == 1).all()


def test_a_paged_file_takes_a_third_of_the_requests(tmp_path: Path) -> None:
    """If it was written so, and is read through a buffer of pages."""
    reads = []
    for paged in (False, True):
        written: dict[str, Any] = {"fs_strategy": "page", "fs_page_size": 65536} if paged else {}
        with h5py.File(tmp_path / "air.h5", "w", **written) as out:
            out.create_dataset("air", data=np.zeros((24, 180, 360), "f4"), chunks=(6, 180, 360), compression="gzip")
            for number, length in enumerate(out["air"].shape):
                out[f"x{number}"] = np.arange(float(length))
                out[f"x{number}"].make_scale()
                out["air"].dims[number].attach_scale(out[f"x{number}"])
        file = CountedFile((tmp_path / "air.h5").read_bytes())
        with h5py.File(file, "r", **({"page_buf_size": 1 << 20} if paged else {})) as there:
            _ = there["air"][5], [there[f"x{number}"][:] for number in range(3)]
        reads.append(file.reads)
    assert reads[1] <= reads[0] / 3


def test_a_model_of_ome_zarr_compares_paths_and_axes_and_no_lengths() -> None:
    """A level of odd shape passes; one of other axes does not."""
    image = zarr.create_group({})
    axes: list[Any] = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    datasets: list[Any] = [
        {"path": path, "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0]}]} for path in ("0", "1")
    ]
    image.attrs["ome"] = {"version": "0.5", "multiscales": [{"name": "cells", "axes": axes, "datasets": datasets}]}
    image.create_array("0", data=np.zeros((8, 8), "u2"), dimension_names=["y", "x"])
    image.create_array("1", data=np.zeros((7, 5), "u2"), dimension_names=["y", "x"])
    Image.from_zarr(image)
    image.create_array("1", data=np.zeros((4, 4), "u2"), dimension_names=["x", "y"], overwrite=True)
    with pytest.raises(ValueError, match="does not match the dimension names"):
        Image.from_zarr(image)
