"""Tests of helpers.teach: it finds what pytest finds."""
# ruff: noqa: D102 -- the suite documents its methods

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from zarr.core.buffer import Buffer, cpu
from zarr.storage import MemoryStore
from zarr.testing.store import StoreTests

from helpers.teach import SuiteReport, run_suite

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
from tests.teach.test_store_suite import BrokenStore, MemorySuite

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
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
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

    with pytest.raises(TypeError, match="Empty has to define get, set, store_kwargs, test_store_repr"):
        run_suite(Empty)
    with pytest.raises(TypeError, match="is no subclass"):
        run_suite(MemoryStore)

    class Nameless(MemorySuite):
        store_cls = None  # type: ignore[assignment]

    with pytest.raises(TypeError, match="Nameless names no store_cls"):
        run_suite(Nameless)


def test_a_report_counts_failures_by_test() -> None:
    """Variants of one test are one line."""
    assert SuiteReport(failed={"test_b": "", "test_a[0]": "", "test_a[1]": ""}).failures == {"test_a": 2, "test_b": 1}
