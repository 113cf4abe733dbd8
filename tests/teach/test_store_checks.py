"""Tests of helpers.teach: what another process makes of a store, and the picture of the suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from zarr.storage import LocalStore, MemoryStore

from helpers.teach import SuiteReport, draw_suites, read_elsewhere
from tests.store_bytes import write_bytes

if TYPE_CHECKING:
    from pathlib import Path


def test_another_process_reads_what_the_store_finds_there(tmp_path: Path) -> None:
    """A store of zarr needs no code sent along."""
    store = LocalStore(tmp_path)
    write_bytes(store, "key", b"1234")
    assert read_elsewhere(store, "key") == "read 4 bytes"


def test_a_class_that_nobody_can_import_goes_by_value(tmp_path: Path) -> None:
    """Pickle sends names: only cloudpickle sends the class."""
    namespace = {"__name__": "__main__", "LocalStore": LocalStore}
    exec("class OwnStore(LocalStore):\n    pass", namespace)
    import __main__

    own = namespace["OwnStore"]
    assert isinstance(own, type)
    store: LocalStore = own(tmp_path)
    write_bytes(store, "key", b"1234")
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
        "First": SuiteReport(passed=["a"], failed={"b": "", "c": ""}, skipped={"d": ""}),
        "Second": SuiteReport(passed=["a", "b", "c", "d"]),
    }
    figure = draw_suites(reports, title="Two steps")
    (ax,) = figure.axes
    widths = [[int(bar.get_width()) for bar in bars] for bars in ax.containers]
    assert widths == [[1, 4], [2, 0], [1, 0]]
    assert ax.get_title() == "Two steps"
    assert ax.yaxis_inverted()
    plt.close(figure)
