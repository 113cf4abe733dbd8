"""Checks a store of one's own in a notebook: with zarr's suite, and from another process.

`run_suite` is that of `helpers.store_suite`, and `draw_suites` its picture. `read_elsewhere` hands a store to
another process, as a program with workers does.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cloudpickle
import matplotlib.pyplot as plt
from matplotlib.text import Text

from helpers.store_suite import SuiteReport, run_suite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure
    from zarr.abc.store import Store

__all__ = ["SuiteReport", "draw_suites", "read_elsewhere", "run_suite"]

TIMEOUT_S = 60.0
_ELSEWHERE = """
import pickle, sys
from helpers.store_bytes import read_bytes
try:
    store = pickle.load(sys.stdin.buffer)
    print("read", len(read_bytes(store, sys.argv[1])), "bytes")
except Exception as error:
    print(type(error).__name__)
"""
_COLOURS = {"passed": "#0072B2", "failed": "#E69F00", "skipped": "#CCCCCC"}


def draw_suites(reports: Mapping[str, SuiteReport], *, title: str) -> Figure:
    """Draw how many tests passed, failed and were skipped, a bar for each store.

    Parameters
    ----------
    reports : mapping of str to SuiteReport
        A report for each store, by its name, drawn from top to bottom.
    title : str
        The title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        A new figure of pyplot.

    Examples
    --------
    >>> figure = draw_suites({"EmptyStore": SuiteReport(passed=["test_store_type"])}, title="One step")
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['passed', 'failed', 'skipped']
    >>> plt.close(figure)
    """
    fig, ax = plt.subplots(figsize=(6.5, 0.8 + 0.25 * len(reports)), dpi=80, layout="constrained")
    names = list(reports)
    left = [0] * len(names)
    for kind, colour in _COLOURS.items():
        numbers = [len(getattr(report, kind)) for report in reports.values()]
        ax.barh(names, numbers, left=left, color=colour, label=kind, edgecolor="white")
        left = [before + number for before, number in zip(left, numbers, strict=True)]
    ax.invert_yaxis()
    ax.set(title=title, xlabel="tests of zarr.testing.store.StoreTests")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    for text in fig.findobj(Text):
        text.set_antialiased(False)  # the notebook stores a quarter of the bytes
    return fig


def read_elsewhere(store: Store, key: str, *, by_value: bool = False) -> str:
    """Pickle a store, and let a fresh Python process read one key with it.

    Parameters
    ----------
    store : zarr.abc.store.Store
        A store whose values outlive this process, or at least its pickle.
    key : str
        The key to read. A missing one is a TypeError over there.
    by_value : bool, default False
        Send the code of the store along (cloudpickle, which Dask uses), where ``pickle`` sends its name.

    Returns
    -------
    str
        ``"read 66 bytes"``, or the type of the error over there.

    Examples
    --------
    >>> from zarr.storage import LocalStore
    >>> read_elsewhere(LocalStore("/there/is/nothing"), "zarr.json")
    'TypeError'
    """
    pickled: bytes = cloudpickle.dumps(store) if by_value else pickle.dumps(store)
    asked = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, key],
        input=pickled,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
        timeout=TIMEOUT_S,
        check=True,
    )
    return asked.stdout.decode().strip()
