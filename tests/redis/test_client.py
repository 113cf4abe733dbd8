"""Tests of helpers.redis: every way to a server, and everything that can be wrong with one."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pytest
import redis
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.abc.store import SuffixByteRequest
from zarr.core.buffer.cpu import Buffer

from helpers.redis import RedisStore, connect, public_address
from tests.ports import free_port
from tests.processes import wait_for
from tests.redis_servers import (
    SECRET,
    answering,
    clients,
    error_of,
    real_redis,
    redis_on_socket,
    serving,
    silence,
    tls_in_front_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    from helpers.servers import RedisServer

ODD = f"{SECRET}/?#@:%& ü\N{SNOWMAN}"
ONE = Buffer.from_bytes(b"1")


@pytest.fixture
def admin(server: RedisServer) -> Iterator[redis.Redis]:
    """A client that may do all; what a test sets on the server is set back."""
    with redis.Redis.from_url(server.url) as client:
        yield client
        client.flushall()
        client.config_set("requirepass", "")
        for user in ("ada", "reader"):
            client.acl_deluser(user)


def with_user(server: RedisServer, user: str, password: str = ODD) -> str:
    """Return the URL for a user."""
    return f"redis://{quote(user)}:{quote(password, safe='')}@127.0.0.1:{server.port}"


def can_write_and_read(store: RedisStore) -> bool:
    """Return whether a store serves a Zarr array."""
    zarr.create_array(store, name="ways", data=np.arange(6), chunks=2, overwrite=True)
    return bool(np.array_equal(zarr.open_array(store, path="ways", mode="r")[:], np.arange(6)))


# --- which URLs ---


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", "redis://localhost:6379/0"),
        ("redis://h", "redis://h:6379/0"),
        ("redis://h:1/3", "redis://h:1/3"),
        ("redis://h:1/2?db=3", "redis://h:1/3"),
        ("rediss://ada@h/", "rediss://h:6379/0"),
        ("redis://[::1]:7", "redis://[::1]:7/0"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock/0"),
        ("unix://ada:engine@/run/my%20redis.sock?db=4", "unix:///run/my redis.sock/4"),
    ],
)
def test_an_address_has_host_port_and_database(url: str, address: str) -> None:
    """What redis-py connects to, written out."""
    assert public_address(url) == address


@given(
    user=st.text(max_size=5),
    password=st.text(min_size=1, max_size=10),
    host=st.sampled_from(["h", "127.0.0.1", "[::1]"]),
    rest=st.sampled_from(["", ":7", ":7/2", "?socket_timeout=2"]),
)
def test_any_user_and_password_can_be_encoded(user: str, password: str, host: str, rest: str) -> None:
    """Percent-encoded, every character arrives at redis-py, and none in the address."""
    url = f"redis://{quote(user, safe='')}:{quote(password, safe='')}@{host}{rest}"
    assert public_address(url) == public_address(f"redis://{host}{rest}")
    assert connect(url).connection_pool.connection_kwargs["password"] == password


@pytest.mark.parametrize(
    "url",
    [
        *(
            f"redis://:{odd}@h"
            for odd in (f"{SECRET}/x", f"{SECRET}#x", f"{SECRET}?x", f"12?{SECRET}=x", f"12/{SECRET}")
        ),
        f"redis://ada:{SECRET}[@h",
        f"redis://ada:{SECRET}\N{ACCOUNT OF}@h",  # urllib refuses what NFKC changes
        f"redis://ada:{SECRET}@h:port",
        f"redis://ada:{SECRET}@h:99999",
        f"redis://ada:{SECRET}@h?socket_timeout=soon",
        *(f"{scheme}ada:{SECRET}@h" for scheme in ("http://", "Redis://", "redis:", "//")),
        SECRET,
        "",
        None,
        7777,
        b"redis://h",
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(url: Any) -> None:
    """A password that was not encoded, an option of another kind, a typing error: nothing shows the password."""
    error = error_of(lambda: RedisStore(url))
    assert type(error) is ValueError
    assert "this is no Redis URL. It looks like redis://USER:PASSWORD@HOST:PORT" in str(error)
    assert "`/` is %2F, `#` is %23" in str(error)


# --- ways to a server ---


def test_a_unix_socket_is_a_way(tmp_path: Path) -> None:
    """Path, and, as in any URL, user and password of an ACL, percent-encoded, and database."""
    with redis_on_socket(tmp_path / "redis.sock") as url, redis.Redis.from_url(url) as client:
        client.acl_setuser("ada", enabled=True, passwords=[f"+{ODD}"], keys=["*"], categories=["+@all"])
        ada = url.replace("unix://", f"unix://ada:{quote(ODD, safe='')}@")
        with RedisStore(f"{ada}?db=2", prefix="x") as store:
            assert can_write_and_read(store)
            assert client.info("keyspace")["db2"]["keys"] == 5
            assert str(store) == f"unix://{tmp_path}/redis.sock/2/x"


def test_tls_is_a_way(server: RedisServer, admin: redis.Redis, tmp_path: Path) -> None:
    """The certificate is checked against the authority in the URL; user, password and database go through.

    Where one speaks TLS and the other does not, the wait is bounded.
    """
    admin.acl_setuser("ada", enabled=True, passwords=[f"+{ODD}"], keys=["*"], categories=["+@all"])
    with tls_in_front_of(server.port, tmp_path) as (port, authority):
        url = f"rediss://ada:{quote(ODD, safe='')}@127.0.0.1:{port}/3"
        with RedisStore(f"{url}?ssl_ca_certs={quote(str(authority))}") as store:
            assert can_write_and_read(store)
            assert str(store) == f"rediss://127.0.0.1:{port}/3"
        error = error_of(lambda: RedisStore(url).get_sync("k"))
        assert type(error) is ConnectionError
        assert "certificate verify failed" in str(error)
        for wrong in (url.replace("rediss:", "redis:"), f"rediss://127.0.0.1:{server.port}"):
            store = RedisStore(f"{wrong}?socket_timeout=0.3")
            assert isinstance(error_of(lambda: store.get_sync("k")), ConnectionError | TimeoutError)  # noqa: B023


# --- who is not let in ---


@pytest.mark.parametrize("url", ["redis://127.0.0.1", "redis://:wrong@127.0.0.1", f"redis://ada:{SECRET}@127.0.0.1"])
def test_a_missing_or_wrong_password_is_an_error(server: RedisServer, admin: redis.Redis, url: str) -> None:
    """It says where user and password go, and nothing of them; with the right ones the same server serves."""
    admin.config_set("requirepass", SECRET)
    store = RedisStore(f"{url}:{server.port}")
    for ask in requests_to(store)[:4]:
        error = error_of(ask)
        assert type(error) is PermissionError
        assert "refuses this user and password, or asks for some. The URL is where they go" in str(error)
    assert RedisStore(f"redis://:{SECRET}@127.0.0.1:{server.port}").get_sync("k") is None


def test_a_user_who_may_not_is_told(server: RedisServer, admin: redis.Redis) -> None:
    """A user who may only read reads; writing, and keys that are not theirs, are errors that name the permission."""
    rights = ["+@read", "+@connection", "+@transaction", "+select"]
    admin.acl_setuser(
        "reader",
        enabled=True,
        passwords=[f"+{SECRET}"],
        keys=["zarr:open:*"],
        categories=rights[:3],
        commands=rights[3:],
    )
    RedisStore(server.url, prefix="open").set_sync("k", ONE)
    url = with_user(server, "reader", SECRET)
    store = RedisStore(url, prefix="open")
    assert store.read_many(["k", "l"]) == [b"1", None]
    assert list(store.keys.pages()) == [["k"]]

    def write_two() -> None:
        with store.transaction() as tx:
            tx.set_sync("k", Buffer.from_bytes(b"WRONGTYPE private"))  # redis-py repeats it in its error
            tx.set_sync("l", ONE)

    for refused in (
        lambda: store.set_sync("k", ONE),
        lambda: store.delete_sync("k"),
        write_two,
        lambda: RedisStore(url, prefix="other").get_sync("k"),
        lambda: RedisStore(url, prefix="other").read_many(["k", "l"]),
    ):
        error = error_of(refused)
        assert type(error) is PermissionError
        assert "does not allow this user to do that: ask whoever runs it (" in str(error)
        assert "private" not in str(error)
    assert store.read_many(["k", "l"]) == [b"1", None]


def test_a_server_with_no_room_for_a_client_says_so(server: RedisServer, admin: redis.Redis) -> None:
    """It is not taken for a server that is not there."""
    before = admin.config_get("maxclients")["maxclients"]
    assert before is not None
    with contextlib.closing(redis.Redis.from_url(server.url)) as other:
        other.ping()
        admin.config_set("maxclients", 1)
        try:
            error = error_of(lambda: RedisStore(f"{server.url}/5").get_sync("k"))
        finally:
            admin.config_set("maxclients", before)
    assert type(error) is ConnectionError
    assert "serves as many clients as it may" in str(error)


# --- servers that are not there ---


def requests_to(store: RedisStore) -> list[Callable[[], object]]:
    """Return one of each kind of request."""

    def transact() -> None:
        with store.transaction() as tx:
            tx.set_sync("a", ONE)
            tx.set_sync("b", ONE)

    return [
        lambda: store.get_sync("k"),
        lambda: store.set_sync("k", ONE),
        lambda: store.delete_sync("k"),
        lambda: store.read_many(["k", ("l", SuffixByteRequest(1))]),
        lambda: list(store.keys.pages()),
        lambda: store.keys.exists("k"),
        lambda: store.keys.add("k", b"1"),
        transact,
        lambda: zarr.open_array(store, mode="r"),
        lambda: zarr.open_group(store),
        lambda: zarr.create_array(store, shape=1, dtype="i1"),
    ]


def test_no_server_is_an_error_that_says_how_to_start_one(tmp_path: Path) -> None:
    """For each kind of request, through zarr too: no array is said to be missing. Nor is there an unknown host."""
    for nowhere in (f"redis://ada:{SECRET}@no-such-host.invalid", f"unix://ada:{SECRET}@{tmp_path}/none.sock"):
        error = error_of(lambda: RedisStore(nowhere).get_sync("k"), within_s=20)  # noqa: B023
        assert type(error) is ConnectionError
        assert f"No Redis at {nowhere.partition(':')[0]}://" in str(error)
    store = RedisStore(f"redis://ada:{SECRET}@127.0.0.1:{free_port()}")
    for ask in requests_to(store):
        error = error_of(ask)
        assert type(error) is ConnectionError
        assert f"No Redis at {store.keys.address} answers. Start one with" in str(error)


@pytest.mark.parametrize(
    ("serve", "kind", "said"),
    [
        (lambda client: client.close(), ConnectionError, "No Redis at .* answers"),
        (silence, TimeoutError, "does not answer. Is it stopped, or very busy"),
        (answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), ConnectionError, "What answers is not Redis"),
        (answering(b"SSH-2.0-OpenSSH_9.2p1\r\n"), ConnectionError, "What answers is not Redis"),
        (answering(b"-ERR no\r\n"), OSError, "answers with an error: no"),
        (answering(b"-LOADING Redis is loading the dataset\r\n"), ConnectionError, "still loading its data"),
        (answering(b":1\r\n"), PermissionError, "refuses this user and password"),
        (answering(b"*100000\r\n"), TimeoutError, "does not answer"),
    ],
    ids=["closes", "silent", "http", "ssh", "error", "loading", "number", "endless"],
)
def test_what_is_no_redis_is_an_error(serve: Callable[[Any], None], kind: type[Exception], said: str) -> None:
    """Something else on the port: one clear error, soon, for a single read and for a batch."""
    with serving(serve) as port:
        store = RedisStore(f"redis://ada:{SECRET}@127.0.0.1:{port}?socket_timeout=0.3")
        for ask in (lambda: store.get_sync("k"), lambda: store.read_many(["k", "l"])):
            error = error_of(ask)
            assert type(error) is kind
            with pytest.raises(kind, match=said):
                raise error


def test_a_server_that_was_killed_and_started_again_serves_again() -> None:
    """The same store, through an error in between; an array opened before reads what is written anew."""
    with real_redis() as server:
        store = RedisStore(server.url)
        z = zarr.create_array(store, data=np.arange(4), chunks=1)
        assert z[3] == 3
    for ask in requests_to(store):
        assert type(error_of(ask)) is ConnectionError
    assert type(error_of(lambda: z[:])) is ConnectionError
    with real_redis(port=server.port):
        zarr.create_array(store, data=np.arange(4) * 2, chunks=1)
        assert z[3] == 6


def test_a_server_that_was_exchanged_is_not_noticed() -> None:
    """Connections that broke meanwhile are opened again, without an error."""
    with real_redis() as server:
        store = RedisStore(server.url)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(store.get_sync, "abcdefgh"))
    with real_redis(port=server.port):
        for ask in requests_to(store)[:8]:
            ask()


# --- a server that hangs ---


@pytest.fixture
def stopped() -> Iterator[tuple[RedisServer, Callable[[], None]]]:
    """A server that a test can stop; the second thing given lets it go on."""
    with real_redis() as server:
        assert server.pid is not None
        yield server, lambda: os.kill(server.pid or 0, signal.SIGCONT)


def stop(server: RedisServer) -> None:
    """Let a server hang."""
    os.kill(server.pid or 0, signal.SIGSTOP)


def test_a_server_that_hangs_is_given_up(stopped: tuple[RedisServer, Callable[[], None]]) -> None:
    """After the time in the URL; and when it goes on, no answer to an old question is taken for a new one's.

    By default it gets ten seconds, and an attempt to reach it five.
    """
    server, go_on = stopped
    kept = connect(server.url).connection_pool.connection_kwargs
    assert (kept["socket_timeout"], kept["socket_connect_timeout"]) == (10, 5)
    store = RedisStore(f"{server.url}?socket_timeout=0.2")
    for key in "abc":
        store.set_sync(key, Buffer.from_bytes(key.encode()))
    stop(server)
    for ask in requests_to(store):
        error = error_of(ask)
        assert type(error) is TimeoutError
        assert "does not answer. Is it stopped, or very busy? `?socket_timeout=60` in the URL waits longer." in str(
            error
        )
    go_on()
    assert store.read_many(["c", "b"]) == [b"c", b"b"]
    assert store.keys.read([("b", None)]) == [b"b"]


# --- a request that is interrupted ---


def is_interrupted(call: Callable[[], object], *, at_line: int) -> bool:
    """Press Ctrl-C when redis-py has run so many lines of its code; return whether it ran that many."""
    left = at_line

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if f"{os.sep}redis{os.sep}" not in frame.f_code.co_filename:
            return None
        left -= event == "line"
        if left < 0:
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # half made
@pytest.mark.parametrize(("ask", "connected"), [("one", True), ("many", True), ("one", False)])
def test_an_interrupted_request_does_not_answer_the_next(
    server: RedisServer, admin: redis.Redis, ask: str, connected: bool
) -> None:
    """Wherever Ctrl-C comes: a connection with an answer under way, or half made, is not used again.

    redis-py would: it looks whether an answer has come, and the server here takes its time.
    """
    store = RedisStore(f"{server.url}/3", prefix="interrupted")
    store.keys.write({"a": b"old answer", "b": b"new answer"})
    asked = {
        "one": lambda: store.keys.read([("a", None)]),
        "many": lambda: store.read_many(["a", ("a", SuffixByteRequest(9))]),
    }[ask]
    line = 0
    while True:
        if not connected:
            store.close()
        admin.client_pause(3)
        if not is_interrupted(asked, at_line=line):
            break
        assert store.keys.read([("b", None)]) == [b"new answer"], f"after Ctrl-C at line {line}"
        line += 19 if connected else 61
    assert line > 100
    store.close()
    gc.collect()  # what was half made goes here, not amid another test


# --- what is left behind ---


def test_close_ends_the_connections(server: RedisServer) -> None:
    """The server has no client of ours; the store can be used again. Nobody has to close: garbage holds none."""
    store = RedisStore(server.url)
    for _ in range(2):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(store.get_sync, "abcdefgh"))
        assert clients(server)
        store.close()
        wait_for(lambda: not clients(server))
    assert can_write_and_read(store)
    assert clients(server)
    del store
    gc.collect()
    wait_for(lambda: not clients(server))


FORK = """
import os, signal, sys, threading, warnings
warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")
import numpy as np, zarr
from zarr.core.buffer.cpu import Buffer
from helpers.redis import RedisStore

