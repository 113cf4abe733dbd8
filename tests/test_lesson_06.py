"""Tests of lesson 06: what zarr's suite does not ask of its SQLite store, what its cells define, and each trap."""

from __future__ import annotations

import ast
import asyncio
import pickle
import runpy
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import dask.array as da
import nbformat
import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import cpu, default_buffer_prototype
from zarr.experimental.cache_store import CacheStore
from zarr.storage import LocalStore, LoggingStore, MemoryStore, WrapperStore, ZipStore
from zarr.testing.stateful import ZarrStoreStateMachine

from helpers.counting import CountingStore, SlowStore
from helpers.teach import SQLiteStore, read_elsewhere, run_suite
from tests.stateful import run_machine
from tests.store_bytes import list_keys, read_bytes, write_bytes
from tools.lessons import NOTEBOOKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from zarr.abc.store import ByteRequest

PROTOTYPE = default_buffer_prototype()
DEFINITIONS = ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def definitions() -> str:
    """Return what the lesson imports and defines, from its cells: one source, no copy."""
    notebook = nbformat.read(NOTEBOOKS / "06_swap_stores.ipynb", as_version=4)
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    kept = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            statements = compile(cell.source, cell.id, "exec", flags).body
            kept += [ast.unparse(each) for each in statements if isinstance(each, DEFINITIONS)]
    return "\n\n".join(kept)


def lesson_module() -> Any:
    """Return those definitions as a module, where `pickle` finds them."""
    module = ModuleType("lesson_06")
    sys.modules["lesson_06"] = module
    exec(compile(definitions(), "06_swap_stores.ipynb", "exec"), module.__dict__)
    return module


LESSON = lesson_module()
SUITE = runpy.run_path(str(Path(__file__).parent / "teach" / "test_sqlite_store.py"))["TestSQLiteStore"]


@pytest.fixture
def store(tmp_path: Path) -> SQLiteStore:
    """A store on a file of its own."""
    return SQLiteStore(tmp_path / "test.sqlite")


# --- zarr's suites ---


class TestDictStore(LESSON.DictTests):  # type: ignore[name-defined,misc]
    """The learner's dict store passes zarr's suite, under pytest."""

    store_cls = LESSON.DictStore


def test_any_sequence_of_requests_does_what_memory_does(store: Any) -> None:
    """Zarr's state machine of a store."""
    run_machine(ZarrStoreStateMachine, store)


# --- what the suite does not ask ---


@pytest.mark.parametrize("value", [b"", b"a", b"0123456789", bytes(range(256)) * 30])
def test_every_byte_range_is_that_of_memory(store: Any, value: bytes) -> None:
    """Of empty values and past the end as well, in every way to ask."""
    memory = MemoryStore()
    for each in (store, memory):
        write_bytes(each, "key", value)
    wanted: list[ByteRequest] = [RangeByteRequest(a, b) for a in (0, 1, 9, 400) for b in (1, 9, 10, 500) if a < b]
    wanted += [request(n) for request in (OffsetByteRequest, SuffixByteRequest) for n in (0, 1, 4, 10, 300)]
    for one in [None, *wanted]:
        expected = read_bytes(memory, "key", one)
        assert read_bytes(store, "key", one) == expected
        got = asyncio.run(store.get("key", PROTOTYPE, one))
        assert got is not None
        assert got.to_bytes() == expected
        assert read_bytes(store, "missing", one) is None


def test_names_that_mean_something_to_sql_mean_nothing(store: Any) -> None:
    """Listing and deleting do what memory does, with wildcards, quotes, capitals and other alphabets in the keys."""
    memory = MemoryStore()
    folders = ["run_1", "run-1", "RUN_1", "run%1", "run*", "run[1]", "o'hare", 'a"b', "größe", "面", "run_1/run_1", "r"]
    for each in (store, memory):
        for folder in folders:
            write_bytes(each, f"{folder}/zarr.json", folder.encode())
            write_bytes(each, f"{folder}/c/0", b"")
    for folder in ["", *folders, "run", "nothing"]:
        for asked in (folder, f"{folder}/" if folder else ""):
            assert sorted(listed(store.list_prefix(asked))) == sorted(listed(memory.list_prefix(asked)))
            assert sorted(listed(store.list_dir(asked))) == sorted(listed(memory.list_dir(asked)))
    for folder in folders:
        for each in (store, memory):
            asyncio.run(each.delete_dir(folder))
        assert sorted(list_keys(store)) == sorted(list_keys(memory))


