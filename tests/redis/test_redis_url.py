"""Tests of helpers.redis: which URLs are taken, and that none is repeated in an error."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.connection import parse_url

from helpers.redis import RedisStore, public_address
from tests.redis_servers import SECRET, error_of


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", "redis://localhost:6379/0"),
        ("redis://h", "redis://h:6379/0"),
        ("redis://h:0", "redis://h:6379/0"),
        ("redis://h:1/3", "redis://h:1/3"),
        ("redis://h:1?db=3", "redis://h:1/3"),
        ("redis://h:1/2?db=3", "redis://h:1/3"),
        ("rediss://ada@h/", "rediss://h:6379/0"),
        ("redis://[::1]:7", "redis://[::1]:7/0"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock/0"),
        ("unix://ada:engine@/run/my%20redis.sock?db=4", "unix:///run/my redis.sock/4"),
    ],
)
def test_address_has_host_port_and_database(url: str, address: str) -> None:
    """It is what redis-py connects to, written out."""
    assert public_address(url) == address
    understood: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    assert address.endswith(f"/{understood.get('db', 0)}")
    assert str(understood.get("port", 6379)) in address or url.startswith("unix:")


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
    assert parse_url(url)["password"] == password  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}/x@h",
        f"redis://:{SECRET}#x@h",
        f"redis://:{SECRET}?x@h",
        f"redis://:12?{SECRET}=x@h",
        f"redis://:12/{SECRET}@h",
        f"redis://:12?{SECRET}@h",
        f"redis://:12#{SECRET}@h",
        f"redis://ada:{SECRET}[@h",
        f"redis://ada:{SECRET}\N{ACCOUNT OF}@h",  # urllib refuses what NFKC changes
        f"redis://ada:{SECRET}@h:port",
        f"redis://ada:{SECRET}@h:99999",
        f"redis://ada:{SECRET}@h/zero",
        f"redis://ada:{SECRET}@h/1/2",
        f"redis://ada:{SECRET}@h/-1",
        f"redis://ada:{SECRET}@h/²",
        f"redis://ada:{SECRET}@h?decode_responses=1",
        f"redis://ada:{SECRET}@h?ssl_ca_certs=x",
        f"redis://ada:{SECRET}@h?socket_timeout=0",
        f"redis://ada:{SECRET}@h?socket_timeout=-1",
        f"redis://ada:{SECRET}@h?socket_timeout=nan",
        f"redis://ada:{SECRET}@h?socket_timeout=soon",
        f"redis://ada:{SECRET}@h?socket_connect_timeout=inf",
        f"redis://ada:{SECRET}@h?max_connections=many",
        f"http://ada:{SECRET}@h",
        f"Redis://ada:{SECRET}@h",
        f"redis:ada:{SECRET}@h",
        f"//ada:{SECRET}@h",
        f"unix://ada:{SECRET}@run/redis.sock",
        f"unix://ada:{SECRET}@/",
        SECRET,
        "",
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(url: str) -> None:
    """A password that was not encoded, an option of another kind, a typing error: nothing shows the password."""
    error = error_of(lambda: RedisStore(url))
    assert type(error) is ValueError


@pytest.mark.parametrize("url", [None, 7777, b"redis://h", ["redis://h"]])
def test_what_is_no_text_is_refused(url: Any) -> None:
    """It gets the same error."""
    with pytest.raises(ValueError, match=r"this is no Redis URL\. It looks like redis://USER:PASSWORD@HOST:PORT"):
        RedisStore(url)


def test_the_errors_say_what_to_write() -> None:
    """Each says what is allowed."""
    with pytest.raises(ValueError, match="`/` is %2F, `#` is %23"):
        public_address("redis://:a/b@h")
    with pytest.raises(ValueError, match=r"there are db, .*ssl_ca_certs.*username"):
        public_address("rediss://h?ssl_ca_cert=x")
    with pytest.raises(ValueError, match=r"seconds above 0, such as \?socket_timeout=60"):
        public_address("redis://h?socket_timeout=0")
    with pytest.raises(ValueError, match="names no socket: three slashes"):
        public_address("unix://run/redis.sock")
