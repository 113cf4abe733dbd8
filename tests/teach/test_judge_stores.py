"""Tests of helpers.teach.judge_stores: right, wrong, empty, raising and endless answers."""

from __future__ import annotations

import asyncio
import os
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import obstore
import pytest
import zarr
from obstore.store import S3Store
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.buffer import default_buffer_prototype
from zarr.storage import ObjectStore

from helpers.servers import s3_server
from tests.teach.judging import endless, raising, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# --- what the solutions of lesson 05 do, and how learners go wrong ---


def portable(value: Any) -> Any:
    """Do as the solution does."""
    if isinstance(value, dict):
        return {name: portable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [portable(one) for one in value]
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, np.ndarray | np.generic):
        return portable(value.tolist())
    return None if value != value else value


def ghosts(store: Any) -> set[str]:
    """Do as the solution does."""
    listed = dict(zarr.open_group(store, mode="r").members(max_depth=None))
    present = dict(zarr.open_group(store, mode="r", use_consolidated=False).members(max_depth=None))
    return set(listed) - set(present)


def differences(store: Any) -> set[str]:
    """Compare both ways."""
    listed = dict(zarr.open_group(store, mode="r").members(max_depth=None))
    present = dict(zarr.open_group(store, mode="r", use_consolidated=False).members(max_depth=None))
    return set(listed) ^ set(present)


def consolidates(store: Any) -> set[str]:
    """Find the ghosts, and mend the copy."""
    found = ghosts(store)
    zarr.consolidate_metadata(store)
    return found


def deletes_and_consolidates(store: Any) -> None:
    """Make the archive smaller first."""
    del zarr.open_group(store, mode="r+", use_consolidated=False)["b"]
    zarr.consolidate_metadata(store)


def consolidates_unless_it_was(store: Any) -> None:
    """Believe an old copy."""
    if zarr.open_group(store, mode="r").metadata.consolidated_metadata is None:
        zarr.consolidate_metadata(store)


@pytest.mark.parametrize(
    ("name", "answer", "line"),
    [
        ("05.portable", portable, "Right. It was right for 10 attributes."),
        ("05.portable", lambda value: value, "Not yet. Of np.float32(0.5) it makes"),
        ("05.portable", lambda value: value.tolist() if isinstance(value, np.generic) else value, "Not yet. Of nan"),
        (
            "05.portable",
            lambda value: float(value) if isinstance(value, np.generic) else value,
            "Not yet. Of np.int64(7)",
        ),
        ("05.portable", lambda _: None, "Not yet. It returned None for a text. Does it end with `return`?"),
        ("05.portable", 3, "Not yet. Asked for is a function; this is of type int."),
        ("05.portable", raising, "Not yet. Asked for is a function that takes a value"),
        ("05.ghosts", ghosts, "Right. It found the ghosts of 3 archives."),
        ("05.ghosts", differences, "Not yet. It returned {"),
        ("05.ghosts", lambda _: {"a/air", "b/light"}, "Not yet. It returned {"),
        ("05.ghosts", consolidates, "Not yet. It changed the store."),
        ("05.ghosts", lambda _: None, "Not yet. It returned None. Does it end with `return`?"),
        ("05.ghosts", raising, "Not yet. Asked for is a function that takes a store and returns a set of paths."),
        ("05.one_request", zarr.consolidate_metadata, "Right. One request, and every member is found."),
        ("05.one_request", lambda _: None, "Not yet. To open and list it takes 12 requests."),
        ("05.one_request", consolidates_unless_it_was, "Not yet. One request, but the copy is stale"),
        ("05.one_request", deletes_and_consolidates, "Not yet. Members or values of the archive are not what they"),
        ("05.one_request", ..., "Not yet. Asked for is a function; this is of type ellipsis."),
        ("05.one_request", raising, "Not yet. Asked for is a function that takes a store and prepares"),
    ],
)
def test_lesson_05(name: str, answer: object, line: str) -> None:
    """Right, wrong in several ways, empty, raising."""
    assert said(name, answer).startswith(line)


# --- lesson 06 ---

PROTOTYPE = default_buffer_prototype()