def test_a_read_only_twin_reads_and_refuses(store: Any, tmp_path: Path) -> None:
    """In every way to write, and looking makes no file."""
    write_bytes(store, "key", b"1")
    twin = store.with_read_only(True)
    value = cpu.Buffer.from_bytes(b"2")
    assert read_bytes(twin, "key") == b"1"
    writes: list[Callable[[], object]] = [
        lambda: twin.set_sync("key", value),
        lambda: twin.delete_sync("key"),
        lambda: asyncio.run(twin.set("key", value)),
        lambda: asyncio.run(twin.set_if_not_exists("new", value)),
        lambda: asyncio.run(twin.delete("key")),
        lambda: asyncio.run(twin.delete_dir("")),
        lambda: asyncio.run(twin.clear()),
    ]
    for write in writes:
        with pytest.raises(ValueError, match="read-only mode"):
            write()
    assert list(list_keys(store)) == ["key"]
    misspelt = SQLiteStore(tmp_path / "misspelt.sqlite")
    for other in (misspelt, misspelt.with_read_only(True)):
        assert read_bytes(other, "key") is None
        assert list(list_keys(other)) == []
    with pytest.raises(zarr.errors.GroupNotFoundError):
        zarr.open_group(misspelt, mode="r")
    assert not misspelt.path.exists()


