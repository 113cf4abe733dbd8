"""Runs lessons one after the other in one kernel, in an order drawn at random: `python -m tools.one_kernel [NB ...]`.

A learner who stays in a kernel, or chooses it again for the next notebook, has the names, the settings and the servers
of the lessons before. Each lesson has to show what it shows on a fresh kernel, to the last character of what is
compared. With numbers, the lessons run in the order of these; otherwise all run, in the order that ``--seed=N`` gives,
or today's date.
"""

from __future__ import annotations

import random
import sys
import time
from datetime import date
from typing import TYPE_CHECKING

import nbformat
import psutil
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from helpers.servers import AZURITE_MISSING, azure_program
from tools.canonical import IGNORE_OUTPUT, NEEDS_AZURITE, canonical_outputs
from tools.lessons import NOTEBOOKS, read_lessons

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from nbformat import NotebookNode

CELL_TIMEOUT_S = 300
# How the sentence begins that tells of an error.
STOPPED = "it stops with"


def shuffled(numbers: Iterable[str], seed: int) -> list[str]:
    """Return `numbers` in the order that `seed` gives."""
    order = sorted(numbers)
    random.Random(seed).shuffle(order)
    return order


def follow(notebooks: Mapping[str, NotebookNode], *, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Run notebooks in one kernel that starts in `folder`; yield the name of each, and how its outputs differ.

    Parameters
    ----------
    notebooks : mapping of str to NotebookNode
        Rendered notebooks by name, in the order in which they run.
    folder : pathlib.Path
        Where the kernel starts.

    Yields
    ------
    tuple of str and list of str
        The name, and one sentence for each cell that shows something else than what is stored. After a cell that
        raises, the rest of its notebook does not run: the first sentence says so.
    """
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), extra_arguments=["--IPKernelApp.log_level=ERROR"])
    try:
        for name, notebook in notebooks.items():
            ran = nbformat.from_dict(notebook)
            client = NotebookClient(ran, km=manager, timeout=CELL_TIMEOUT_S)
            stopped = []
            try:
                client.execute()
            except CellExecutionError as error:
                stopped = [f"{STOPPED} {error.ename}: {error.evalue}"]
            if client.kc is not None:
                client.kc.stop_channels()
            yield name, [*stopped, *differences(notebook, ran)]
    finally:
        manager.shutdown_kernel(now=True)


def differences(stored: NotebookNode, ran: NotebookNode) -> Iterator[str]:
    """Yield a sentence for each cell that shows something else; a cell that did not run has what is stored."""
    for cell, again in zip(stored.cells, ran.cells, strict=True):
        if cell.cell_type != "code" or IGNORE_OUTPUT in cell.metadata.get("tags", []):
            continue
        wanted, shown = said(cell.outputs), said(again.outputs)
        if NEEDS_AZURITE in cell.metadata.get("tags", []) and azure_program() is None:
            wanted = [repr(AZURITE_MISSING)]
        if wanted != shown:
            yield f"cell {cell.id} shows {shown}, stored is {wanted}"


def said(outputs: Iterable[NotebookNode]) -> list[str]:
    """Return the words of outputs: what was printed, shown as text or raised; pictures are not compared."""
    words = []
    for output in nbformat.from_dict(canonical_outputs(outputs)):
        if output.output_type == "stream":
            words.append(output.text)
        elif output.output_type == "error":
            words.append(f"{output.ename}: {output.evalue}")
        else:
            words.append(output.data.get("text/plain", ""))
    return words


def kernels_mb() -> float:
    """Return the memory of all children of this process, kernels and what they started, in MB."""
    total = 0
    for child in psutil.Process().children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.Error:  # it ended in between
            continue
    return total / 1e6


def main(arguments: Sequence[str]) -> int:
    """Run the lessons named by number, or all in random order; return 1 when one shows something else."""
    seeds = [int(argument.partition("=")[2]) for argument in arguments if argument.startswith("--seed=")]
    seed = seeds[0] if seeds else int(f"{date.today():%Y%m%d}")
    lessons = {lesson.number: lesson.notebook for lesson in read_lessons()}
    order = [argument for argument in arguments if not argument.startswith("--")] or shuffled(lessons, seed)
    print(f"seed {seed}: {' '.join(order)}", flush=True)
    failed, start = 0, time.perf_counter()
    for number, faults in follow({number: lessons[number] for number in order}, folder=NOTEBOOKS):
        print(
            f"{number}: {time.perf_counter() - start:.0f} s, {kernels_mb():.0f} MB, {len(faults)} cells differ",
            flush=True,
        )
        print("".join(f"  {fault}\n" for fault in faults), end="", flush=True)
        failed += len(faults)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
