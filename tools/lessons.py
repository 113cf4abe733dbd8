"""Reads what a lesson says of itself: its title, what it makes, its minutes and needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
_MORE = re.compile(r"^- \*\*Time:\*\* \d+ minutes, (\d+) more for the optional part$", flags=re.MULTILINE)


@dataclass(frozen=True)
class Lesson:
    """Hold one notebook and its opening lines.

    `minutes` are those of the lesson, `optional` those of its optional part where it says them apart, else 0.
    """

    path: Path
    notebook: NotebookNode
    title: str
    makes: str
    before: str
    minutes: int
    network: str
    optional: int = 0

    @property
    def number(self) -> str:
        """The two digits that the file name begins with."""
        return self.path.name[:2]

    def cells(self, kind: str) -> list[NotebookNode]:
        """Return the cells of one type, ``code`` or ``markdown``."""
        return [cell for cell in self.notebook.cells if cell.cell_type == kind]


def read_lesson(path: Path) -> Lesson:
    """Read the lesson at `path`.

    Raises
    ------
    ValueError
        When an opening line is missing; the message shows how it is written.
    """
    notebook = nbformat.read(path, as_version=4)
    opening = "\n".join(cell.source for cell in notebook.cells[:4] if cell.cell_type == "markdown")

    def line(pattern: str, example: str) -> str:
        match = re.search(pattern, opening, flags=re.MULTILINE)
        if match is None:
            msg = f"{path.name} lacks a line in its opening cells. It is written: {example}"
            raise ValueError(msg)
        return match[1].strip()

    return Lesson(
        path=path,
        notebook=notebook,
        title=line(r"^# (.+)$", "# Create arrays"),
        makes=line(r"^\*\*What you'll do\.\*\* (.+)$", "**What you'll do.** Create an array and ..."),
        before=line(r"^- \*\*Before this:\*\* (.+)$", "- **Before this:** nothing but some Python"),
        minutes=int(line(r"^- \*\*Time:\*\* (\d+) minutes", "- **Time:** 40 minutes")),
        network=line(r"^- \*\*Network:\*\* (.+)$", "- **Network:** none"),
        optional=int(more[1]) if (more := _MORE.search(opening)) else 0,
    )


def read_lessons(folder: Path = NOTEBOOKS) -> list[Lesson]:
    """Read all lessons, in their order."""
    return [read_lesson(path) for path in sorted(folder.glob("*.ipynb"))]