def test_paths_may_hold_what_urls_give_a_meaning(tmp_path: Path) -> None:
    """The name of the file goes into a URL."""
    store = SQLiteStore(tmp_path / "a b%20?mode=ro#1 é.sqlite")
    write_bytes(store, "key", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["a b%20?mode=ro#1 é.sqlite"]
    assert read_bytes(store.with_read_only(True), "key") == b"1"


def test_a_pickled_store_is_the_same_store(store: SQLiteStore) -> None:
    """Here, and in another process."""
    twin = pickle.loads(pickle.dumps(store.with_read_only(True)))
    assert (twin, twin.wait_s) == (store.with_read_only(True), 30)
    assert twin != store
    write_bytes(store, "key", b"1234")
    assert read_elsewhere(store, "key") == "read 4 bytes"


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux counts what a process reads")
def test_a_part_of_a_large_value_is_read_alone(store: SQLiteStore) -> None:
    """At either end and in the middle; `substr` reads all of it, and so does `blobopen` without a map of pages."""
    size = 40_000_000
    write_bytes(store, "shard", bytes(size))
    for wanted in (RangeByteRequest(5, 15), RangeByteRequest(size // 2, size // 2 + 10), SuffixByteRequest(10)):
        assert count_read(lambda wanted=wanted: read_bytes(store, "shard", wanted)) < 100_000  # type: ignore[misc]
    with closing(sqlite3.connect(store.path)) as db:
        assert count_read(lambda: db.execute("SELECT substr(value, 1, 10) FROM chunks").fetchall()) > size
    plain = store.path.with_name("plain.sqlite")
    with closing(sqlite3.connect(plain)) as db, db:
        db.execute("CREATE TABLE chunks (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
        db.execute("INSERT INTO chunks VALUES ('shard', ?)", (bytes(size),))
    assert count_read(lambda: read_bytes(SQLiteStore(plain), "shard", SuffixByteRequest(10))) > size


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux counts what a process reads")
def test_scattered_pages_are_read_until_vacuum_puts_them_side_by_side(store: SQLiteStore) -> None:
    """The map of pages helps only where the next page of a value is the next of the file."""
    store.set_sync("first", cpu.Buffer.from_bytes(b"1"))  # makes the table
    with closing(sqlite3.connect(store.path)) as db, db:
        db.executemany("INSERT INTO chunks VALUES (?, ?)", ((f"k{n}", bytes(9_000)) for n in range(800)))
    order = np.random.default_rng(7).permutation(800)[:700].tolist()
    with closing(sqlite3.connect(store.path)) as db, db:
        db.executemany("DELETE FROM chunks WHERE key = ?", ((f"k{n}",) for n in order))
    write_bytes(store, "shard", bytes(6_000_000))
    assert count_read(lambda: read_bytes(store, "shard", SuffixByteRequest(10))) > 2_000_000
    with closing(sqlite3.connect(store.path)) as db:
        db.execute("VACUUM")
    assert count_read(lambda: read_bytes(store, "shard", SuffixByteRequest(10))) < 100_000


def count_read(call: Callable[[], object]) -> int:
    """Return the bytes that this process reads in a call."""

    def read_so_far() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    before = read_so_far()
    call()
    return read_so_far() - before


def test_a_value_that_is_replaced_while_it_is_read_stays_whole(store: SQLiteStore) -> None:
    """Finding a row and reading its value see one state of the file."""
    write_bytes(store, "key", b"0" * 100_000)

    def write_often() -> None:
        for number in range(50):
            write_bytes(store, "key", b"%d" % (number % 10) * 100_000)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write_often)
        while not writing.done():
            value = read_bytes(store, "key")
            assert value is not None
            assert len(set(value)) == 1
        writing.result()


@pytest.mark.parametrize("pipeline", ["BatchedCodecPipeline", "FusedCodecPipeline"])
def test_arrays_come_back(store: Any, pipeline: str) -> None:
    """Chunks and shards, whole and in part, through either of zarr's pipelines."""
    data = np.random.default_rng(7).random((9, 7))
    with zarr.config.set({"codec_pipeline.path": f"zarr.core.codec_pipeline.{pipeline}"}):
        for name, shards in {"plain": None, "sharded": (4, 4)}.items():
            z = zarr.create_array(store, name=name, shape=data.shape, chunks=(2, 2), shards=shards, dtype=data.dtype)
            z[:] = 0
            z[:] = data
            assert np.array_equal(zarr.open_array(store, path=name, mode="r")[4, 1:6], data[4, 1:6])


def test_xarray_and_dask_use_it(store: Any) -> None:
    """A dataset comes back, written by several threads."""
    ds = xr.Dataset({"t": (("time", "x"), da.arange(64, chunks=4).reshape(16, 4))}, {"time": np.arange(16)})
    ds.to_zarr(store, zarr_format=2, consolidated=True)
    xr.testing.assert_identical(xr.open_zarr(store).load(), ds.compute())


# --- several writers ---


@pytest.fixture
def locked(store: Any) -> Iterator[Any]:
    """A store without patience, while another connection writes."""
    write_bytes(store, "key", b"1")
    with closing(sqlite3.connect(store.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield SQLiteStore(store.path, wait_s=0)


def test_a_second_writer_is_an_error_and_writes_nothing(locked: Any) -> None:
    """After the wait; reading goes on."""
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        write_bytes(locked, "key", b"2")
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        asyncio.run(locked.delete("key"))
    assert read_bytes(locked, "key") == b"1"


def test_patient_writers_all_get_their_turn(store: Any) -> None:
    """Four threads, none of their values lost."""

    def write(writer: int) -> None:
        for number in range(10):
            write_bytes(store, f"{writer}/{number}", b"%d" % number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len(list(list_keys(store))) == 40


def test_one_of_many_sets_a_key_that_was_not_there(store: Any) -> None:
    """In one statement, so nobody comes in between."""

    async def race() -> None:
        values = [cpu.Buffer.from_bytes(b"%d" % n) for n in range(10)]
        await asyncio.gather(*(store.set_if_not_exists("key", value) for value in values))

    asyncio.run(race())
    first = read_bytes(store, "key")
    asyncio.run(race())
    assert read_bytes(store, "key") == first


# --- traps that the lesson shows: a failure here says that zarr mended one, and the text can go ---


def test_like_deletes_its_neighbours(tmp_path: Path) -> None:
    """And zarr's suite does not notice."""
    like = LESSON.LikeStore(tmp_path / "like.sqlite")
    for folder in ("run_1", "run-1", "RUN-1", "run_10", "run21", "ran_1"):
        write_bytes(like, f"{folder}/zarr.json", b"")
    asyncio.run(like.delete_dir("run_1"))
    assert sorted(list_keys(like)) == ["ran_1/zarr.json", "run_10/zarr.json"]
    assert [*run_suite(SUITE, LESSON.LikeStore).failed] == ["test_store_repr"]  # its name is another one


def test_the_suite_lets_a_store_without_a_read_only_twin_pass() -> None:
    """Yet `mode="r"` fails."""
    assert run_suite(LESSON.DictTests, LESSON.Twinless).failed == {}
    store = LESSON.Twinless({})
    zarr.create_group(store)
    with pytest.raises(ValueError, match=r"implements \.with_read_only"):
        zarr.open_group(store, mode="r")


def test_a_store_is_compared_with_anything() -> None:
    """Another kind of store, or none at all, is not equal, and no error."""
    stores: list[Any] = [LESSON.DictStore({}), SQLiteStore("a.sqlite")]
    for store, same in zip(stores, [LESSON.DictStore({}), SQLiteStore("a.sqlite")], strict=True):
        assert store != MemoryStore()
        assert store != None  # noqa: E711
        assert store == same


def test_a_copy_keeps_ten_under_way() -> None:
    """Not one, and not all."""
    under_way, most = 0, 0

    class Metered(WrapperStore[MemoryStore]):
        async def get(self, *arguments: Any, **options: Any) -> Any:
            nonlocal under_way, most
            under_way, most = under_way + 1, max(most, under_way + 1)
            await asyncio.sleep(0.002)
            under_way -= 1
            return await super().get(*arguments, **options)

    source, target = MemoryStore(), MemoryStore()
    for number in range(51):
        write_bytes(source, f"c/{number}", b"%d" % number)
    LESSON.prototype = PROTOTYPE
    asyncio.run(LESSON.copy(Metered(source), target))
    assert most == 10
    assert {key: read_bytes(target, key) for key in list_keys(target)} == {f"c/{n}": b"%d" % n for n in range(51)}


def test_a_database_does_not_protect_two_writers_of_one_chunk(store: SQLiteStore) -> None:
    """Reading a chunk is one request and writing it another."""
    z = zarr.create_array(SlowStore(store, latency_s=0.2), shape=10, chunks=10, dtype="i4")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda half: z.__setitem__(half, 1), [slice(0, 5), slice(5, 10)]))
    assert np.asarray(z[:]).sum() == 5


@pytest.mark.parametrize("make", [MemoryStore, LESSON.DictStore])
def test_stores_in_memory_pickle_a_copy(make: Callable[[dict[str, Any]], Any]) -> None:
    """What is written into it is not in the original, and the suite is content."""
    store = make({})
    write_bytes(pickle.loads(pickle.dumps(store)), "key", b"1")
    assert list(list_keys(store)) == []


def test_a_cache_serves_what_was_deleted() -> None:
    """`CacheStore` does not see `delete_dir`."""
    store = CacheStore(MemoryStore(), cache_store=MemoryStore())
    root = zarr.create_group(store)
    root.create_array("air", data=np.arange(1.0, 5), chunks=2)
    del root["air"]
    assert zarr.open_array(store, path="air", mode="r")[0] == 1
    asyncio.run(store.clear_cache())
    with pytest.raises(FileNotFoundError):
        zarr.open_array(store, path="air", mode="r")


def test_a_log_misses_byte_ranges_and_twins() -> None:
    """`LoggingStore` does not count `get_ranges`, nor what its read-only twin does."""
    memory = MemoryStore()
    zarr.create_array(memory, data=np.arange(64, dtype="u1"), chunks=8, shards=64)
    logged, counted = LoggingStore(memory, log_level="ERROR"), CountingStore(memory)
    for store in (logged, counted):
        _ = zarr.open_array(store, mode="r+", zarr_format=3)[0]
    assert (logged.counter["get"], logged.counter["get_ranges"], counted.reads) == (2, 0, 3)
    twin = LoggingStore(memory, log_level="ERROR")
    _ = zarr.open_array(twin, mode="r", zarr_format=3)[0]
    assert twin.counter["get"] == 0


def test_a_name_that_ends_in_zip_is_a_folder(tmp_path: Path) -> None:
    """Zarr looks at no endings."""
    assert isinstance(zarr.create_group(str(tmp_path / "a.zip")).store, LocalStore)


def test_folders_in_a_zip_file_are_keys(tmp_path: Path) -> None:
    """As tools write them: the archive opens, a copy to a folder must leave them out."""
    import shutil

    zarr.create_group(tmp_path / "a.zarr").create_array("air", data=np.arange(3))
    shutil.make_archive(str(tmp_path / "a"), "zip", root_dir=tmp_path / "a.zarr")
    with ZipStore(tmp_path / "a.zip") as store:
        assert {key for key in list_keys(store) if key.endswith("/")} == {"air/", "air/c/"}
        assert np.array_equal(zarr.open_array(store, path="air", mode="r")[:], [0, 1, 2])


def listed(keys: Any) -> list[str]:
    """Return what an asynchronous iterator yields."""

    async def collect() -> list[str]:
        return [key async for key in keys]

    return asyncio.run(collect())
