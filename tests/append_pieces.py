"""What several tests need to grow archives: pieces whose every value is known, and a store that dies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from zarr.storage import MemoryStore

from helpers.append import append

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from zarr.abc.store import Store
    from zarr.core.buffer import Buffer

START = np.datetime64("2020-01-01", "ns")
EVERY = np.timedelta64(3, "h")
SHAPE = (4, 5)
# Batches that a provider could send: whole and broken chunks, gaps, late steps, overlaps.
IN_ORDER = [range(3), range(3, 10), range(10, 11), range(11, 18)]
AS_THEY_COME = [[0, 1, 2], [3, 4, 5, 9, 10], [6, 12], [1, 13, 14, 15, 16], [11, 17]]
CHUNKS = {"time": 4, "lat": 2}


def piece(places: Iterable[int], *, version: int = 0) -> xr.Dataset:
    """Return steps at some places of the axis: the same values at the same place, in the same version."""
    at = np.array(list(places))
    rain = np.stack([np.random.default_rng((version, place)).random(SHAPE, np.float32) for place in at])
    return xr.Dataset(
        {
            "rain": (("time", "lat", "lon"), rain, {"units": "mm/h"}),
            "source": (("lat", "time"), np.repeat(at[np.newaxis] + version, SHAPE[0], axis=0).astype(np.int8)),
            "orbit": ("time", (at * 7).astype(np.int16)),
            "land": (("lat", "lon"), np.zeros(SHAPE, bool)),
        },
        {"time": START + at * EVERY, "lat": np.arange(4.0), "lon": np.arange(5.0)},
        {"title": "rain that fell nowhere"},
    )


def batch(number: int, axis: str = "regular") -> xr.Dataset:
    """Return a batch of three steps of a few variables: the first ends within a chunk, so do most."""
    ds = piece(range(3 * number, 3 * number + 3))[["rain", "land"]]
    at = np.arange(3 * number, 3 * number + 3)
    return ds if axis == "regular" else ds.assign_coords(time=ds.time + at * at % 7 * np.timedelta64(17, "m"))


def begin(store: Store, axis: str, layout: str, *, batches: int = 1) -> None:
    """Begin an archive with its first batches, as `append` or as Xarray does, in chunks or in shards."""
    first = xr.concat([batch(number, axis) for number in range(batches)], "time", data_vars="minimal")
    step = "3h" if axis == "regular" else None
    if layout == "chunks":
        append(first, store, chunks=CHUNKS, step=step)
    elif "shards" in layout:  # a batch ends within a shard, or fills it
        shards = (
            {"chunks": (2, 2, 5), "shards": (4, 4, 5)}
            if layout == "shards"
            else {"chunks": (1, 2, 5), "shards": (3, 4, 5)}
        )
        append(first, store, encoding={"rain": shards}, step=step)
    else:
        times = {"units": "minutes since 2020-01-01", "dtype": "i8"}
        first.to_zarr(store, encoding={"time": times, "rain": {"chunks": (4, 2, 5)}}, consolidated=True)


def length(store: Store | Path | str) -> int:
    """Return how many steps a reader finds in an archive."""
    archive = read(store)
    return 0 if archive is None else archive.sizes["time"]


def read(store: Store | Path | str) -> xr.Dataset | None:
    """Return all that a reader who opens an archive now sees, None if there is none."""
    try:
        archive: xr.Dataset = xr.open_zarr(store, chunks=None).load()
    except FileNotFoundError:
        return None
    return archive


def present(archive: xr.Dataset) -> xr.Dataset:
    """Return the steps of an archive that are there, as `piece` made them."""
    there = archive.sel(time=archive.present).drop_vars("present") if "present" in archive else archive
    return there.drop_encoding()


def assert_holds(store: Store | Path | str, places: Iterable[int], *, version: int = 0) -> None:
    """Fail unless an archive holds exactly these steps, value for value."""
    archive = read(store)
    assert archive is not None
    xr.testing.assert_identical(present(archive), piece(sorted(set(places)), version=version))


class Killed(BaseException):
    """Stands for SIGKILL."""


class MortalStore(MemoryStore):
    """A store that is cut off from its writer after so many more requests, as if that were killed."""

    left: int | None = None

    def copy(self, *, left: int | None = None) -> MortalStore:
        """Return another store that holds the same now."""
        same = MortalStore(dict(self._store_dict))
        same.left = left
        return same

    def _spend(self) -> None:
        if self.left is not None:
            if self.left <= 0:
                raise Killed
            self.left -= 1

    async def get(self, *args: Any, **kwargs: Any) -> Buffer | None:
        """Read, if there are requests left."""
        self._spend()
        return await super().get(*args, **kwargs)

    async def set(self, *args: Any, **kwargs: Any) -> None:
        """Write, if there are requests left."""
        self._spend()
        await super().set(*args, **kwargs)

    async def set_if_not_exists(self, *args: Any, **kwargs: Any) -> None:
        """Write, if there are requests left."""
        self._spend()
        await super().set_if_not_exists(*args, **kwargs)

    async def delete(self, *args: Any, **kwargs: Any) -> None:
        """Delete, if there are requests left."""
        self._spend()
        await super().delete(*args, **kwargs)

    def get_sync(self, *args: Any, **kwargs: Any) -> Buffer | None:
        """Read, if there are requests left."""
        self._spend()
        return super().get_sync(*args, **kwargs)

    def set_sync(self, *args: Any, **kwargs: Any) -> None:
        """Write, if there are requests left."""
        self._spend()
        super().set_sync(*args, **kwargs)
