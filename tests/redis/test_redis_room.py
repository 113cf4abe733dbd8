"""Tests of helpers.redis: what is frozen leaves a server with room, or is not frozen."""

from __future__ import annotations

import pytest
import redis

from helpers.redis import RedisKeys, RedisStore, require_room
from tests.redis_servers import error_of, fill, real_redis


@pytest.mark.parametrize(("count", "nbytes"), [(2000, 10), (30, 100_000), (20, 270_000), (1, 3_000_000)])
def test_there_is_room_for_what_is_copied(count: int, nbytes: int) -> None:
    """If copies are made at all, the server is not full then, and takes what is written next; else nothing was made.

    Small values take many times their bytes, and jemalloc rounds 270,000 bytes up to 327,680.
    """
    with real_redis() as server, redis.Redis.from_url(server.url, protocol=2) as client:
        store = RedisStore(server.url)
        store.keys.write({f"c/{i}": bytes(nbytes) for i in range(count)})
        store.keys.write({"warm": b"up"})
        used = int(client.info("memory")["used_memory"])
        outcomes = set()
        for room in (0.5, 0.9, 1.1, 1.3, 3, 9, 30, 99):
            client.config_set("maxmemory", int(used + room * count * nbytes))
            try:
                frozen = store.freeze([f"c/{i}" for i in range(count)])
            except OSError as error:
                outcomes.add(str(error).split(": ")[1].split(".")[0])
                assert client.dbsize() == count + 1
            else:
                outcomes.add("copied")
                assert int(client.info("memory")["used_memory"]) <= used + room * count * nbytes
                store.keys.write({"warm": b"next"})
                frozen.close()
    assert outcomes - {"nothing was written"} == {"nothing was copied", "copied"}


def test_no_room_is_an_error_with_the_arithmetic() -> None:
    """What it takes, what is left, what to do; whatever the server would evict for it."""
    with real_redis(maxmemory="8mb") as server, redis.Redis.from_url(server.url, protocol=2) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        store = RedisStore(server.url)
        for number in range(4):
            store.keys.write({str(number): bytes(1_000_000)})
        error = error_of(lambda: store.freeze(["0", "1", "2", "3", "none"]))
        assert type(error) is OSError
        pattern = (
            r"copying 5 values takes 4\.\d MB, and Redis at redis://127.0.0.1:\d+/0 has \d.* left of 8\.\d MB "
            r"\(maxmemory\): nothing was copied. Freeze less, or give the server more with `CONFIG SET maxmemory`."
        )
        with pytest.raises(OSError, match=pattern):
            raise error
        assert client.dbsize() == 4
        assert store.freeze(["0"]).read_many(["0"]) == [bytes(1_000_000)]


def test_a_user_who_may_not_ask_for_the_memory_can_freeze() -> None:
    """INFO and MEMORY are often not allowed; without room the server itself refuses, and copies nothing."""
    with real_redis(maxmemory="8mb") as server, redis.Redis.from_url(server.url, protocol=2) as client:
        rights = ["+@all", "-@dangerous", "-@admin"]
        client.acl_setuser("ada", enabled=True, passwords=["+x"], keys=["*"], categories=rights, commands=["-memory"])
        store = RedisStore(server.url.replace("//", "//ada:x@"))
        for number in range(3):
            store.keys.write({str(number): bytes(1_000_000)})
        frozen = store.freeze(["0", "1"])
        assert frozen.read_many(["1"]) == [bytes(1_000_000)]
        with pytest.raises(OSError, match="out of memory"):
            fill(store.keys)
        count = client.dbsize()
        error = error_of(lambda: store.freeze(["0", "1"]))
        assert "is out of memory (OOM command not allowed)" in str(error)
        assert client.dbsize() == count


def test_a_server_without_a_limit_has_room() -> None:
    """Keys of another type, which cannot be copied, are an error none the less."""
    with real_redis() as server, redis.Redis.from_url(server.url, protocol=2) as client:
        keys = RedisKeys(server.url)
        keys.write({"a": bytes(1000)})
        require_room(keys, ["a", "none"])
        client.rpush(keys.name("theirs"), 1)
        assert type(error_of(lambda: require_room(keys, ["a", "theirs"]))) is TypeError
