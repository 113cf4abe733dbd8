"""Makes the paths through the lessons from ``docs/paths.toml``: a picture like a map of trains, and a table.

A path is a few lessons in order. What a lesson wants before it stands in its own opening lines; what of that is not on
the path is told, so that nobody begins in the middle without knowing.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.outlines import minutes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tools.lessons import Lesson

ROOT = Path(__file__).parent.parent
CHOICE, PICTURE = ROOT / "docs" / "paths.toml", ROOT / "docs" / "_static" / "paths.svg"
# Okabe and Ito, those that are dark enough for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LEFT, TOP, COLUMN, ROW = 230, 70, 52, 44


@dataclass(frozen=True)
class Trail:
    """Hold one path: its lessons, what it wants before them, its minutes, and what one can do after it."""

    name: str
    lessons: tuple[str, ...]
    assumes: tuple[str, ...]
    minutes: int
    after: str
    in_part: tuple[str, ...] = ()


def wanted(lesson: Lesson) -> set[str]:
    """Return the numbers of the lessons that `lesson` says have to come before it: those up to the first semicolon."""
    return set(re.findall(r"\((\d\d)_\w+\.ipynb\)", lesson.before.split(";")[0]))


def read_paths(lessons: Sequence[Lesson]) -> list[Trail]:
    """Return the paths with their minutes, and with what they assume.

    Raises
    ------
    ValueError
        When a lesson stands on a path before one that it builds on.
    """
    known = {lesson.number: lesson for lesson in lessons}
    return [_trail(name, chosen, known) for name, chosen in tomllib.loads(CHOICE.read_text(encoding="utf-8")).items()]


def _trail(name: str, chosen: Mapping[str, Any], known: Mapping[str, Lesson]) -> Trail:
    numbers, parts = tuple(chosen["lessons"]), chosen.get("parts", {})
    minutes, seen, assumes = 0.0, set[str](), set[str]()
    for number in numbers:
        late = wanted(known[number]) & (set(numbers) - seen)
        if late:
            msg = f"docs/paths.toml: on the path {name!r} lesson {number} comes before {', '.join(late)}. Change it."
            raise ValueError(msg)
        assumes |= wanted(known[number]) - seen if number not in parts else set()
        seen.add(number)
        minutes += sum(minutes_of(known[number], parts[number])) if number in parts else known[number].minutes
    return Trail(name, numbers, tuple(sorted(assumes)), 5 * round(minutes / 5), chosen["after"], tuple(parts))


def table(lessons: Sequence[Lesson], folder: str) -> str:
    """Return the paths as a table in Markdown; `folder` leads from the page to the notebooks."""
    names = {lesson.number: lesson.path.name for lesson in lessons}

    def links(numbers: Sequence[str], in_part: Sequence[str] = ()) -> str:
        marks = {number: " (in part)" if number in in_part else "" for number in numbers}
        return ", ".join(f"[{number}]({folder}{names[number]}){mark}" for number, mark in marks.items())

    lines = ["| path | lessons | minutes | builds on | afterwards you can |", "|---|---|---|---|---|"]
    for path in read_paths(lessons):
        before = links(path.assumes) or "nothing else"
        lines.append(
            f"| **{path.name}** | {links(path.lessons, path.in_part)} | {path.minutes} | {before} | {path.after} |"
        )
    return "\n".join(lines)


def picture(lessons: Sequence[Lesson]) -> str:
    """Return the paths as an SVG: a column for each lesson, a line for each path, a dot where it stops."""
    columns = {lesson.number: LEFT + COLUMN * place for place, lesson in enumerate(lessons)}
    paths = read_paths(lessons)
    width, height = LEFT + COLUMN * len(columns), TOP + ROW * len(paths)
    told = "; ".join(f"{path.name}: lessons {', '.join(path.lessons)}" for path in paths)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" role="img">',
        f"<title>Paths through the lessons. {escape(told)}.</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, x in columns.items():
        parts.append(f'<line x1="{x}" y1="{TOP - 26}" x2="{x}" y2="{height - 14}" stroke="#eeeeee" stroke-width="2"/>')
        parts.append(f'<text x="{x}" y="{TOP - 36}" text-anchor="middle" font-size="17" fill="#1a1a1a">{number}</text>')
    for row, (path, colour) in enumerate(zip(paths, COLOURS, strict=True)):
        y, stops = TOP + ROW * row, [columns[number] for number in path.lessons]
        parts.append(f'<text x="16" y="{y + 6}" font-size="17" fill="#1a1a1a">{escape(path.name)}</text>')
        parts.append(f'<line x1="{stops[0]}" y1="{y}" x2="{stops[-1]}" y2="{y}" stroke="{colour}" stroke-width="6"/>')
        ring = f'r="10" fill="#ffffff" stroke="{colour}" stroke-width="5"'
        parts += [f'<circle cx="{x}" cy="{y}" {ring}/>' for x in stops]
    return "\n".join([*parts, "</svg>", ""])
