"""Walks through an outline with a stopwatch: `python -m tools.rehearse [WORDS OF ITS NAME]`, half a day by default.

The parts of the outline run in its order on the instructor's copies, in a new kernel for each lesson, as when its
notebook is opened. A part that is left out runs without a word before the next one, which may need what it made.
Printed is for each part when it is due, when it ran, how many cells it has, how many seconds of its minutes the machine
computes, and how many it took to catch up. All cells must show what is stored.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools.lessons import read_lessons
from tools.one_kernel import differences
from tools.outlines import CHOICE, OPENING, WELCOME, minutes_of
from tools.workshop import WORKSHOP, instructor, write_copies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from nbformat import NotebookNode

    from tools.lessons import Lesson

CELL_TIMEOUT_S = 300


@dataclass(frozen=True)
class Part:
    """Hold a part of an outline: when it is due and how long it has, in minutes, and the cells of code that run.

    `left_out` are those of the parts between it and the part before, which the outline leaves out.
    """

    lesson: str
    name: str
    due: int
    minutes: int
    left_out: list[NotebookNode]
    cells: list[NotebookNode]


def parts_of(outline: Mapping[str, Any], lessons: Mapping[str, Lesson]) -> Iterator[Part]:
    """Yield the parts of an outline, pauses too, with the cells of the instructor's copies.

    Raises
    ------
    ValueError
        When parts of a lesson are not in its order: what a part needs might not have run.
    """
    clock = 0
    waiting: dict[str, dict[str, list[NotebookNode]]] = {}
    for choice in outline["parts"]:
        if "pause" in choice:
            yield Part("", "Pause", clock, choice["pause"], [], [])
            clock += choice["pause"]
            continue
        number = choice["lesson"]
        cells = waiting.setdefault(number, sections(instructor(lessons[number])))
        for name, minutes in zip(choice["sections"], minutes_of(lessons[number], choice["sections"]), strict=True):
            if name not in cells:
                msg = (
                    f"teaching/outlines.toml: part {name!r} of lesson {number} comes before one that follows it there."
                )
                raise ValueError(msg)
            left_out = []
            while next(iter(cells)) != name:
                left_out += cells.pop(next(iter(cells)))
            yield Part(number, name, clock, minutes, left_out, cells.pop(name))
            clock += minutes


def sections(notebook: NotebookNode) -> dict[str, list[NotebookNode]]:
    """Return the cells of code under each heading of the second level, as `tools.outlines` names the parts."""
    name = OPENING
    found: dict[str, list[NotebookNode]] = {OPENING: []}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found.setdefault(name, []).append(cell)
        elif cell.get("id") != "instructor-notes":
            headings = re.findall(r"^## (.+)", cell.source, flags=re.MULTILINE)
            if headings and headings[-1].strip() not in WELCOME:
                name = headings[-1].strip()
                found.setdefault(name, [])
    return found


def walk(parts: Sequence[Part]) -> Iterator[tuple[Part, float, float, float, list[str]]]:
    """Run parts, and yield each with four results.

    Yields
    ------
    tuple of Part, float, float, float and list of str
        The second at which it began, the seconds that what is left out before it took, the seconds that its own cells
        took, and a sentence for each cell that showed something else than what is stored.
    """
    begin, client, folder = time.perf_counter(), None, WORKSHOP / "instructor"
    try:
        for position, part in enumerate(parts):
            if part.lesson and part.lesson not in {each.lesson for each in parts[:position]}:
                if client is not None:
                    _close(client)
                client = _open(folder)
            start = time.perf_counter()
            faults = _run(client, part.left_out)
            middle = time.perf_counter()
            faults += _run(client, part.cells)
            yield part, start - begin, middle - start, time.perf_counter() - middle, faults
    finally:
        if client is not None:
            _close(client)


def _open(folder: Path) -> NotebookClient:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), extra_arguments=["--IPKernelApp.log_level=ERROR"])
    client = NotebookClient(nbformat.v4.new_notebook(), km=manager, timeout=CELL_TIMEOUT_S)
    client.start_new_kernel_client()
    return client


def _run(client: NotebookClient | None, cells: Sequence[NotebookNode]) -> list[str]:
    stored = nbformat.v4.new_notebook(cells=list(cells))
    ran = nbformat.from_dict(stored)
    for cell in ran.cells:
        assert client is not None  # a pause has no cells
        client.nb.cells.append(cell)
        with contextlib.suppress(CellExecutionError):  # the cell shows it
            client.execute_cell(cell, len(client.nb.cells) - 1)
    return list(differences(stored, ran))


def _close(client: NotebookClient) -> None:
    if client.kc is not None:
        client.kc.stop_channels()
    if client.km is not None:
        client.km.shutdown_kernel(now=True)


def main(words: Sequence[str] = ()) -> int:
    """Walk through the outline whose name holds `words`, and print a table in Markdown."""
    wanted = " ".join(words) or "Half a day"
    outlines = tomllib.loads(CHOICE.read_text(encoding="utf-8"))
    names = [name for name in outlines if wanted.lower() in name.lower()]
    if len(names) != 1:
        print(f"no single outline is called {wanted!r}. There are: {'; '.join(outlines)}", file=sys.stderr)
        return 2
    lessons = {lesson.number: lesson for lesson in read_lessons()}
    write_copies(list(lessons.values()))
    print(f"{names[0]}\n\n| lesson | part | due | minutes | began | cells | seconds | left out before | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    cells, seconds, caught_up, minutes = 0, 0.0, 0.0, 0
    failed: list[str] = []
    for part, at, before, took, faults in walk(list(parts_of(outlines[names[0]], lessons))):
        due, began = (f"{clock // 60}:{clock % 60:02}" for clock in (part.due, int(at)))
        row = [part.lesson, part.name, due, part.minutes, began, len(part.cells), f"{took:.1f}"]
        print(f"| {' | '.join(map(str, [*row, len(part.left_out), f'{before:.1f}']))} |", flush=True)
        cells, seconds, caught_up = cells + len(part.cells), seconds + took, caught_up + before
        minutes, failed = minutes + part.minutes, [*failed, *faults]
    print(f"\n{minutes} minutes: {cells} cells took {seconds:.0f} seconds, what is left out {caught_up:.0f}.")
    print("\n".join([f"{len(failed)} cells showed something else than what is stored.", *failed]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
