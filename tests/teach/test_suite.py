"""Tests of helpers.teach.suite: it finds what pytest finds, draws it, and asks another process."""
# ruff: noqa: D102 -- the suite documents its methods

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest
from zarr.core.buffer import Buffer, cpu
from zarr.core.sync import sync
from zarr.storage import LocalStore, MemoryStore
from zarr.testing.store import StoreTests

from helpers.teach import SuiteReport, draw_suites, read_elsewhere, run_suite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import BufferPrototype


class MemorySuite(StoreTests[MemoryStore, cpu.Buffer]):
    """A suite of a store that conforms."""

    __test__ = False
    store_cls = MemoryStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self, tmp_path: Path) -> dict[str, Any]:
        assert list(tmp_path.iterdir()) == []
        return {"store_dict": {}}

    async def set(self, store: MemoryStore, key: str, value: Buffer) -> None:
        store._store_dict[key] = value

    async def get(self, store: MemoryStore, key: str) -> Buffer:
        return store._store_dict[key]

    def test_store_repr(self, store: MemoryStore) -> None:
        assert repr(store) == f"MemoryStore('{store}')"

    def test_store_supports_writes(self, store: MemoryStore) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: MemoryStore) -> None:
        assert store.supports_listing


class BrokenStore(MemoryStore):
    """Forgets byte ranges, finds nothing, and deletes nothing."""

    supports_deletes = False

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        del byte_range
        return await super().get(key, prototype)

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        for key in prefix[:0]:
            yield key


def by_test(outcomes: dict[str, str]) -> Counter[tuple[str, str]]:
    """Count outcomes by the function that was tested."""
    return Counter((name.split("[", maxsplit=1)[0], outcome) for name, outcome in outcomes.items())


PROGRAM = """
from tests.teach.test_suite import BrokenStore, MemorySuite

class TestBroken(MemorySuite):
    __test__ = True
    store_cls = BrokenStore
"""


def test_the_outcomes_are_those_of_pytest(tmp_path: Path) -> None:
    """Test by test, for a store of which some pass, some fail and some do not apply."""
    (tmp_path / "test_it.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_asyncio.plugin", "--asyncio-mode=auto", "--tb=no"]
    subprocess.run(
        [*command, "--junitxml=out.xml", f"--rootdir={tmp_path}", f"--basetemp={tmp_path / 'temp'}", "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    pytests = {}
    for case in ElementTree.parse(tmp_path / "out.xml").iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        pytests[case.attrib["name"]] = outcome
    report = run_suite(MemorySuite, BrokenStore)
    ours = dict.fromkeys(report.passed, "passed") | dict.fromkeys(report.failed, "failed")
    ours |= dict.fromkeys(report.skipped, "skipped")
    assert by_test(ours) == by_test(pytests)
    assert {outcome for _, outcome in by_test(ours)} == {"passed", "failed", "skipped"}


def test_a_store_that_conforms_passes_all() -> None:
    """MemoryStore is one of zarr's own."""
    report = run_suite(MemorySuite)
    assert (len(report.passed), report.failed, report.skipped) == (77, {}, {})


def test_a_failure_is_told_with_its_reason() -> None:
    """The type of the error, and the first line of what it says."""

    class Failing(MemorySuite):
        def test_store_repr(self, store: MemoryStore) -> None:  # noqa: ARG002
            msg = "first line\nsecond line"
            raise LookupError(msg)

    report = run_suite(Failing)
    assert report.failed == {"test_store_repr": "LookupError: first line"}
    assert report.failures == {"test_store_repr": 1}
    assert repr(report) == f"<SuiteReport: {len(report.passed)} passed, 1 failed, 0 skipped>"


def test_a_suite_that_would_pass_anything_is_refused() -> None:
    """Nothing else enforces the abstract methods of StoreTests."""

    class Empty(StoreTests[MemoryStore, cpu.Buffer]):
        store_cls = MemoryStore
        buffer_cls = cpu.Buffer

    with pytest.raises(TypeError, match=r"Empty has .* that defines get, set, store_kwargs, test_store_repr"):
        run_suite(Empty)
    with pytest.raises(TypeError, match="has to be a subclass"):
        run_suite(MemoryStore)


def test_another_process_reads_what_the_store_finds_there(tmp_path: Path) -> None:
    """A store of zarr needs no code sent along."""
    store = LocalStore(tmp_path)
    sync(store.set("key", cpu.Buffer.from_bytes(b"1234")))
    assert read_elsewhere(store, "key") == "read 4 bytes"


def test_a_class_that_nobody_can_import_goes_by_value(tmp_path: Path) -> None:
    """Pickle sends names: only cloudpickle sends the class."""
    namespace = {"__name__": "__main__", "LocalStore": LocalStore}
    exec("class OwnStore(LocalStore):\n    pass", namespace)
    import __main__

    own = namespace["OwnStore"]
    assert isinstance(own, type)
    store: LocalStore = own(tmp_path)
    sync(store.set("key", cpu.Buffer.from_bytes(b"1234")))
    __main__.OwnStore = own
    try:
        assert read_elsewhere(store, "key") == "AttributeError"
        assert read_elsewhere(store, "key", by_value=True) == "read 4 bytes"
    finally:
        del __main__.OwnStore


def test_a_key_that_is_missing_there_is_an_error_there() -> None:
    """What is in memory comes along in the pickle; what is not, is missing."""
    assert read_elsewhere(MemoryStore(), "key") == "TypeError"


def test_each_bar_is_a_report() -> None:
    """From the top down, passed, failed and skipped from the left."""
    reports = {
        "First": SuiteReport(passed=["a"], failed={"b[0]": "", "b[1]": ""}, skipped={"d": ""}),
        "Second": SuiteReport(passed=["a", "b", "c", "d"]),
    }
    assert reports["First"].failures == {"b": 2}
    figure = draw_suites(reports, title="Two steps")
    (ax,) = figure.axes
    widths = [[int(bar.get_width()) for bar in bars] for bars in ax.containers]
    assert widths == [[1, 4], [2, 0], [1, 0]]
    assert ax.get_title() == "Two steps"
    assert ax.yaxis_inverted()
    plt.close(figure)
