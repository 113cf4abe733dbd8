"""Tests of tools.strict_nbval: each runs pytest on a notebook, as `make test` does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.notebooks import notebook_of
from tools.canonical import IGNORE_OUTPUT
from tools.render import render

ROOT = Path(__file__).parent.parent


def compare(
    notebook: NotebookNode, folder: Path, *, how: str = "--nbval", timeout_s: int = 5
) -> subprocess.CompletedProcess[str]:
    """Run the comparison of `make test` on `notebook` and return what pytest said; it must leave no file behind."""
    path = folder / "99_probe.ipynb"
    nbformat.write(notebook, path)
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "-p", "tools.strict_nbval"]
    command += ["-p", "no:cacheprovider", how, "--nbval-current-env", f"--nbval-cell-timeout={timeout_s}"]
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    ran = subprocess.run(
        [*command, str(path)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert not list(temporary.iterdir())
    return ran


def test_a_rendered_notebook_passes(tmp_path: Path) -> None:
    """What `make render` wrote is what `make test` computes: values, prints, errors, addresses."""
    sources = ["x = 3; object()", "print('a'); print('b')", "1 / 0", "x;", "import time; time.time_ns()"]
    tags = {2: "raises-exception", 4: IGNORE_OUTPUT}
    ran = compare(render(notebook_of(*sources, tags=tags), folder=tmp_path), tmp_path)
    assert ran.returncode == 0, ran.stdout


def test_one_changed_digit_fails_and_says_what_to_do(tmp_path: Path) -> None:
    """A stored number that the code does not give is found, with the command that mends it."""
    rendered = render(notebook_of("199 + 1"), folder=tmp_path)
    rendered.cells[0].outputs[0].data["text/plain"] = "201"
    ran = compare(rendered, tmp_path)
    assert ran.returncode == 1
    assert "make render NB=99" in ran.stdout


@pytest.mark.parametrize("part", ["outputs", "execution_count"])
def test_a_stripped_notebook_fails(tmp_path: Path, part: str) -> None:
    """Nbval alone passes a notebook that was never run."""
    rendered = render(notebook_of("1 + 1"), folder=tmp_path)
    rendered.cells[0][part] = [] if part == "outputs" else None
    ran = compare(rendered, tmp_path)
    assert ran.returncode == 1
    assert "make render NB=99" in ran.stdout


def test_a_dead_kernel_fails_within_seconds(tmp_path: Path) -> None:
    """The cell that killed the kernel fails, long before its timeout of 90 s."""
    rendered = render(notebook_of("x = 1", "y = 2", "z = 3"), folder=tmp_path)
    rendered.cells[1].source = "import os; os._exit(1)"
    start = time.monotonic()
    ran = compare(rendered, tmp_path, timeout_s=90)
    assert ran.returncode == 1
    assert "the kernel died while it ran this cell" in ran.stdout
    assert time.monotonic() - start < 60


def test_a_hanging_cell_fails_at_its_timeout(tmp_path: Path) -> None:
    """A cell that never ends is stopped."""
    rendered = render(notebook_of("x = 1"), folder=tmp_path)
    rendered.cells[0].source = "while True: pass"
    ran = compare(rendered, tmp_path)
    assert ran.returncode == 1
    assert "Timeout of 5 seconds" in ran.stdout


def test_updated_and_cleared_outputs_compare_as_a_front_end_shows_them(tmp_path: Path) -> None:
    """`clear_output` and `update_display_data`, which nbval does not know, are followed."""
    sources = [
        "from IPython.display import clear_output, display",
        "for i in range(3): clear_output(wait=True); display(i)",
        "handle = display('a', display_id='first')\nhandle.update('b')",
    ]
    rendered = render(notebook_of(*sources), folder=tmp_path)
    assert [output.data["text/plain"] for output in rendered.cells[1].outputs] == ["2"]
    ran = compare(rendered, tmp_path)
    assert ran.returncode == 0, ran.stdout


def test_lax_runs_everything_and_compares_nothing(tmp_path: Path) -> None:
    """The weekly run against the newest releases takes other outputs, but no error."""
    assert compare(notebook_of("1 + 1"), tmp_path).returncode == 1
    assert compare(notebook_of("1 + 1"), tmp_path, how="--nbval-lax").returncode == 0
    assert compare(notebook_of("1 / 0"), tmp_path, how="--nbval-lax").returncode == 1
