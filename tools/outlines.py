"""Makes the outlines for the instructor from the minutes of the lessons' parts: `python -m tools.outlines`.

``teaching/outlines.toml`` says which parts of which lessons an outline has; their minutes come from the notebooks, by
the formula of `tools.minutes`, so that they stay true. ``teaching/outlines.md`` is made, and a test compares.
"""

from __future__ import annotations

import re
import sys
import tomllib
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.lessons import Lesson, read_lessons
from tools.minutes import Work, work_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbformat import NotebookNode

TEACHING = Path(__file__).parent.parent / "teaching"
CHOICE, PAGE = TEACHING / "outlines.toml", TEACHING / "outlines.md"
# What stands before the first part of a lesson, its imports included.
OPENING = "Opening"
LEFT_OUT = """A part that an outline leaves out in the middle of a lesson still has to run: a later one may need what it
makes. Click its first cell, then its last with Shift, press Shift and Enter, and go on to the next part. `python -m
tools.rehearse half a day` walks through an outline with a stopwatch, and prints what that takes on your machine.

"""
WELCOME = ("What you'll learn", "What you'll need")


def parts_of(lesson: Lesson) -> dict[str, Work]:
    """Return the work in each part of a lesson: what stands under each heading of the second level."""
    part = OPENING
    parts: dict[str, list[NotebookNode]] = {}
    for cell in lesson.notebook.cells:
        headings = re.findall(r"^## (.+)", cell.source, flags=re.MULTILINE) if cell.cell_type == "markdown" else []
        if headings and headings[-1].strip() not in WELCOME:
            part = headings[-1].strip()
        parts.setdefault(part, []).append(cell)
    return {name: work_of(cells) for name, cells in parts.items()}


def minutes_of(lesson: Lesson, names: Sequence[str]) -> list[int]:
    """Return the minutes of each of some parts of a lesson, at least one.

    Raises
    ------
    ValueError
        When a part is named that the lesson lacks; the message lists those that it has.
    """
    works = parts_of(lesson)
    for name in names:
        if name not in works:
            msg = f"lesson {lesson.number} has no part {name!r}. It has {', '.join(works)}."
            raise ValueError(msg)
    return [max(1, round(works[name].exact)) for name in names]


def rows(outline: Mapping[str, Any], lessons: Mapping[str, Lesson]) -> list[tuple[int, str, str, str]]:
    """Return minutes, lesson, part and note of each row of an outline."""
    found = []
    for part in outline["parts"]:
        if "pause" in part:
            found.append((part["pause"], "", "Pause", part.get("note", "")))
            continue
        lesson = lessons[part["lesson"]]
        link = f"[{lesson.number}](../notebooks/{lesson.path.name})"
        names = part["sections"]
        notes = [part.get("note", ""), *[""] * (len(names) - 1)]
        found += zip(minutes_of(lesson, names), repeat(link), names, notes, strict=False)
    return found


def table(name: str, outline: Mapping[str, Any], lessons: Mapping[str, Lesson]) -> str:
    """Return one outline in Markdown.

    Raises
    ------
    ValueError
        When its parts take longer than the outline has, or leave more than a tenth of it empty.
    """
    lines = [
        f"## {name}",
        "",
        outline["goal"],
        "",
        "| from | minutes | lesson | part | note |",
        "|---|---|---|---|---|",
    ]
    clock = 0
    for minutes, lesson, part, note in rows(outline, lessons):
        lines.append(f"| {clock // 60}:{clock % 60:02} | {minutes} | {lesson} | {part} | {note} |")
        clock += minutes
    if not 0.9 * outline["minutes"] <= clock <= outline["minutes"]:
        msg = f"teaching/outlines.toml: {name} has {outline['minutes']} minutes, its parts take {clock}. Change them."
        raise ValueError(msg)
    lines += ["", f"{clock} of {outline['minutes']} minutes. **When late:** {outline['late']}", ""]
    return "\n".join(lines)


def page() -> str:
    """Return the text of ``teaching/outlines.md``."""
    lessons = {lesson.number: lesson for lesson in read_lessons()}
    outlines = tomllib.loads(CHOICE.read_text(encoding="utf-8"))
    head = "# Outlines\n\n<!-- made by `make readme` from outlines.toml and the lessons: change those -->\n\n"
    head += "The minutes of each part are those of a learner who works alone, by the formula in `tools/minutes.py`.\n\n"
    head += LEFT_OUT
    return head + "\n".join(table(name, outline, lessons) for name, outline in outlines.items())


def main() -> int:
    """Write ``teaching/outlines.md``."""
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    print(f"{PAGE.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
