"""Is a pytest plugin that makes nbval 0.11 compare everything and stall on nothing.

Use it as ``pytest -p tools.strict_nbval --nbval --nbval-current-env notebooks/``. What it changes:

1. A notebook that is not rendered (stripped, half run, edited since) fails at once; nbval would skip its cells.
2. Both sides of a comparison are brought into canonical form first (`tools.canonical`).
3. Cells run as a front end runs them (``store_history=True``): a trailing ``;`` silences, ``_`` works.
4. ``clear_output`` and ``update_display_data`` do what they do in JupyterLab: live cells can be compared.
5. A cell tagged ``needs-azurite`` must say what is missing where there is no Azurite, and what is stored elsewhere.
6. A dead kernel fails its cell within seconds instead of after ``--nbval-cell-timeout``, and leaves no file.
"""

from __future__ import annotations

import time
from queue import Empty
from typing import TYPE_CHECKING, Any

import pytest
from nbformat import from_dict
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile

from tools.canonical import NEEDS_AZURITE, canonical_outputs, stored_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUIET = {"msg_type": "comm_msg", "content": {}}
_SHOWS = ("stream", "display_data", "execute_result", "error")
_ALIVE_CHECK_S = 2

_nbval_collect = IPyNbFile.collect
_nbval_setup = IPyNbFile.setup
_nbval_teardown = IPyNbFile.teardown
_nbval_runtest = IPyNbCell.runtest
_nbval_compare = IPyNbCell.compare_outputs


class NotRenderedError(Exception):
    """A stored notebook has no outputs that could be compared."""


class _Fault(pytest.Item):
    def __init__(self, *, faults: list[str], **rest: Any) -> None:
        super().__init__(**rest)
        self.faults = faults

    def runtest(self) -> None:
        name = self.path.name
        msg = f"{name} is not as rendered: {'; '.join(self.faults)}. Run `make render NB={name[:2]}`."
        raise NotRenderedError(msg)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:  # noqa: ARG002
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Any, int, str]:
        return self.path, 0, f"{self.path.name}::{self.name}"


def _collect(self: IPyNbFile) -> Iterator[pytest.Item]:
    cells = list(_nbval_collect(self))
    self.faults = stored_faults(self.nb) if self.compare_outputs else []
    if self.faults:
        yield _Fault.from_parent(self, name="stored outputs", faults=self.faults)
    else:
        yield from cells


def _setup(self: IPyNbFile) -> None:
    if not self.faults:  # else no cell runs: no kernel
        _nbval_setup(self)


def _teardown(self: IPyNbFile) -> None:
    _nbval_teardown(self)
    manager = getattr(self.kernel, "km", None)
    if manager is not None:  # nbval does not clean up after a kernel that died
        manager.cleanup_connection_file()


def _runtest(self: IPyNbCell) -> None:
    self.displays = {}
    self.clear_later = False
    self.parent.running = self
    try:
        _nbval_runtest(self)
    finally:
        self.parent.running = None


def _compare_outputs(self: IPyNbCell, test: list[Any], ref: list[Any], skip_compare: Any = None) -> bool:
    new, stored = (from_dict(canonical_outputs(outputs)) for outputs in (test, _wanted(self, ref)))
    same = bool(_nbval_compare(self, new, stored, skip_compare))
    if not same:
        advice = f"If the new output is right, run `make render NB={self.path.name[:2]}` and read the change."
        self.comparison_traceback.append(f"\n{advice}\n")
    return same


def _wanted(cell: IPyNbCell, stored: list[Any]) -> list[Any]:
    """Return the outputs that a cell must have on this machine."""
    if NEEDS_AZURITE not in cell.cell.metadata.get("tags", []):
        return stored
    from helpers.servers import AZURITE_MISSING, azure_program  # here: it takes a second

    if azure_program() is not None:
        return stored
    return [{"output_type": "execute_result", "data": {"text/plain": repr(AZURITE_MISSING)}}]


def _execute(self: Any, source: str, allow_stdin: bool | None = None) -> Any:
    return self.kc.execute(source, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


def _await_reply(self: Any, msg_id: str, timeout: float | None = None) -> None:
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            message = self.get_message("shell", timeout=_ALIVE_CHECK_S)
        except Empty:
            if not self.is_alive():
                msg = "the kernel died while it ran this cell"
                raise RuntimeError(msg) from None
            if end is not None and time.monotonic() > end:
                raise
            continue
        if message["parent_header"].get("msg_id") == msg_id:
            return


def _get_kernel_message(self: IPyNbFile, timeout: float | None = None, stream: str = "iopub") -> Any:
    message = self.kernel.get_message(stream, timeout=timeout)
    cell = getattr(self, "running", None)
    return message if cell is None else _apply(cell, message)


def _apply(cell: IPyNbCell, message: dict[str, Any]) -> dict[str, Any]:
    """Do to the outputs of `cell` what a front end does on `message`, and return what nbval should see."""
    outputs, kind, content = cell.test_outputs, message["msg_type"], message["content"]
    display_id = content.get("transient", {}).get("display_id")
    if kind == "clear_output":
        if content.get("wait"):
            cell.clear_later = True
        else:
            outputs.clear()
        return {**message, **_QUIET}
    if kind == "update_display_data":
        for place in cell.displays.get(display_id, ()):
            outputs[place]["data"] = content["data"]
        return {**message, **_QUIET}
    if kind in _SHOWS and cell.clear_later:
        outputs.clear()
        cell.displays.clear()
        cell.clear_later = False
    if kind == "display_data" and display_id:
        cell.displays.setdefault(display_id, []).append(len(outputs))
    return message


RunningKernel.execute_cell_input = _execute
RunningKernel.await_reply = _await_reply
IPyNbFile.collect = _collect
IPyNbFile.setup = _setup
IPyNbFile.teardown = _teardown
IPyNbFile.get_kernel_message = _get_kernel_message
IPyNbCell.runtest = _runtest
IPyNbCell.compare_outputs = _compare_outputs
