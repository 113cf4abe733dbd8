"""Measures the memory that each lesson takes, kernel and children together: `python -m tools.memory [NB ...]`.

Binder gives about 2 GB to a session, JupyterLab included, so a lesson stays under 1 GB. The peaks are kept in
``docs/memory.toml``, rounded up to 50 MB, and stand in the table of the lessons.
"""

from __future__ import annotations

import sys
import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import psutil
from nbclient import NotebookClient

from tools.lessons import NOTEBOOKS, read_lessons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.lessons import Lesson

KEPT = Path(__file__).parent.parent / "docs" / "memory.toml"
MOST_MB, STEP_MB = 1000, 50
PAUSE_S = 0.1


def tree_mb(process: psutil.Process) -> float:
    """Return the memory of all children of `process`, in MB; what they share counts once where the system tells."""
    total = 0
    for child in process.children(recursive=True):
        try:
            info = child.memory_full_info()
            total += getattr(info, "pss", info.uss)
        except psutil.Error:  # it ended in between
            continue
    return total / 1e6


def peak_mb(lesson: Lesson) -> float:
    """Run a lesson, and return the most memory that its kernel and its children took together, in MB."""
    notebook = nbformat.from_dict(lesson.notebook)
    quiet, place = ["--IPKernelApp.log_level=ERROR"], {"metadata": {"path": str(NOTEBOOKS)}}
    client = NotebookClient(notebook, timeout=300, extra_arguments=quiet, resources=place)
    peak, done, me = 0.0, threading.Event(), psutil.Process()

    def watch() -> None:
        nonlocal peak
        while not done.wait(PAUSE_S):
            peak = max(peak, tree_mb(me))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        client.execute()
    finally:
        done.set()
        watcher.join()
    return peak


def kept() -> dict[str, int]:
    """Return the peak of each lesson in MB, as it was measured last."""
    return tomllib.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}


def main(numbers: Sequence[str] = ()) -> int:
    """Measure all lessons, or those named by number; return 1 when one takes too much."""
    found = kept()
    for lesson in read_lessons():
        if lesson.number.startswith(tuple(numbers) or ("",)):
            found[lesson.number] = STEP_MB * -int(-peak_mb(lesson) // STEP_MB)
            print(f"{lesson.path.stem:28}{found[lesson.number]:6} MB", flush=True)
    lines = ["# Peaks of kernel and children in MB: `make memory` measures them.", ""]
    lines += [f"{number} = {peak}" for number, peak in sorted(found.items())]
    KEPT.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return 1 if max(found.values()) > MOST_MB else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
