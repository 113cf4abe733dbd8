"""Tests of helpers.counting: xarray's own tests of Zarr on a counting store, and on what it counts, for comparison."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from zarr.storage import MemoryStore

from helpers.counting import CountingStore
from tests.xarray_backends import ZarrSuite, default_zarr_format, time_unit, use_dask  # noqa: F401 -- its fixtures

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestMemoryStore(ZarrSuite):
    """The peer: what passes here passes below."""

    __test__ = True

    @contextlib.contextmanager
    def create_zarr_target(self) -> Iterator[MemoryStore]:
        """Yield an empty store."""
        yield MemoryStore()


class TestCountingStore(ZarrSuite):
    """Counting changes nothing."""

    __test__ = True

    @contextlib.contextmanager
    def create_zarr_target(self) -> Iterator[CountingStore]:
        """Yield an empty store."""
        yield CountingStore(MemoryStore())
