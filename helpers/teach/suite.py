"""Runs zarr's own tests of a store in the notebook where the store is written, and draws what they found.

`zarr.testing.store.StoreTests` holds the tests that every store has to pass. It is written for pytest, which wants
files and a session. `run_suite` takes a subclass of it from wherever it was defined and runs test by test;
`read_elsewhere` hands a store to another process, as a program with workers does.
"""

from __future__ import annotations

import inspect
import itertools
import os
import pickle
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import matplotlib.pyplot as plt
import numpy as np
import pytest
from zarr.core.sync import sync
from zarr.testing.store import StoreTests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from matplotlib.figure import Figure
    from zarr.abc.store import Store

__all__ = ["SuiteReport", "draw_suites", "read_elsewhere", "run_suite"]


_TIMEOUT_S = 60.0
# A test has to survive no power cut: where there is a disk in memory, a store that waits for its disk is quicker there.
_QUICK = Path("/dev/shm")


@dataclass(frozen=True, repr=False)
class SuiteReport:
    """Hold what became of each test of a suite.

    Parameters
    ----------
    passed : list of str
        The tests that passed: ``test_get[3]`` is the fourth set of values of ``test_get``.
    failed : dict of str to str
        The tests that did not, each with the type of its error and the first line of the message.
    skipped : dict of str to str
        Those that do not apply to this store, each with the reason.

    Examples
    --------
    >>> SuiteReport(passed=["test_get[0]"], failed={"test_list": "NotImplementedError: "})
    <SuiteReport: 1 passed, 1 failed, 0 skipped>
    """

    passed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<SuiteReport: {len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped>"

    @property
    def failures(self) -> dict[str, int]:
        """How many sets of values fail, for each test that fails with any."""
        return dict(sorted(Counter(name.split("[")[0] for name in self.failed).items()))


def run_suite(suite: type, store_cls: type[Store] | None = None) -> SuiteReport:
    """Run every test of a suite on its own, and go on after those that fail.

    Write the suite as zarr's documentation of `StoreTests` asks for; the same class runs under pytest, with
    pytest-asyncio in its mode ``auto``, in a project of your own.

    Parameters
    ----------
    suite : type
        A subclass of `zarr.testing.store.StoreTests` with its abstract methods defined.
    store_cls : type of zarr.abc.store.Store, optional
        The store to test, if not the ``store_cls`` of the suite: one suite serves each step of a store that grows.

    Returns
    -------
    SuiteReport
        What passed, failed, and was skipped.

    Raises
    ------
    TypeError
        If `suite` lacks one of the things that it has to define: without them some tests would pass whatever the store
        does.

    Notes
    -----
    Fixtures are methods of the suite, and ``tmp_path``, an empty folder of its own for each test. Coroutines run
    in zarr's own event loop, where they run when zarr uses the store. A test that takes a minute has failed.

    Examples
    --------
    >>> from zarr.core.buffer import cpu
    >>> from zarr.storage import MemoryStore
    >>> class MemoryTests(StoreTests):
    ...     buffer_cls = cpu.Buffer
    ...     async def set(self, store, key, value): store._store_dict[key] = value
    ...     async def get(self, store, key): return store._store_dict[key]
    ...     @pytest.fixture
    ...     def store_kwargs(self): return {"store_dict": {}}
    ...     def test_store_repr(self, store): assert repr(store) == f"MemoryStore('{store}')"
    ...     def test_store_supports_writes(self, store): assert store.supports_writes
    ...     def test_store_supports_listing(self, store): assert store.supports_listing
    >>> run_suite(MemoryTests, MemoryStore).failed
    {}
    """
    if store_cls is not None:
        suite = type(suite.__name__, (suite,), {"store_cls": store_cls})
    # StoreTests has abstract methods, and nothing enforces them.
    missing = [name for name in dir(suite) if getattr(_static(suite, name), "__isabstractmethod__", False)]
    missing += [name for name in ("buffer_cls", "store_cls") if not hasattr(suite, name)]
    if missing or not issubclass(suite, StoreTests):
        msg = (
            f"{suite.__name__} has to be a subclass of zarr.testing.store.StoreTests that defines {', '.join(missing)}."
        )
        raise TypeError(msg)
    report = SuiteReport()
    quick = _QUICK if os.access(_QUICK, os.W_OK) else None
    for name, values in _cases(suite):
        with tempfile.TemporaryDirectory(dir=quick) as folder:
            _run(suite, name, report=report, given={"tmp_path": Path(folder), **values})
    return report


def _cases(suite: type) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield each test with each of its sets of values, in the order of names."""
    for name in (name for name in dir(suite) if name.startswith("test_")):
        marks = [mark for mark in getattr(getattr(suite, name), "pytestmark", []) if mark.name == "parametrize"]
        for number, parts in enumerate(itertools.product(*(_values(*mark.args[:2]) for mark in marks))):
            values = {key: value for part in parts for key, value in part.items()}
            yield (f"{name}[{number}]" if marks else name), values


def _values(names: str | tuple[str, ...], rows: list[Any]) -> list[dict[str, object]]:
    """Return what one ``parametrize`` gives: a dict of arguments for each of its rows."""
    return [{names: row} if isinstance(names, str) else dict(zip(names, row, strict=True)) for row in rows]


def _run(suite: type, name: str, *, report: SuiteReport, given: dict[str, object]) -> None:
    """Run one test on a fresh object of the suite, and enter it in the report."""
    tests = suite()
    try:
        _call(getattr(tests, name.split("[", maxsplit=1)[0]), tests=tests, made=given)
    except pytest.skip.Exception as skipped:
        report.skipped[name] = str(skipped)
    except (Exception, pytest.fail.Exception) as error:  # whatever a store may raise is what the learner asks for
        first = next(iter(str(error).splitlines()), "")
        report.failed[name] = f"{type(error).__name__}: {first}"
    else:
        report.passed.append(name)


def _call(function: Callable[..., object], *, tests: object, made: dict[str, object]) -> object:
    """Call a test or a fixture with the fixtures that it names, each of them made once."""
    arguments = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            if name not in made:
                # pytest wraps a fixture, which refuses to be called: the function that it wraps is the one to call.
                fixture = inspect.unwrap(_static(type(tests), name)).__get__(tests)
                made[name] = _call(fixture, tests=tests, made=made)
            arguments[name] = made[name]
    result = function(**arguments)
    return sync(result, timeout=_TIMEOUT_S) if inspect.iscoroutine(result) else result


def _static(suite: type, name: str) -> Callable[..., object]:
    """Return an attribute of the suite as it was defined."""
    attribute: Callable[..., object] = inspect.getattr_static(suite, name)
    return attribute


_ELSEWHERE = """
import pickle, sys
from zarr.buffer import default_buffer_prototype
from zarr.core.sync import sync
try:
    store = pickle.load(sys.stdin.buffer)
    print("read", len(sync(store.get(sys.argv[1], default_buffer_prototype()))), "bytes")
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
    fig, ax = plt.subplots(figsize=(8, 1.6 + 0.4 * len(reports)))
    left = np.zeros(len(reports), dtype=int)
    for kind, colour in _COLOURS.items():
        numbers = np.array([len(getattr(report, kind)) for report in reports.values()])
        ax.barh([*reports], numbers, left=left, color=colour, label=kind, edgecolor="white")
        left = left + numbers
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set(title=title, xlabel="tests of zarr.testing.store.StoreTests")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=3)
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
    command = [sys.executable, "-c", _ELSEWHERE, key]
    root = Path(__file__).parents[2]  # of the modules that a pickle may name
    asked = subprocess.run(command, input=pickled, stdout=subprocess.PIPE, cwd=root, timeout=_TIMEOUT_S, check=True)
    return asked.stdout.decode().strip()
