"""Tests of helpers.redis_store: zarr's own conformance suite on a real Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis
from zarr.core.buffer import Buffer, cpu
from zarr.testing.store import StoreTests

from helpers.redis_store import RedisStore
from helpers.servers import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.redis_server import RedisServer


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One real server for the tests of this module."""
    with redis_server() as running:
        yield running


class TestRedisStore(StoreTests[RedisStore, cpu.Buffer]):
    """zarr.testing's suite, its tests of the synchronous protocol included."""

    store_cls = RedisStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self, server: RedisServer) -> Iterator[dict[str, Any]]:
        """A prefix of its own, empty before and after."""
        with redis.Redis.from_url(server.url) as client:
            client.flushdb()
        yield {"url": server.url, "prefix": "suite*[1]"}

    async def set(self, store: RedisStore, key: str, value: Buffer) -> None:
        """Write past the store, through a client of its own."""
        with redis.Redis.from_url(store.keys.url) as client:
            client.set(store.keys.name(key), value.to_bytes())

    async def get(self, store: RedisStore, key: str) -> Buffer:
        """Read past the store."""
        with redis.Redis.from_url(store.keys.url) as client:
            return self.buffer_cls.from_bytes(client.get(store.keys.name(key)))

    def test_store_repr(self, store: RedisStore) -> None:
        """The store shows where it is."""
        assert str(store) == f"{store.keys.address}/suite*[1]"
        assert repr(store) == f"RedisStore('{store}')"

    def test_store_supports_writes(self, store: RedisStore) -> None:
        """It writes."""
        assert store.supports_writes

    def test_store_supports_listing(self, store: RedisStore) -> None:
        """It lists."""
        assert store.supports_listing
