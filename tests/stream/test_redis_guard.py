"""Tests of helpers.stream: what a writer is told of others, of the server, and of itself."""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import TYPE_CHECKING

import pytest
import redis

from helpers.redis import RedisKeys
from helpers.servers import redis_stand_in
from helpers.stream import GuardedWrites
from tests.redis_servers import clients, losing_the_first_answer_to, real_redis, serving

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
    """The keys of one prefix on that server, which is empty."""
    with redis.Redis.from_url(server.url, protocol=2) as client:
        client.flushall()
    made = RedisKeys(server.url, "p*")
    yield made
    made.close()


def values(keys: RedisKeys) -> dict[str, bytes | None]:
    """Return what is stored."""
    names = [key for page in keys.pages() for key in page]
    return dict(zip(names, keys.read([(name, None) for name in names]), strict=True))


def test_writes_are_stored_and_published(keys: RedisKeys) -> None:
    """All at one instant, in one round trip."""
    with GuardedWrites(keys, "turn") as guarded, keys.client.pubsub() as news:  # type: ignore[no-untyped-call]
        assert guarded.begin() is None
        news.subscribe(keys.channel)
        assert news.get_message(timeout=5)["type"] == "subscribe"
        assert guarded.write({"a": b"1", "turn": b"0"}, news=b"0") == "written"
        assert guarded.write({"a": memoryview(b"2"), "turn": b"1"}, news=b"1") == "written"
        assert [news.get_message(timeout=5)["data"] for _ in range(2)] == [b"0", b"1"]
    assert values(keys) == {"a": b"2", "turn": b"1"}


def test_a_write_takes_one_round_trip(keys: RedisKeys, server: RedisServer) -> None:
    """The server reads and answers once."""
    with GuardedWrites(keys, "turn") as guarded, redis.Redis.from_url(server.url, protocol=2) as client:
        guarded.begin()
        before = client.info("stats")["total_reads_processed"]
        assert [guarded.write({"turn": b"%d" % n}) for n in range(10)] == ["written"] * 10
        assert client.info("stats")["total_reads_processed"] - before == 10 + 1


def test_nothing_is_written_before_it_begins(keys: RedisKeys) -> None:
    """Without a guard there is no write."""
    with GuardedWrites(keys, "turn") as guarded:
        assert guarded.write({"turn": b"1"}) == "lost"
    assert values(keys) == {}


@pytest.mark.parametrize("touch", ["set the same", "set another", "delete", "flush"])
def test_who_touches_the_guard_stops_the_writer(keys: RedisKeys, touch: str) -> None:
    """Nothing is written then, until it begins anew."""
    with GuardedWrites(keys, "turn") as guarded:
        guarded.begin()
        guarded.write({"a": b"1", "turn": b"1"})
        if touch == "flush":
            keys.client.flushdb()
        else:
            keys.write({"turn": {"set the same": b"1", "set another": b"2", "delete": None}[touch]})
        assert guarded.write({"a": b"3", "turn": b"3"}) == "changed"
        assert guarded.write({"a": b"3", "turn": b"3"}) == "changed"
        assert values(keys).get("a") in (b"1", None)
        guarded.begin()
        assert guarded.write({"a": b"3", "turn": b"3"}) == "written"


def test_a_touch_between_two_commands_is_noticed(keys: RedisKeys) -> None:
    """Between EXEC and WATCH, which no other test can hit: a write whose own guard is not what it says."""
    with GuardedWrites(keys, "turn") as guarded:
        guarded.begin()
        guarded._outcome([b"OK", b"QUEUED", [b"OK"], b"OK", b"another's"], b"1")
        assert guarded.write({"turn": b"2"}) == "changed"


def test_a_write_without_the_guard_keeps_it(keys: RedisKeys) -> None:
    """The guard stays as it was left."""
    with GuardedWrites(keys, "turn") as guarded:
        guarded.begin()
        assert [guarded.write(each) for each in ({"turn": b"1"}, {"a": b"1"}, {"turn": b"2"})] == ["written"] * 3


def test_lost_keys_are_noticed(keys: RedisKeys) -> None:
    """In the answer to a write."""
    with GuardedWrites(keys, "turn", kept=("a", "b")) as guarded:
        guarded.begin()
        guarded.write({"a": b"1", "b": b"1", "turn": b"1"})
        assert guarded.complete
        keys.write({"b": None})
        guarded.write({"turn": b"2"})
        assert not guarded.complete
        guarded.write({"b": b"2", "turn": b"3"})
        assert guarded.complete


