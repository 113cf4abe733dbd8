"""Tests of helpers.redis: a server that was found, and one that was started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis

from helpers.redis import RedisStore, ensure_redis
from helpers.redis import ensure as module
from helpers.servers import redis_server
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from helpers.servers import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that runs already."""
    with redis_server() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is named, and none answers on the usual port, whatever runs on this machine."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setattr(module, "DEFAULT_URL", f"redis://127.0.0.1:{free_port()}")


def test_a_server_is_started_where_none_runs_and_ends_with_the_block() -> None:
    """On a machine without a Redis that runs, as most are."""
    with ensure_redis() as place, RedisStore(place.url, prefix=place.prefix) as store:
        store.keys.write({"a": b"1"})
        assert store.read_many(["a"]) == [b"1"]
    with pytest.raises(ConnectionError):
        RedisStore(place.url).read_many(["a"])


def test_the_server_on_the_usual_port_is_used(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Binder."""
    monkeypatch.setattr(module, "DEFAULT_URL", server.url)
    with ensure_redis() as place:
        assert place.url == server.url


def test_the_server_that_is_named_is_used_and_nothing_left_on_it(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of the place go at its end, those of all others stay."""
    monkeypatch.setenv("REDIS_URL", server.url)
    with ensure_redis("ours") as place, ensure_redis("ours") as other:
        assert place.url == server.url
        assert place.prefix != other.prefix
        for prefix in (place.prefix, f"{place.prefix}/life", f"{place.prefix}/life/frozen/1"):
            RedisStore(place.url, prefix=prefix).keys.write({"a": b"1", "b/c": b"2"})
        theirs = RedisStore(server.url, prefix=f"{place.prefix}x")
        theirs.keys.write({"a": b"3"})
    with redis.Redis.from_url(server.url) as client:
        assert client.keys() == [theirs.keys.name("a").encode()]


def test_a_named_server_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names a server wants that one."""
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1"), ensure_redis():
        pass


def test_the_password_of_a_named_server_is_not_shown(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook may show the place."""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "sesame")
    monkeypatch.setenv("REDIS_URL", server.url.replace("//", "//:sesame@"))
    with ensure_redis() as place:
        assert "sesame" not in repr(place)
        assert place.prefix in repr(place)
