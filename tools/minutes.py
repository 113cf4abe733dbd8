"""Says how long a lesson takes, by one formula: `python -m tools.minutes [NB ...]` prints it, ``--write`` enters it.

A learner alone reads 200 words of prose a minute, takes 6 seconds for a line of code and 6 more to run its cell, looks
30 seconds at a picture, and works 3 minutes on a question and 6 on an exercise that asks to make something. The sum,
rounded to 5 minutes, is what each lesson says of itself. Solutions are not counted.

A lesson may count its optional part apart: its sections whose headings begin with "Optional:". Then its line is
``- **Time:** 50 minutes, 15 more for the optional part``.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import nbformat

from helpers.teach import makes
from tools.lessons import read_lessons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbformat import NotebookNode

    from tools.lessons import Lesson

WORDS_A_MINUTE = 200
LINE, CELL, PICTURE, QUESTION, MAKING = 0.1, 0.1, 0.5, 3, 6
_STATED = re.compile(r"^(- \*\*Time:\*\* )(\d+)( minutes)", flags=re.MULTILINE)
_MORE = re.compile(r"^(- \*\*Time:\*\* \d+ minutes, )(\d+)( more for the optional part)$", flags=re.MULTILINE)
_SECTION = re.compile(r"^## (.+)$", flags=re.MULTILINE)


@dataclass(frozen=True)
class Work:
    """Hold what there is to read and to do in some cells."""

    words: int
    lines: int
    cells: int
    pictures: int
    questions: int
    making: int

    @property
    def exact(self) -> float:
        """Minutes by the formula."""
        reading = self.words / WORDS_A_MINUTE + self.lines * LINE + self.cells * CELL + self.pictures * PICTURE
        return reading + self.questions * QUESTION + self.making * MAKING

    @property
    def minutes(self) -> int:
        """Minutes by the formula, rounded to five."""
        return max(5, 5 * round(self.exact / 5))


def work_of(cells: Sequence[NotebookNode]) -> Work:
    """Return what there is to read and to do in `cells`, without solutions."""
    open_cells = [cell for cell in cells if "solution" not in cell.metadata.get("tags", [])]
    prose = [cell.source for cell in open_cells if cell.cell_type == "markdown"]
    code = [cell for cell in open_cells if cell.cell_type == "code"]
    exercises = {name for cell in code for name in re.findall(r'check\("([^"]+)"', cell.source)}
    return Work(
        words=sum(len(text.split()) for text in prose if not text.startswith("**Solution:**")),
        lines=sum(bool(line.strip()) for cell in code for line in cell.source.splitlines()),
        cells=len(code),
        pictures=sum("image/png" in output.get("data", {}) for cell in code for output in cell.outputs),
        questions=sum(not makes(name) for name in exercises),
        making=sum(makes(name) for name in exercises),
    )


def works_of(lesson: Lesson) -> tuple[Work, Work]:
    """Return the work in a lesson, and that in its optional part if the lesson says the minutes of that apart."""
    core: list[NotebookNode] = []
    more: list[NotebookNode] = []
    part = core
    for cell in lesson.notebook.cells:
        titles = _SECTION.findall(cell.source) if cell.cell_type == "markdown" and lesson.optional else []
        if titles:
            part = more if titles[-1].startswith("Optional:") else core
        part.append(cell)
    return work_of(core), work_of(more)


def main(arguments: Sequence[str] = ()) -> int:
    """Print the work and the minutes of each lesson; with ``--write`` put the minutes where the lesson says them."""
    write = "--write" in arguments
    chosen = tuple(argument for argument in arguments if argument != "--write")
    print("lesson    words  lines  cells  pictures  questions  making  minutes  stated")
    for lesson in read_lessons():
        if chosen and not lesson.number.startswith(chosen):
            continue
        work, more = works_of(lesson)
        _print_row(lesson.number, work, lesson.minutes)
        if lesson.optional:
            _print_row("  more", more, lesson.optional)
        if write and (work.minutes, more.minutes) != (lesson.minutes, lesson.optional or more.minutes):
            for cell in lesson.notebook.cells[:4]:
                cell.source = _STATED.sub(rf"\g<1>{work.minutes}\g<3>", cell.source)
                cell.source = _MORE.sub(rf"\g<1>{more.minutes}\g<3>", cell.source)
            nbformat.write(lesson.notebook, lesson.path)
    return 0


def _print_row(name: str, work: Work, stated: int) -> None:
    print(
        f"{name:8}{work.words:7}{work.lines:7}{work.cells:7}{work.pictures:10}{work.questions:11}"
        f"{work.making:8}{work.exact:9.1f}{stated:8}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
