"""A store for the tests of streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helpers.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import RedisServer


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    """A store on a server that is empty."""
    with RedisStore(server.url, prefix="life") as made:
        made.keys.client.flushall()
        yield made
