"""Tests of tools.strict_nbval: each runs pytest on a notebook, as `make test` does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

from helpers.servers import AZURITE_MISSING, azure_program
from tests.notebooks import notebook_of
from tools.canonical import IGNORE_OUTPUT, NEEDS_AZURITE, SOURCES_KEY, sources_digest
from tools.render import render

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parent.parent
# What nbval alone does not know: outputs that are taken back, or changed later.
DISPLAYS = [
    "from IPython.display import clear_output, display",
    "for i in range(3): clear_output(wait=True); display(i)",
    "handle = display('a', display_id='first')\nhandle.update('b')",
]


class Compared(NamedTuple):
    """What pytest said of some notebooks: all of it, and what failed: a cell as `NAME 0`, a notebook as `NAME`."""

    said: str
    failed: set[str]


def compare(notebooks: dict[str, NotebookNode], folder: Path, *, how: str = "--nbval") -> Compared:
    """Run the comparison of `make test` on notebooks, in one run; it must leave no file behind."""
    paths = {name: folder / f"{name}.ipynb" for name in notebooks}
    for name, path in paths.items():
        nbformat.write(notebooks[name], path)
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "-p", "tools.strict_nbval"]
    command += [f"--rootdir={folder}", "-p", "no:cacheprovider", "-p", "no:zarr", "-p", "no:hypothesispytest"]
    command += [how, "--nbval-current-env", "--nbval-cell-timeout=3"]
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    arguments = [*command, *map(str, paths.values())]
    ran = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert not list(temporary.iterdir())
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    found = re.findall(r"^FAILED .*?(\w+)\.ipynb::(?:Cell( \d+)|stored outputs)", ran.stdout, flags=re.MULTILINE)
    assert bool(found) == bool(ran.returncode), ran.stdout
    return Compared(ran.stdout, {name + cell for name, cell in found})


def stored(*cells: tuple[str, str], needs_azurite: bool = False) -> NotebookNode:
    """Return a notebook of cells and their results, as if it had been rendered."""
    tags = dict.fromkeys(range(len(cells)), NEEDS_AZURITE) if needs_azurite else None
    notebook = notebook_of(*(source for source, _ in cells), tags=tags)
    for count, (cell, (_, text)) in enumerate(zip(notebook.cells, cells, strict=True), start=1):
        result = new_output("execute_result", data={"text/plain": text}, execution_count=count)
        cell.update({"execution_count": count, "outputs": [result] if text else []})
    notebook.metadata["zarr_notebooks"] = {SOURCES_KEY: sources_digest(notebook)}
    return notebook


def test_what_is_stored_is_compared(tmp_path: Path) -> None:
    """What was rendered passes: values, prints, errors, addresses. What was changed since, hangs or dies does not."""
    sources = ["x = 3; object()", "print('a'); print('b')", "1 / 0", "x;", "import time; time.time_ns()", *DISPLAYS]
    notebooks = {
        "90_rendered": render(notebook_of(*sources, tags={2: "raises-exception", 4: IGNORE_OUTPUT}), folder=tmp_path),
        "92_digit": stored(("199 + 1", "201"), ("199 + 1", "200"), ("import os; os._exit(1)", "")),
        "93_edited": stored(("199 + 1", "200")),
        "94_never_run": stored(("199 + 1", "200")),
        "95_hangs": stored(("while True: pass", "")),
    }
    notebooks["93_edited"].cells[0].source = "200 + 1"
    notebooks["94_never_run"].cells[0].execution_count = None
    expected = {"92_digit 0", "92_digit 2", "93_edited", "94_never_run", "95_hangs 0"}
    if azure_program() is not None:  # there, a cell that needs it is one as any other
        notebooks["96_azurite"] = stored((repr(AZURITE_MISSING), "4"), ("2 + 2", "4"), needs_azurite=True)
        expected.add("96_azurite 0")
    assert [output.data["text/plain"] for output in notebooks["90_rendered"].cells[6].outputs] == ["2"]
    ran = compare(notebooks, tmp_path)
    assert ran.failed == expected, ran.said
    assert all(f"make render NB={each}" in ran.said for each in (92, 93, 94))
    assert "Timeout of 3 seconds" in ran.said
    assert "the kernel died while it ran this cell" in ran.said  # found long before a timeout of 90 seconds


def test_without_azurite_a_cell_must_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored comes from a machine that has it; on another one sentence is right, and nothing else."""
    monkeypatch.setenv("PATH", str(tmp_path))  # where no Node.js is
    notebook = stored((repr(AZURITE_MISSING), "4"), ("2 + 2", "4"), needs_azurite=True)
    assert compare({"91_azurite": notebook}, tmp_path).failed == {"91_azurite 1"}


def test_lax_runs_everything_and_compares_nothing(tmp_path: Path) -> None:
    """The weekly run against the newest releases takes other outputs, but no error."""
    assert compare({"91_never_run": notebook_of("1 + 1", "1 / 0")}, tmp_path, how="--nbval-lax").failed == {
        "91_never_run 1"
    }
