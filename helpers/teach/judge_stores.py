"""Judges what is made in lessons 05 to 07: groups, stores, and ways into a cloud."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import pickle
import time
import warnings
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import numpy as np
import obstore
import zarr
from obstore.store import HTTPStore, S3Store
from zarr.abc.store import Store
from zarr.buffer import cpu
from zarr.errors import ZarrUserWarning
from zarr.storage import FsspecStore, MemoryStore, ObjectStore, WrapperStore

from helpers.counting import CountingStore
from helpers.teach.judges import NotYetError, function_of, made
from helpers.teach.suite import run_suite

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype


def _called(answer: object, *arguments: object) -> Any:
    """Call what the learner made, without zarr's warnings that consolidated metadata is not specified."""
    function = function_of(answer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZarrUserWarning)
        return function(*arguments)


# --- lesson 05 ---

_DAY = np.datetime64("2026-03-01")
# An attribute, what it has to become, and the hint for who gets it wrong.
_ATTRIBUTES: list[tuple[object, object, str]] = [
    ("degC", "degC", "Text is fine as it is."),
    (np.float32(0.5), 0.5, "A NumPy number has a method, `item`, that returns Python's."),
    (np.int64(7), 7, "Not only floats: NumPy's whole numbers have to be converted, too."),
    (np.bool_(True), True, "NumPy has booleans of its own. `True` has to stay `True`, not become 1."),
    (float("nan"), None, "NaN is not in JSON. A value that is not equal to itself is NaN."),
    (np.float64("nan"), None, "NumPy's NaN is a NaN as well: convert first, then look."),
    (
        np.array([1.5, np.nan]),
        [1.5, None],
        "There may be a NaN within an array: go into its `tolist()`.",
    ),
    (_DAY, "2026-03-01", "A date becomes its text: `str` of a NumPy date."),
    (
        {"range": [np.int16(1), {"end": _DAY}]},
        {"range": [1, {"end": "2026-03-01"}]},
        "Values may lie deeper: call the function itself for what is in a `dict` or a list.",
    ),
    (
        {"note": None, "ok": False, "count": 0},
        {"note": None, "ok": False, "count": 0},
        "`None`, `False` and 0 are fine as they are.",
    ),
]


@made("05.portable", expects="a function that takes a value and returns one that JSON knows")
def portable(answer: object) -> str:
    """Judge a function by what it makes of attributes of each kind."""
    for value, wanted, hint in _ATTRIBUTES:
        got = _called(answer, value)
        if got is None and wanted is not None and value == "degC":
            msg = "It returned None for a text. Does it end with `return`?"
            raise NotYetError(msg)
        if json.dumps(got, default=repr, sort_keys=True) != json.dumps(wanted, sort_keys=True):
            msg = f"Of {value!r} it makes {got!r}. {hint}"
            raise NotYetError(msg)
    return f"It was right for {len(_ATTRIBUTES)} attributes."


