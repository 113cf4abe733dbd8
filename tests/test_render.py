"""Tests of tools.render."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError, DeadKernelError

from tests.notebooks import notebook_of
from tools.canonical import IGNORE_OUTPUT, NEEDS_AZURITE
from tools.render import find, render, render_file

if TYPE_CHECKING:
    from pathlib import Path


def test_rendering_again_changes_no_byte(tmp_path: Path) -> None:
    """A second rendering leaves the file as it is, measured seconds included."""
    path = tmp_path / "99_probe.ipynb"
    nbformat.write(notebook_of("1 + 1", "import time; time.time_ns()", tags={1: IGNORE_OUTPUT}), path)
    assert render_file(path)
    first = path.read_bytes()
    assert not render_file(path)
    assert path.read_bytes() == first
    assert render_file(path, fresh=True)


def test_measured_again_when_code_changed(tmp_path: Path) -> None:
    """An output that is not compared is not kept beside other code than it came from."""
    rendered = render(notebook_of("import time", "time.time_ns()", tags={1: IGNORE_OUTPUT}), folder=tmp_path)
    before = rendered.cells[1].outputs[0].data["text/plain"]
    rendered.cells[0].source = "import time as time"
    assert render(rendered, folder=tmp_path).cells[1].outputs[0].data["text/plain"] != before


def test_without_azurite_its_outputs_are_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the cells would say there is not what they teach."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="No Azurite was found"):
        render(notebook_of("1 + 1", tags={0: NEEDS_AZURITE}), folder=tmp_path)


def test_nothing_of_the_machine_is_stored(tmp_path: Path) -> None:
    """The kernel's version and the times of execution stay out."""
    rendered = render(notebook_of("1 + 1"), folder=tmp_path)
    assert rendered.metadata["language_info"] == {"name": "python"}
    assert "execution" not in rendered.cells[0].metadata


def test_an_error_stops_the_rendering(tmp_path: Path) -> None:
    """A lesson that fails is not stored as if it had run."""
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        render(notebook_of("1 / 0"), folder=tmp_path)


def test_a_deliberate_error_is_stored(tmp_path: Path) -> None:
    """The tag `raises-exception` makes an error part of the lesson."""
    rendered = render(notebook_of("1 / 0", tags={0: "raises-exception"}), folder=tmp_path)
    assert rendered.cells[0].outputs[0].ename == "ZeroDivisionError"


def test_a_dead_kernel_stops_the_rendering(tmp_path: Path) -> None:
    """A kernel that dies ends the command instead of stalling it."""
    with pytest.raises(DeadKernelError):
        render(notebook_of("import os; os._exit(1)"), folder=tmp_path)


def test_an_unknown_name_lists_the_lessons() -> None:
    """`make render NB=99` says what there is."""
    with pytest.raises(SystemExit, match="no notebook is called '99_none'"):
        find("99_none")
