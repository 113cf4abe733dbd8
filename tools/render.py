"""Executes notebooks and stores their canonical outputs: `python -m tools.render [NB ...]`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import nbformat
from nbclient import NotebookClient

from helpers.servers import AZURITE_MISSING, azure_program
from tools.canonical import IGNORE_OUTPUT, NEEDS_AZURITE, SOURCES_KEY, canonical_outputs, sources_digest
from tools.lessons import NOTEBOOKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbformat import NotebookNode

CELL_TIMEOUT_S = 120


def render(notebook: NotebookNode, *, folder: Path, fresh: bool = False) -> NotebookNode:
    """Return `notebook` as executed on a fresh kernel, with canonical outputs and metadata.

    Parameters
    ----------
    notebook : NotebookNode
        A notebook of format 4.5 or later.
    folder : pathlib.Path
        Where the kernel runs.
    fresh : bool
        Measure again what is not compared (cells tagged ``nbval-ignore-output``). Otherwise such a cell
        keeps its stored output as long as no code of the notebook changed, so that rendering an
        unchanged lesson changes no byte.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        When a cell raises without the tag ``raises-exception``, or its kernel dies.
    RuntimeError
        When a cell is tagged ``needs-azurite`` and there is no Azurite: its output would only say so.
    """
    if azure_program() is None and any(NEEDS_AZURITE in cell.metadata.get("tags", []) for cell in notebook.cells):
        raise RuntimeError(AZURITE_MISSING)
    executed = cast("NotebookNode", nbformat.from_dict(notebook))
    NotebookClient(
        executed,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    digest = sources_digest(notebook)
    unchanged = notebook.metadata.get("zarr_notebooks", {}).get(SOURCES_KEY) == digest
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    stored = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, (cell, before) in enumerate(zip(code, stored, strict=True), start=1):
        ignored = IGNORE_OUTPUT in cell.metadata.get("tags", [])
        keep = ignored and unchanged and not fresh and before.outputs
        cell.outputs = nbformat.from_dict(before.outputs if keep else canonical_outputs(cell.outputs))
        cell.execution_count = count
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
    executed.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "zarr_notebooks": {SOURCES_KEY: digest},
        }
    )
    return executed


def render_file(path: Path, *, fresh: bool = False) -> bool:
    """Render the notebook at `path` in place and return whether a byte of it changed."""
    before = path.read_text(encoding="utf-8")
    rendered = render(nbformat.reads(before, as_version=4), folder=path.parent, fresh=fresh)
    after = nbformat.writes(rendered) + "\n"
    if after == before:
        return False
    path.write_text(after, encoding="utf-8", newline="\n")
    return True


def main(arguments: Sequence[str]) -> int:
    """Render the notebooks named, by path or by number, or all; ``--fresh`` measures again."""
    os.environ["PYTHONHASHSEED"] = "0"
    names = [argument for argument in arguments if argument != "--fresh"]
    paths = [path for name in names for path in find(name)] if names else sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in paths:
        start = time.perf_counter()
        print(f"{path.stem} ...", end=" ", flush=True)
        changed = render_file(path, fresh="--fresh" in arguments)
        print(f"{'written' if changed else 'unchanged'} ({time.perf_counter() - start:.1f} s)", flush=True)
    return 0


def find(name: str) -> list[Path]:
    """Return the notebooks that `name` stands for: a path, a stem, or the first characters of one."""
    if Path(name).is_file():
        return [Path(name).resolve()]
    found = sorted(NOTEBOOKS.glob(f"{Path(name).stem}*.ipynb"))
    if not found:
        stems = ", ".join(path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb")))
        msg = f"no notebook is called {name!r}. There are {stems}: name one, or its number, as in NB=02."
        raise SystemExit(msg)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