def _archive(*, gone: tuple[str, ...] = (), new: tuple[str, ...] = ()) -> MemoryStore:
    """Return an archive of two groups with three arrays each, consolidated, and changed since."""
    store = MemoryStore()
    root = zarr.create_group(store)
    for path in ("a/air", "a/soil", "a/light", "b/air", "b/soil", "b/light"):
        root.create_array(path, data=np.arange(6), chunks=(3,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZarrUserWarning)
        zarr.consolidate_metadata(store)
    root = zarr.open_group(store, mode="r+", use_consolidated=False)
    for path in gone:
        del root[path]
    for path in new:
        root.create_array(path, data=np.arange(6), chunks=(3,))
    return store


@made("05.ghosts", expects="a function that takes a store and returns a set of paths")
def ghosts(answer: object) -> str:
    """Judge a function by the ghosts that it finds in three archives."""
    cases: list[tuple[tuple[str, ...], tuple[str, ...], str]] = [
        (("a/air", "b/light"), (), "Two arrays of this archive were deleted."),
        (("a/soil",), ("b/salt", "c/air"), "Here something was added as well. What is new is no ghost."),
        ((), ("b/salt",), "In this archive nothing was deleted."),
    ]
    for gone, new, hint in cases:
        store = _archive(gone=gone, new=new)
        before = dict(store._store_dict)
        got = _called(answer, store)
        if got is None:
            msg = "It returned None. Does it end with `return`?"
            raise NotYetError(msg)
        if store._store_dict != before:
            msg = "It changed the store. Finding ghosts only takes reading."
            raise NotYetError(msg)
        if set(got) != set(gone):
            msg = f"It returned {set(got) or '{}'}. {hint} What does each of two ways to open the group list?"
            raise NotYetError(msg)
    return f"It found the ghosts of {len(cases)} archives."


@made("05.one_request", expects="a function that takes a store and prepares its archive")
def one_request(answer: object) -> str:
    """Judge a function by what it costs to open and list the archive afterwards, and by what is found."""
    for gone, new in ((), ()), (("a/soil",), ("b/salt",)):
        store = _archive(gone=gone, new=new)
        if not gone:
            document = zarr.open_group(store, mode="r+", use_consolidated=False)
            document.attrs["note"] = "no copy any more"  # writes the root without its consolidated metadata
        truth = _members(store, use_consolidated=False)
        _called(answer, store)
        counted = CountingStore(store)
        found = _members(counted, use_consolidated=None)
        requests = counted.reads + counted.lists
        if _members(store, use_consolidated=False) != truth or _values(store) != 6 * 15:
            msg = "Members or values of the archive are not what they were. Only its metadata may change."
            raise NotYetError(msg)
        if requests != 1:
            msg = f"To open and list it takes {requests} requests. Which document could hold all the others?"
            raise NotYetError(msg)
        if found != truth:
            msg = "One request, but the copy is stale: it lists what is gone, or misses what is new. Make it anew."
            raise NotYetError(msg)
    return "One request, and every member is found."


def _members(store: Any, *, use_consolidated: bool | None) -> set[str]:
    root = zarr.open_group(store, mode="r", zarr_format=3, use_consolidated=use_consolidated)
    return {path for path, _ in root.members(max_depth=None)}


def _values(store: Any) -> int:
    root: Any = zarr.open_group(store, mode="r", zarr_format=3, use_consolidated=False)
    return sum(
        int(np.sum(np.asarray(node[:]))) for _, node in root.members(max_depth=None) if isinstance(node, zarr.Array)
    )


# --- lesson 06 ---


class _Metered(WrapperStore[Any]):
    """Lets each read wait a little, and counts how many are under way."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.under_way = self.most = self.reads = 0

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        self.reads += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.005)
        self.under_way -= 1
        return await super().get(key, prototype, byte_range)


@made("06.fill_up", expects="a coroutine that takes two stores and returns a number")
def fill_up(answer: object) -> str:
    """Judge a copy of what is missing: what arrives, what was read and written, and how many were under way."""
    values = {f"a/c/{number}": cpu.Buffer.from_bytes(b"%d" % number) for number in range(30)}
    there = {key: value for number, (key, value) in enumerate(values.items()) if number % 5 == 0}
    source, kept = _Metered(MemoryStore(dict(values))), MemoryStore(dict(there))
    target = CountingStore(kept)
    copied = _awaited(answer, source, target)
    if {key: value.to_bytes() for key, value in kept._store_dict.items()} != {
        key: value.to_bytes() for key, value in values.items()
    }:
        msg = f"Afterwards the target has {len(kept._store_dict)} of 30 keys, or other values. Copy what is missing."
        raise NotYetError(msg)
    if target.writes != 24 or source.reads != 24:
        msg = f"24 keys were missing. It read {source.reads} and wrote {target.writes}. Which are there already?"
        raise NotYetError(msg)
    if source.most > 10:
        msg = f"{source.most} reads were under way at once; ten are allowed. A semaphore has so many places."
        raise NotYetError(msg)
    if source.most < 5:
        msg = f"At most {source.most} read was under way. Start the copies together, with `asyncio.gather`."
        raise NotYetError(msg)
    if copied != 24:
        msg = f"All is copied, but it returned {copied!r}, not the number of keys that it copied."
        raise NotYetError(msg)
    return f"24 of 30 keys were copied, {source.most} at once."


def _awaited(answer: object, *arguments: object) -> Any:
    """Run a coroutine that the learner made, in an event loop of this thread, which can be stopped."""
    coroutine = _called(answer, *arguments)
    if not inspect.isawaitable(coroutine):
        msg = "Asked for is a coroutine: begin it with `async def`."
        raise NotYetError(msg)

    async def wait() -> object:
        return await coroutine

    return asyncio.run(wait())


_KEYS = ["zarr.json", "run/zarr.json", "run/1/zarr.json", "run/1/c/0", "run/12/c/0", "run2/zarr.json", "runs"]


def _store(answer: object) -> Any:
    if not (isinstance(answer, type) and issubclass(answer, Store)):
        msg = "Asked for is the class, not a store of it."
        raise NotYetError(msg)
    make: Any = answer
    return make(dict.fromkeys(_KEYS, b"1"))


@made("06.exists", expects="a class of stores with a method `exists`", timeout_s=30)
def exists(answer: object) -> str:
    """Judge a store by what it says of some keys, then by those tests of zarr's suite that need no `list_dir`."""
    store = _store(answer)
    for key, wanted in {"run/zarr.json": True, "runs": True, "run": False, "run/": False, "": False}.items():
        said = _awaited(store.exists, key)
        if said is None:
            msg = "`exists` returned None. It has to return True or False."
            raise NotYetError(msg)
        if said is not wanted:
            msg = f"Of the key {key!r} it says {said!r}. True is for a key that has a value, and for nothing else."
            raise NotYetError(msg)
    report = run_suite(_dict_suite(), type(store))
    failed = [name for name in report.failed if "list_dir" not in name]
    if failed:
        msg = f"Zarr's suite is not content with {', '.join(failed)}. Did another method change?"
        raise NotYetError(msg)
    return f"{len(report.passed)} tests pass now; what fails needs list_dir."


@made("06.list_dir", expects="a class of stores with a method `list_dir`", timeout_s=30)
def list_dir(answer: object) -> str:
    """Judge a store by the names it lists, then by zarr's whole suite."""
    store = _store(answer)
    cases = {
        "": {"zarr.json", "run", "run2", "runs"},
        "run": {"zarr.json", "1", "12"},
        "run/": {"zarr.json", "1", "12"},
    }
    cases |= {"run/1": {"zarr.json", "c"}, "nothing": set()}
    for prefix, wanted in cases.items():
        names = _listed(store.list_dir(prefix))
        hint = f"Of the folder {prefix!r} it lists {names}."
        if len(names) != len(set(names)):
            msg = f"{hint} Each name once: collect them in a set before you yield."
            raise NotYetError(msg)
        if any(name.startswith(("2", "s")) for name in names) or "" in names:
            msg = f"{hint} Keys in a folder begin with its name and a slash; only the root has neither."
            raise NotYetError(msg)
        if set(names) != wanted:
            msg = f"{hint} In it are keys that begin with it; what is the next name of each, up to a slash?"
            raise NotYetError(msg)
    report = run_suite(_dict_suite(), type(store))
    if report.failed:
        msg = f"Zarr's suite is not content with {', '.join(report.failed)}."
        raise NotYetError(msg)
    return f"{len(report.passed)} tests of zarr's suite pass, none fails."


def _listed(names: Any) -> list[str]:
    """Return what a listing yields; a coroutine yields nothing."""
    if inspect.iscoroutine(names):
        names.close()
        msg = "`list_dir` yields nothing: it needs a `yield` for each name."
        raise NotYetError(msg)

    async def collect() -> list[str]:
        return [name async for name in names]

    return asyncio.run(collect())


def _dict_suite() -> type:
    """Return zarr's suite for stores that keep bytes in a dict called contents."""
    import pytest  # here: takes as long as all the rest of this module
    from zarr.testing.store import StoreTests

    class DictTests(StoreTests[Any, cpu.Buffer]):
        buffer_cls = cpu.Buffer

        @pytest.fixture
        def store_kwargs(self) -> dict[str, Any]:
            return {"contents": {}}

        async def set(self, store: Any, key: str, value: Buffer) -> None:
            store.contents[key] = value.to_bytes()

        async def get(self, store: Any, key: str) -> cpu.Buffer:
            return cpu.Buffer.from_bytes(store.contents[key])

        def test_store_repr(self, store: Any) -> None:
            assert repr(store)

        def test_store_supports_writes(self, store: Any) -> None:
            assert store.supports_writes

        def test_store_supports_listing(self, store: Any) -> None:
            assert store.supports_listing

    return DictTests


# --- lesson 07 ---


@made(
    "07.three_ways", expects="a dict of two arrays and an address, under 'obstore', 's3fs' and 'address'", timeout_s=30
)
def three_ways(answer: object) -> str:
    """Judge two arrays by their stores and numbers, and an address by what it opens."""
    ways = {name: answer[name] for name in ("obstore", "s3fs", "address")}  # type: ignore[index]
    if unfinished := [name for name, one in ways.items() if one is ...]:
        msg = f"Still to be done: {', '.join(unfinished)}."
        raise NotYetError(msg)
    secret = os.environ.get("AWS_SECRET_ACCESS_KEY")
    if secret is None:
        msg = "The server is gone, and its key with it. Run the cells from where it was started."
        raise NotYetError(msg)
    objects = S3Store("tide", prefix="level")
    level = np.asarray(zarr.open_array(ObjectStore(objects), mode="r", zarr_format=3)[:])
    for name, kind in {"obstore": ObjectStore, "s3fs": FsspecStore}.items():
        array = ways[name]
        if not (isinstance(array, zarr.Array) and isinstance(array.store, kind)):
            store = type(array.store if isinstance(array, zarr.Array) else array).__name__
            msg = f"Under {name!r} is asked for a zarr.Array whose store is of type {kind.__name__}, not {store}."
            raise NotYetError(msg)
        if not np.array_equal(np.asarray(array[...]), level):
            msg = f"Under {name!r} is another array. It lies in the bucket `tide` under `level`."
            raise NotYetError(msg)
        if secret.encode() in pickle.dumps(array.store):
            msg = f"The store under {name!r} was handed the secret. It finds the key in the environment."
            raise NotYetError(msg)
    _examine_address(str(ways["address"]), bytes(objects.get("zarr.json").bytes()))
    return "Both arrays hold the same numbers, the address opens its object, and no secret is in any of them."


def _examine_address(address: str, document: bytes) -> None:
    signed = parse_qs(urlsplit(address).query)
    if "X-Amz-Signature" not in signed:
        msg = "The address is not signed: `obstore.sign` makes one that is."
        raise NotYetError(msg)
    if int(signed["X-Amz-Expires"][0]) > 300:
        msg = f"The address works for {signed['X-Amz-Expires'][0]} seconds. Five minutes are asked for."
        raise NotYetError(msg)
    try:
        with urlopen(address, timeout=10) as opened:
            content = opened.read()
    except HTTPError as error:
        error.close()
        msg = f"The address opens nothing: status {error.code}. Sign a GET of `zarr.json` below `level`."
        raise NotYetError(msg) from None
    if content != document:
        msg = "The address opens another object. Asked for is the `zarr.json` of the array."
        raise NotYetError(msg)


@made("07.policy", expects="a dict with client_options and retry_config", timeout_s=40)
def policy(answer: object) -> str:
    """Judge options by what becomes of a read from a server that is busy, silent for once, and silent for good."""
    from helpers.servers import CountingProxy, http_server

    def tide(_: object, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "4")])
        return [b"tide"]

    proxy = CountingProxy(tide)
    with http_server(proxy) as endpoint, contextlib.ExitStack() as stack:
        stack.callback(proxy.reset)  # else a request that hangs would be waited for
        store = HTTPStore.from_url(endpoint, **answer)  # type: ignore[arg-type]
        proxy.break_next("503", times=12)
        error, _ = _read_within(store, 10.0)
        if error:
            asked = sum(proxy.requests.values())
            msg = f"A server was busy for 12 answers; after {asked} requests came {error}. Are retries or time too few?"
            raise NotYetError(msg)
        proxy.reset()
        proxy.break_next("hang", times=1)
        error, took_s = _read_within(store, 10.0)
        if error:
            msg = f"After one silence it read nothing ({error}, {took_s:.1f} s). One more try would have done."
            raise NotYetError(msg)
        proxy.reset()
        proxy.break_next("hang", times=None)
        _, took_s = _read_within(store, 3.5)
    if took_s > 3:
        msg = "A server that was silent for good was still being asked after three seconds. What bounds all retries?"
        raise NotYetError(msg)
    return "It outlasts twelve refusals and one silence, and gives up in time."


def _read_within(store: HTTPStore, limit_s: float) -> tuple[str, float]:
    """Read, and return the type of the error, if there was one, and the seconds that it took."""

    async def read() -> None:
        async with asyncio.timeout(limit_s):
            await (await obstore.get_async(store, "tide")).bytes_async()

    begin = time.perf_counter()
    try:
        asyncio.run(read())
    except (obstore.exceptions.BaseError, TimeoutError) as error:
        return type(error).__name__, time.perf_counter() - begin
    return "", time.perf_counter() - begin
