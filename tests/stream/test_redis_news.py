"""Tests of helpers.stream."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from helpers.redis import RedisKeys
from helpers.stream import News, RedisNews
from tests.ports import free_port
from tests.processes import wait_for
from tests.redis_servers import clients, real_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import RedisServer


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One real server for the tests of this module."""
    with real_redis() as running:
        yield running


@pytest.fixture
def keys(server: RedisServer) -> Iterator[RedisKeys]:
    """The keys of one prefix on that server."""
    made = RedisKeys(server.url, "life")
    yield made
    made.close()


@pytest.fixture
def news(keys: RedisKeys) -> Iterator[RedisNews]:
    """What listens to them, and has begun."""
    made = RedisNews(keys)
    assert made.wait(5) == News(None)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([b"7"], News(7)),
        ([b"7", b"8", b"9"], News(9)),
        ([b"7", b"end"], News(7, ended=True)),
        ([b"end"], News(None, ended=True)),
        ([b"end", b"8"], News(8)),
        ([b"7", b"hello"], News(None)),
        ([b"-1", b""], News(None)),
    ],
)
def test_many_messages_are_one_piece_of_news(
    keys: RedisKeys, news: RedisNews, said: list[bytes], expected: News
) -> None:
    """The last one counts; published at one instant, lest one be on its way while the first is read."""
    with keys.client.pipeline(transaction=True) as batch:
        for each in said:
            batch.publish(keys.channel, each)
        batch.execute()
    assert news.wait(5) == expected
    assert news.wait(0) is None


def test_no_news_takes_the_time_that_it_is_given(news: RedisNews) -> None:
    """Without asking the server meanwhile."""
    began = time.monotonic()
    assert news.wait(0.2) is None
    assert 0.15 < time.monotonic() - began < 5


def test_a_subscription_is_ended(server: RedisServer, keys: RedisKeys) -> None:
    """Its connection goes; to wait again begins anew."""
    keys.close()
    before = len(clients(server))
    news = RedisNews(keys)
    news.close()
    assert news.wait(5) == News(None)
    assert len(clients(server)) == before + 1
    news.close()
    news.close()
    wait_for(lambda: len(clients(server)) == before)
    assert news.wait(5) == News(None)
    news.close()


def test_a_broken_subscription_begins_anew_which_is_news(keys: RedisKeys, news: RedisNews) -> None:
    """Frames may have passed by."""
    keys.client.client_kill_filter(_type="pubsub")
    assert news.wait(5) == News(None)
    keys.client.publish(keys.channel, b"7")
    assert news.wait(5) == News(7)


def test_without_a_server_it_raises_until_there_is_one() -> None:
    """A clear error; then it is news that there is one again."""
    port = free_port()
    with real_redis(port=port) as server:
        news = RedisNews(RedisKeys(server.url))
        assert news.wait(5) == News(None)
    for _ in range(2):
        with pytest.raises(ConnectionError, match=r"No Redis at .* answers"):
            news.wait(0.1)
    with real_redis(port=port):
        assert news.wait(5) == News(None)
        news.close()