def sockets():
    return {{os.fstat(c._sock.fileno()).st_ino for c in store.keys.client.connection_pool._available_connections}}

def ask(number, times):
    for step in range(times):
        key = str((number + step) % 4)
        assert store.read_many([key, "x"]) == [key.encode() * 1000, None], key
        RedisStore({url!r}, prefix="fork").set_sync(f"from{{number}}", Buffer.from_bytes(key.encode()))

def fork(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)  # a child that locks does not stay
        work()
    return pid

def child(number):
    ask(number, 100)
    assert sockets() and not sockets() & inodes, "shares a socket"
    store.close()
    sys.exit(0)  # with all that Python does at its end

def reader():
    assert z[:].sum() == 190
    assert zarr.open_array(RedisStore({url!r}, prefix="fork"), path="z")[:].sum() == 190
    assert store.read_many(["1"]) == [b"1" * 1000]
    os._exit(0)

def hold():
    with store.keys.client.connection_pool._lock:  # as redis-py does in each request
        holding.set()
        over.wait()

store = RedisStore({url!r}, prefix="fork")
for key in range(4):
    store.set_sync(str(key), Buffer.from_bytes(b"%d" % key * 1000))
inodes = sockets()
assert inodes
children = [fork(lambda: child(number)) for number in range(4)]
ask(9, 200)
z = zarr.create_array(store, name="z", data=np.arange(20), chunks=1)
threads = [threading.Thread(target=ask, args=(number, 400)) for number in range(4, 8)]
for thread in threads:
    thread.start()
