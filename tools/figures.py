"""Looks after the figures of the lessons: `python -m tools.figures` makes one page of them all, to look at.

Each stored picture is wide enough for a room, of one resolution, and has its alternative text: the sentence of the
prose beside it that begins with *The picture:*. The page is ``build/figures.html``.
"""

from __future__ import annotations

import base64
import io
import re
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tools.lessons import Lesson, read_lessons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbformat import NotebookNode

SHEET = Path(__file__).parent.parent / "build" / "figures.html"
LEAST_WIDTH, LEAST_DPI = 750, 100
# How many cells before and after a picture its sentence may stand.
NEAR = 2
_SENTENCE = re.compile(r"\*The picture:\*\s*([^\n]+)|\*The picture:?\s([^*\n]+)\*")


@dataclass(frozen=True)
class Figure:
    """Hold one stored picture and what the prose says of it."""

    lesson: str
    cell: str
    png: bytes
    alt: str

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return Image.open(io.BytesIO(self.png)).width

    @property
    def dpi(self) -> float:
        """Pixels an inch, as the file says; 0 where it says nothing."""
        return float(Image.open(io.BytesIO(self.png)).info.get("dpi", (0, 0))[0])


def alt_texts(notebook: NotebookNode) -> dict[str, str]:
    """Return what the prose says of the picture of each code cell, by the cell's id: the nearest, after or before.

    A sentence tells of one picture: two pictures one after the other need two.
    """
    cells, found, used = notebook.cells, {}, set()
    for position, cell in enumerate(cells):
        if not any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            continue
        found[cell.id] = ""
        for near in (position + side * distance for distance in range(1, NEAR + 1) for side in (1, -1)):
            beside = cells[near] if 0 <= near < len(cells) else None
            sentence = _SENTENCE.search(beside.source) if beside and beside.cell_type == "markdown" else None
            if sentence and near not in used:
                used.add(near)
                found[cell.id] = (sentence[1] or sentence[2]).strip().removesuffix("*").strip()
                break
    return found


def figures_of(lesson: Lesson) -> list[Figure]:
    """Return the pictures that a lesson stores, each with what the prose says of it."""
    alts = alt_texts(lesson.notebook)
    return [
        Figure(lesson.path.stem, cell.id, base64.b64decode(output["data"]["image/png"]), alts[cell.id])
        for cell in lesson.cells("code")
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def faults(lesson: Lesson) -> list[str]:
    """Return what is wrong with the pictures of a lesson, a sentence each."""
    found = []
    for figure in figures_of(lesson):
        where = f"{figure.lesson}, cell {figure.cell}:"
        if not figure.alt:
            found.append(f"{where} its picture has no sentence that begins with *The picture:* in the prose beside it.")
        if figure.width < LEAST_WIDTH:
            found.append(f"{where} its picture is {figure.width} pixels wide; at least {LEAST_WIDTH} are readable.")
        if figure.dpi < LEAST_DPI:
            found.append(f"{where} its picture has {figure.dpi:.0f} dpi; at least {LEAST_DPI}: use the lessons' style.")
    return found


def sheet(lessons: Sequence[Lesson]) -> str:
    """Return a page with every picture, its place, its width and its alternative text."""
    parts = ["<!doctype html><meta charset=utf-8><title>All figures</title><h1>All figures</h1>"]
    for figure in (figure for lesson in lessons for figure in figures_of(lesson)):
        data = base64.b64encode(figure.png).decode()
        alt = escape(figure.alt, quote=True)
        parts.append(f"<h2>{figure.lesson}, {figure.cell}: {figure.width} px</h2>")
        parts.append(f'<img src="data:image/png;base64,{data}" alt="{alt}"><p>{alt or "<b>no sentence</b>"}</p>')
    return "\n".join(parts)


def main(arguments: Sequence[str] = ()) -> int:
    """Write the contact sheet, print what is wrong, and return 1 if anything is."""
    lessons = [lesson for lesson in read_lessons() if lesson.number.startswith(tuple(arguments) or "")]
    SHEET.parent.mkdir(exist_ok=True)
    SHEET.write_text(sheet(lessons), encoding="utf-8")
    found = [fault for lesson in lessons for fault in faults(lesson)]
    print("\n".join([*found, f"{sum(len(figures_of(lesson)) for lesson in lessons)} figures: {SHEET}"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