def test_a_full_server_says_so(keys: RedisKeys) -> None:
    """Nothing is written, and the guard holds: the same write succeeds when there is room."""
    with GuardedWrites(keys, "turn") as guarded:
        guarded.begin()
        guarded.write({"turn": b"1"})
        keys.client.config_set("maxmemory", 1)
        try:
            assert guarded.write({"a": b"1", "turn": b"2"}) == "full"
            assert values(keys) == {"turn": b"1"}
        finally:
            keys.client.config_set("maxmemory", 0)
        assert guarded.write({"a": b"1", "turn": b"2"}) == "written"


def test_a_refusal_is_raised(keys: RedisKeys) -> None:
    """As the error that names the server; nothing is written, and the guard holds."""
    with GuardedWrites(keys, "turn") as guarded:
        guarded.begin()
        keys.client.config_set("min-replicas-to-write", 1)
        try:
            with pytest.raises(OSError, match=r"Redis at .* answers with an error: .*NOREPLICAS"):
                guarded.write({"turn": b"1"})
        finally:
            keys.client.config_set("min-replicas-to-write", 0)
        assert guarded.write({"turn": b"1"}) == "written"


def test_a_lost_connection_is_told_once_and_mended(keys: RedisKeys) -> None:
    """Whoever begins again has a new one."""
    with GuardedWrites(keys, "turn") as guarded:
        guarded.begin()
        guarded.write({"turn": b"1"})
        keys.client.client_kill_filter(_type="normal", skipme=True)
        assert guarded.write({"turn": b"2"}) == "lost"
        assert guarded.write({"turn": b"2"}) == "lost"
        assert guarded.begin() == b"1"
        assert guarded.write({"turn": b"2"}) == "written"


@pytest.mark.usefixtures("keys")
def test_an_answer_that_is_lost_leaves_it_open(server: RedisServer) -> None:
    """The values were written all the same, which `begin` shows."""
    with (
        serving(losing_the_first_answer_to(b"EXEC", server.port)) as port,
        GuardedWrites(RedisKeys(f"redis://127.0.0.1:{port}", "p*"), "turn") as guarded,
    ):
        guarded.begin()
        assert guarded.write({"turn": b"1"}) == "lost"
        assert guarded.begin() == b"1"
        assert guarded.write({"turn": b"2"}) == "written"


def test_without_a_server_it_raises() -> None:
    """In a bounded time, with what to do; the guard is lost."""
    with real_redis() as server:
        guarded = GuardedWrites(RedisKeys(server.url), "turn")
        guarded.begin()
    with guarded:
        assert guarded.write({"turn": b"1"}) == "lost"
        with pytest.raises(ConnectionError, match=r"No Redis at .* answers"):
            guarded.begin()
        assert guarded.write({"turn": b"1"}) == "lost"


def test_its_connection_goes_with_it(server: RedisServer, keys: RedisKeys) -> None:
    """Closed, or garbage collected."""
    before = clients(server)
    guarded = GuardedWrites(keys, "turn")
    guarded.begin()
    assert len(clients(server)) == len(before) + 1
    guarded.close()
    guarded.close()
    assert len(clients(server)) == len(before)
    guarded.begin()
    del guarded
    assert len(clients(server)) == len(before)


def _write_in_child(guarded: GuardedWrites, results: multiprocessing.SimpleQueue[str]) -> None:
    results.put(guarded.write({"turn": b"child"}))
    guarded.begin()
    results.put(guarded.write({"turn": b"child"}))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_has_a_guard_of_its_own(keys: RedisKeys) -> None:
    """The child never uses the parent's connection, and takes over as any other writer does."""
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    with GuardedWrites(keys, "turn") as guarded:
        guarded.begin()
        guarded.write({"turn": b"parent"})
        child = context.Process(target=_write_in_child, args=(guarded, results))
        child.start()
        child.join(20)
        assert child.exitcode == 0
        assert [results.get(), results.get()] == ["lost", "written"]
        assert guarded.write({"turn": b"parent"}) == "changed"
        assert guarded.begin() == b"child"
        assert guarded._owner == os.getpid()


def test_it_works_on_the_stand_in() -> None:
    """Written in Python, it knows WATCH, too."""
    with redis_stand_in() as port:
        keys = RedisKeys(f"redis://127.0.0.1:{port}")
        with GuardedWrites(keys, "turn", kept=["turn"]) as guarded:
            guarded.begin()
            assert guarded.write({"turn": b"1"}, news=b"1") == "written"
            assert guarded.complete
            keys.write({"turn": b"1"})
            assert guarded.write({"turn": b"2"}, news=b"2") == "changed"
        keys.close()