children += [fork(reader) for _ in range(5)]
holding, over = threading.Event(), threading.Event()
threads.append(threading.Thread(target=hold))
threads[-1].start()
holding.wait()
children.append(fork(reader))
over.set()
for thread in threads:
    thread.join()
assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 10
print(sorted(key for page in store.keys.pages("from") for key in page))
tx = store.transaction()  # which is never ended, as the connections are not
zarr.create_array(tx, name="z", data=np.arange(9), chunks=1, overwrite=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_gets_connections_of_its_own(server: RedisServer) -> None:
    """Connections of before the fork stay the parent's; parent and children work at once, and so does zarr in them.

    A fork from amid threads that ask, one of which holds the lock of a pool, does not lock; redis-py's pools would.
    A program that just ends leaves no warning, and nothing of an unfinished transaction.
    """
    command = [sys.executable, "-W", "error", "-c", FORK.format(url=server.url)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert zarr.open_array(RedisStore(server.url, prefix="fork"), path="z").shape == (20,)
    assert ran.stdout == f"{[f'from{number}' for number in (0, 1, 2, 3, 4, 5, 6, 7, 9)]}\n"


# --- what is shown ---


def test_no_repr_and_no_log_shows_a_secret(
    server: RedisServer, admin: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """The store, its parts and redis-py's, an array in it, and all that is logged while they work and fail."""
    caplog.set_level(logging.DEBUG)
    admin.acl_setuser("ada", enabled=True, passwords=[f"+{SECRET}"], keys=["*"], categories=["+@all"])
    store = RedisStore(with_user(server, "ada", SECRET), prefix="p")
    z = zarr.create_array(store, data=np.arange(4), chunks=2)
    tx = store.transaction()
    parts = [store, store.keys, store.keys.client, store.keys.client.connection_pool, tx, tx.keys]
    connections = store.keys.client.connection_pool._available_connections
    shown = [f"{part!r} {part}" for part in [*parts, *connections, z, z.store_path, z.info, vars(store)]]
    assert connections
    wrong = RedisStore(with_user(server, "ada", f"{SECRET}-wrong"))
    error_of(lambda: wrong.get_sync("k"))
    error_of(lambda: store.get_sync("k", byte_range=(0, 1)))  # type: ignore[arg-type]
    tx.keys.end()
    error_of(lambda: tx.get_sync("k"))
    assert SECRET not in " ".join(shown)
    assert SECRET not in caplog.text


def test_threads_share_their_connections_and_get_their_own_answers(server: RedisServer) -> None:
    """Sixteen stores in threads, four at once, need four connections; more than redis-py's 100 are served, too."""
    start = threading.Barrier(4)

    def ask(number: int) -> None:
        if number < 4:
            start.wait(20)
        store, mine = RedisStore(server.url, prefix="threads"), b"%d" % number * 500
        for step in range(20):
            store.set_sync(f"{number}/{step}", Buffer.from_bytes(mine))
            found = store.read_many([f"{number}/{step}", (f"{number}/0", SuffixByteRequest(2)), "none"])
            assert found == [mine, mine[-2:], None]
        assert len([key for page in store.keys.pages(f"{number}/") for key in page]) == 20

    keep = RedisStore(server.url)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(16)))
    assert 1 <= len(clients(server)) <= 4
    pool_of_redis = keep.keys.client.connection_pool
    held = [pool_of_redis.get_connection() for _ in range(120)]
    for connection in held:
        pool_of_redis.release(connection)
    keep.close()
