"""Measures lessons and helpers against the norms of this collection: `python -m tools.style [NB ...]`."""

from __future__ import annotations

import ast
import math
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.lessons import read_lessons

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tools.lessons import Lesson

HELPERS = Path(__file__).parent.parent / "helpers"


@dataclass(frozen=True)
class Norm:
    """Name one measure, and the least and most that it may be."""

    name: str
    measure: Callable[[Lesson], float]
    least: float
    most: float

    def holds(self, lesson: Lesson) -> bool:
        """Return whether `lesson` keeps this norm."""
        return self.least <= self.measure(lesson) <= self.most


def ninetieth(values: Sequence[float]) -> float:
    """Return the smallest of `values` that nine tenths of them do not exceed."""
    return sorted(values)[math.ceil(0.9 * len(values)) - 1]


def code_lines(lesson: Lesson) -> list[int]:
    """Return the number of lines, without blank ones, of each code cell."""
    return [sum(bool(row.strip()) for row in cell.source.splitlines()) for cell in lesson.cells("code")]


def words(lesson: Lesson) -> list[int]:
    """Return the number of words in each Markdown cell."""
    return [len(cell.source.split()) for cell in lesson.cells("markdown")]


def code_runs(lesson: Lesson) -> list[int]:
    """Return how many code cells follow each other, for each such run."""
    kinds = "".join("c" if cell.cell_type == "code" else " " for cell in lesson.notebook.cells)
    return [len(run) for run in kinds.split()]


def prose_ratio(lesson: Lesson) -> float:
    """Return how many Markdown cells there are for each code cell."""
    return round(len(lesson.cells("markdown")) / len(lesson.cells("code")), 2)


NORMS = (
    Norm("lines/cell median", lambda lesson: statistics.median(code_lines(lesson)), 1, 3),
    Norm("p90", lambda lesson: ninetieth(code_lines(lesson)), 1, 10),
    Norm("max", lambda lesson: max(code_lines(lesson)), 1, 20),
    Norm("prose/code", prose_ratio, 1.1, 1.5),
    Norm("words/cell median", lambda lesson: statistics.median(words(lesson)), 25, 45),
    Norm("code in a row p90", lambda lesson: ninetieth(code_runs(lesson)), 1, 2),
    Norm("kB stored", lambda lesson: round(lesson.path.stat().st_size / 1000), 1, 600),
)
# (lesson, norm): why the reader gains by the exception. It is printed, and nothing else may break a norm.
EXCEPTIONS: dict[tuple[str, str], str] = {}

# 100 to 500 lines is normal; a longer one is asked whether it is one idea.
MODULE_LINES = 600


def module_faults(folder: Path = HELPERS) -> list[str]:
    """Return the helper modules that are too long, and the public names in them without a docstring."""
    faults = []
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder.parent).as_posix()
        source = path.read_text(encoding="utf-8")
        lines = len(source.splitlines())
        if lines > MODULE_LINES:
            faults.append(f"{name} has {lines} lines; at most {MODULE_LINES}: it is two ideas.")
        for node in ast.parse(source).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                faults.append(f"{name}: {node.name} has no docstring.")
    return faults


def main(arguments: Sequence[str] = ()) -> int:
    """Print a table of all lessons, or of those named by number, and what breaks a norm; return 1 if any does."""
    lessons = [lesson for lesson in read_lessons() if lesson.path.stem.startswith(tuple(arguments) or "")]
    print(f"{'lesson':28}" + "".join(f"{norm.name:>20}" for norm in NORMS))
    print(f"{'(norm)':28}" + "".join(f"{f'{norm.least:g} to {norm.most:g}':>20}" for norm in NORMS))
    faults = [] if arguments else module_faults()
    for lesson in lessons:
        print(f"{lesson.path.stem:28}" + "".join(f"{norm.measure(lesson):>20g}" for norm in NORMS))
        for norm in NORMS:
            reason = EXCEPTIONS.get((lesson.path.stem, norm.name))
            if not norm.holds(lesson) and reason is None:
                faults.append(
                    f"{lesson.path.stem}: {norm.name} is {norm.measure(lesson):g}, not {norm.least:g} to "
                    f"{norm.most:g}. Split cells, move code to helpers/, or argue it in tools/style.py."
                )
    for (name, norm_name), reason in EXCEPTIONS.items():
        print(f"exception: {name}, {norm_name}: {reason}")
    print("\n".join(faults) or "all norms hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