async def fill_up(source: Any, target: Any, *, places: int = 10, skip: bool = True, count: bool = True) -> int | None:
    """Do as the solution does, or a little differently."""
    there = {key async for key in target.list()} if skip else set()
    missing = [key async for key in source.list() if key not in there]
    free = asyncio.Semaphore(places)

    async def copy_one(key: str) -> None:
        async with free:
            await target.set(key, await source.get(key, PROTOTYPE))

    await asyncio.gather(*map(copy_one, missing))
    return len(missing) if count else None


async def nothing(*_: object) -> None:
    """Copy nothing."""


async def sleepless(*_: object) -> None:
    """Never end, in an event loop."""
    while True:
        await asyncio.sleep(0.01)


async def failing(*_: object) -> None:
    """Raise an error, in an event loop."""
    raise LookupError


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (fill_up, "Right. 24 of 30 keys were copied, 10 at once."),
        (lambda s, t: fill_up(s, t, skip=False), "Not yet. 24 keys were missing. It read 30 and wrote 30."),
        (lambda s, t: fill_up(s, t, places=100), "Not yet. 24 reads were under way at once; ten are allowed."),
        (lambda s, t: fill_up(s, t, places=1), "Not yet. At most 1 read was under way. Start the copies together"),
        (lambda s, t: fill_up(s, t, count=False), "Not yet. All is copied, but it returned None"),
        (nothing, "Not yet. Afterwards the target has 6 of 30 keys"),
        (lambda *_: 3, "Not yet. Asked for is a coroutine: begin it with `async def`."),
        (
            failing,
            "Not yet. Asked for is a coroutine that takes two stores and returns a number. Yours ended in Lookup",
        ),
    ],
)
def test_a_copy_of_what_is_missing(answer: object, line: str) -> None:
    """Right, wrong in several ways, empty, raising."""
    assert said("06.fill_up", answer).startswith(line)


KINDS: list[type] = []


def rebuild(kind: int, contents: dict[str, bytes], read_only: bool) -> Any:
    """Unpickle a store of the learner."""
    return KINDS[kind](contents, read_only=read_only)


