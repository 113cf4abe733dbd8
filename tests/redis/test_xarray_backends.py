"""Tests of helpers.redis: xarray's own tests of Zarr on a real Redis."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

import pytest

from helpers.redis import RedisStore
from tests.xarray_backends import ZarrSuite, default_zarr_format, time_unit, use_dask  # noqa: F401 -- its fixtures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import RedisServer

NUMBERS = itertools.count()


class TestRedisStore(ZarrSuite):
    """What passes on a MemoryStore passes here."""

    __test__ = True

    @pytest.fixture(autouse=True)
    def use(self, server: RedisServer) -> None:
        """Keep where the server listens."""
        self.url = server.url

    @contextlib.contextmanager
    def create_zarr_target(self) -> Iterator[RedisStore]:
        """Yield a store under a prefix of its own."""
        with RedisStore(self.url, prefix=f"target-{next(NUMBERS)}") as store:
            yield store
