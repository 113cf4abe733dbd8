"""A real Redis for the tests of streams, one for each module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helpers.redis import RedisStore
from tests.redis_servers import real_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import RedisServer


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One real server for the tests of a module."""
    with real_redis() as running:
        yield running


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    """A store on that server, which is empty."""
    with RedisStore(server.url, prefix="life") as made:
        made.keys.client.flushall()
        yield made