class Base(Store):
    """The store of the lesson, without the two methods that are asked for."""

    supports_writes = supports_deletes = supports_listing = True

    def __init__(self, contents: dict[str, bytes], *, read_only: bool = False) -> None:
        """Keep bytes in a dict."""
        super().__init__(read_only=read_only)
        self.contents = contents

    def with_read_only(self, read_only: bool = False) -> Any:
        """Return the same, read-only."""
        return type(self)(self.contents, read_only=read_only)

    def __eq__(self, other: object) -> bool:
        """Compare type and contents."""
        return type(self) is type(other) and (self.contents, self.read_only) == (other.contents, other.read_only)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        """Name the class by its number: it is in no module."""
        return rebuild, (KINDS.index(type(self)), dict(self.contents), self.read_only)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Read a value, or a part of it."""
        value = self.contents.get(key)
        match byte_range:
            case RangeByteRequest(start, end):
                part = slice(start, end)
            case OffsetByteRequest(offset):
                part = slice(offset, None)
            case SuffixByteRequest(suffix):
                part = slice(max(len(value or b"") - suffix, 0), None)
            case None:
                part = slice(None)
            case _:
                msg = f"Unexpected byte_range, got {byte_range}."
                raise ValueError(msg)
        return None if value is None else prototype.buffer.from_bytes(value[part])

    async def get_partial_values(self, prototype: Any, key_ranges: Any) -> Any:
        """Read several."""
        return [await self.get(key, prototype, wanted) for key, wanted in key_ranges]

    async def set(self, key: str, value: Any) -> None:
        """Write a value."""
        self._check_writable()
        self.contents[key] = value.to_bytes()

    async def delete(self, key: str) -> None:
        """Delete a value."""
        self._check_writable()
        self.contents.pop(key, None)

    async def list_prefix(self, prefix: str) -> Any:
        """List keys."""
        for key in [*self.contents]:
            if key.startswith(prefix):
                yield key

    def list(self) -> Any:
        """List all keys."""
        return self.list_prefix("")

    def missing(self, *_: object) -> Any:
        """Stand for what the learner writes."""
        raise NotImplementedError

    exists = list_dir = missing  # type: ignore[assignment]


async def in_contents(self: Any, key: str) -> bool:
    """Do as the solution does."""
    return key in self.contents


async def names_in(self: Any, prefix: str, *, slash: str = "/", once: bool = True) -> Any:
    """Do as the solution does, or a little differently."""
    name = prefix.rstrip("/")
    start = f"{name}{slash}" if name else ""
    names = [key.removeprefix(start).split("/")[0] async for key in self.list_prefix(start)]
    for each in set(names) if once else names:
        yield each


async def whole_keys(self: Any, prefix: str) -> Any:
    """List keys in place of names."""
    async for key in self.list_prefix(prefix.rstrip("/") + "/" if prefix else ""):
        yield key


def made_of(**methods: object) -> type:
    """Return a class of stores with methods of the learner."""
    KINDS.append(type("Learner", (Base,), methods))
    return KINDS[-1]


async def starts_so(self: Any, key: str) -> bool:
    """Take a folder for a key."""
    return any(each.startswith(key) for each in self.contents)


async def as_number(self: Any, key: str) -> int:
    """Count instead of saying yes or no."""
    return list(self.contents).count(key)


@pytest.mark.parametrize(
    ("name", "answer", "line"),
    [
        ("06.exists", made_of(exists=in_contents), "Right. 63 tests pass now; what fails needs list_dir."),
        ("06.exists", made_of(exists=nothing), "Not yet. `exists` returned None. It has to return True or False."),
        ("06.exists", made_of(exists=starts_so), "Not yet. Of the key 'run' it says True."),
        ("06.exists", made_of(exists=as_number), "Not yet. Of the key 'run/zarr.json' it says 1."),
        (
            "06.exists",
            made_of(exists=in_contents, delete=nothing),
            "Not yet. Zarr's suite is not content with test_clear, test_del",
        ),
        ("06.exists", made_of(exists=lambda *_: True), "Not yet. Asked for is a coroutine"),
        ("06.exists", made_of(exists=failing), "Not yet. Asked for is a class of stores with a method `exists`. Yours"),
        ("06.exists", made_of(exists=in_contents)({}), "Not yet. Asked for is the class, not a store of it."),
        ("06.list_dir", made_of(exists=in_contents, list_dir=names_in), "Right. 64 tests of zarr's suite pass"),
        ("06.list_dir", made_of(exists=in_contents, list_dir=nothing), "Not yet. `list_dir` yields nothing"),
        (
            "06.list_dir",
            made_of(exists=in_contents, list_dir=lambda self, prefix: names_in(self, prefix, slash="")),
            "Not yet. Of the folder 'run' it lists",
        ),
        (
            "06.list_dir",
            made_of(exists=in_contents, list_dir=lambda self, prefix: names_in(self, prefix, once=False)),
            "Not yet. Of the folder '' it lists",
        ),
        ("06.list_dir", made_of(exists=in_contents, list_dir=whole_keys), "Not yet. Of the folder '' it lists"),
        (
            "06.list_dir",
            made_of(exists=nothing, list_dir=names_in),
            "Not yet. Zarr's suite is not content with test_delete, test_delete_dir, test_exists",
        ),
        ("06.list_dir", made_of(list_dir=raising), "Not yet. Asked for is a class of stores with a method `list_dir`."),
        ("06.list_dir", ..., "Not yet. Asked for is the class, not a store of it."),
    ],
)
def test_a_store_of_the_learner(name: str, answer: object, line: str) -> None:
    """Right, wrong in several ways, empty, raising."""
    with warnings.catch_warnings(action="ignore"):
        assert said(name, answer).startswith(line)


# --- lesson 07 ---

Answer = dict[str, Any]


@pytest.fixture
def tide() -> Iterator[None]:
    """Run the server of the exercise."""
    with s3_server() as server:
        server.create_bucket("tide")
        zarr.create_array(ObjectStore(S3Store("tide", prefix="level")), data=np.sin(np.arange(48) / 4))
        zarr.create_array(ObjectStore(S3Store("tide", prefix="other")), data=np.arange(3))
        yield


def three_ways(path: str = "level", *, minutes: int = 5, method: Any = "GET", key: str = "zarr.json") -> Answer:
    """Answer as the solution does, or a little differently."""
    return {
        "obstore": zarr.open_array(ObjectStore(S3Store("tide", prefix=path)), mode="r"),
        "s3fs": zarr.open_array("s3://tide/level", mode="r"),
        "address": obstore.sign(S3Store("tide", prefix="level"), method, key, timedelta(minutes=minutes)),
    }


def handed() -> Answer:
    """Hand the secret to a store."""
    objects = S3Store("tide", prefix="level", secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"])
    return {**three_ways(), "obstore": zarr.open_array(ObjectStore(objects), mode="r")}


def one_way() -> Answer:
    """Use obstore twice."""
    answer = three_ways()
    return {**answer, "s3fs": answer["obstore"]}


def unsigned() -> Answer:
    """Forget to sign."""
    return {**three_ways(), "address": f"{os.environ['AWS_ENDPOINT_URL']}/tide/level/zarr.json"}


class Endless(dict[str, Any]):
    """A dict that never answers."""

    def __getitem__(self, name: str) -> Any:
        """Never return."""
        endless()


@pytest.mark.usefixtures("tide")
@pytest.mark.parametrize(
    ("make", "line"),
    [
        (three_ways, "Right. Both arrays hold the same numbers"),
        (handed, "Not yet. The store under 'obstore' was handed the secret."),
        (
            one_way,
            "Not yet. Under 's3fs' is asked for a zarr.Array whose store is of type FsspecStore, not ObjectStore.",
        ),
        (lambda: three_ways("other"), "Not yet. Under 'obstore' is another array."),
        (unsigned, "Not yet. The address is not signed"),
        (lambda: three_ways(minutes=60), "Not yet. The address works for 3600 seconds."),
        (lambda: three_ways(method="PUT"), "Not yet. The address opens nothing: status 403."),
        (lambda: three_ways(key="c/0"), "Not yet. The address opens another object."),
        (lambda: {**three_ways(), "address": ...}, "Not yet. Still to be done: address."),
        (
            dict,
            "Not yet. Asked for is a dict of two arrays and an address, under 'obstore', 's3fs' and 'address'. Yours",
        ),
    ],
)
def test_a_bucket_opened_three_ways(make: Callable[[], Answer], line: str) -> None:
    """Right, wrong in several ways, empty, raising."""
    assert said("07.three_ways", make()).startswith(line)


def test_a_bucket_that_is_gone() -> None:
    """Without the server there is no key."""
    assert said("07.three_ways", dict.fromkeys(["obstore", "s3fs", "address"])).startswith(
        "Not yet. The server is gone"
    )


def options(retries: int = 20, *, timeout: str = "0.6s", retry_s: float = 1) -> Answer:
    """Return options of a store."""
    pauses = {"init_backoff": timedelta(milliseconds=10), "max_backoff": timedelta(milliseconds=50), "base": 2}
    retry = {"max_retries": retries, "retry_timeout": timedelta(seconds=retry_s), "backoff": pauses}
    return {"client_options": {"timeout": timeout, "allow_http": True}, "retry_config": retry}


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (options(), "Right. It outlasts twelve refusals and one silence, and gives up in time."),
        (options(5), "Not yet. A server was busy for 12 answers; after 6 requests came GenericError."),
        (options(retry_s=0.55), "Not yet. After one silence it read nothing (GenericError,"),
        (options(retry_s=60), "Not yet. A server that was silent for good was still being asked after three seconds."),
        ({"client_options": {}}, "Not yet. A server was busy for 12 answers; after 0 requests came GenericError."),
        ({"patience": 3}, "Not yet. Asked for is a dict with client_options and retry_config. Yours ended in"),
        (3, "Not yet. Asked for is a dict with client_options and retry_config. Yours ended in TypeError"),
    ],
)
def test_a_policy(answer: object, line: str) -> None:
    """Right, wrong in several ways, raising."""
    assert said("07.policy", answer).startswith(line)


async def endless_names(*_: object) -> Any:
    """List for ever."""
    while True:
        await asyncio.sleep(0.01)
        yield "again"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("05.portable", endless),
        ("05.ghosts", endless),
        ("05.one_request", endless),
        ("06.fill_up", sleepless),
        ("06.exists", made_of(exists=sleepless)),
        ("06.list_dir", made_of(exists=in_contents, list_dir=endless_names)),
        ("07.three_ways", Endless()),
    ],
)
def test_what_never_ends_is_stopped(name: str, answer: object) -> None:
    """Within the time limit."""
    assert said(name, answer, timeout_s=0.3).startswith("Not yet. After 0.3 s it was still running")
