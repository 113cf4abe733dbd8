"""Makes the copies of the lessons for a room: `python -m tools.workshop [NB ...]`, with ``--offline`` a zip as well.

From the one source come three folders in ``build/workshop``:

- ``learner``: solutions taken out, outputs too;
- ``live``: code taken out as well, headings, prose and exercises kept: the instructor types;
- ``instructor``: solutions open, outputs kept, and the page of ``teaching/`` about the lesson on top.

The final quiz lies in each of them: with its solutions for the instructor, without for the others.

The zip holds all that a bare machine needs where there is no network: wheels, with a Redis server among them, npm
parts, the site, and the copies.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from tools.lessons import read_lessons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nbformat import NotebookNode

    from tools.lessons import Lesson

ROOT = Path(__file__).parent.parent
WORKSHOP, TEACHING = ROOT / "build" / "workshop", ROOT / "teaching"
QUIZ = TEACHING / "final_quiz.ipynb"
# What git does not hold and a room without network wants.
BESIDE = ("javascript/node_modules", "servers/node_modules", "build/site/html")
INSTALL = """#!/bin/sh
# Sets up the lessons from this folder alone, without a network: sh install.sh, then sh lab.sh
set -eu
cd "$(dirname "$0")/zarr-notebooks"
python3 -c 'import sys; sys.exit(sys.version_info[:2] != ({version}))' || {{
    echo "These wheels need Python {dotted}: install it, or ask for the zip of your Python." >&2
    exit 1
}}
python3 -m venv .venv
.venv/bin/python -m pip install --quiet --no-index --find-links ../wheels --require-hashes -r requirements.lock
.venv/bin/python -m pip install --quiet --no-index --find-links ../wheels --no-deps --no-build-isolation --editable .
.venv/bin/python -m helpers.doctor
"""
LAB = """#!/bin/sh
cd "$(dirname "$0")/zarr-notebooks"
exec .venv/bin/python -m jupyter lab --LabApp.default_url=/lab/tree/build/workshop/learner "$@"
"""


def is_solution(cell: NotebookNode) -> bool:
    """Return whether a cell gives an exercise away: the code, or the sentence above it."""
    return "solution" in cell.metadata.get("tags", []) or cell.source.startswith("**Solution:**")


def emptied(cell: NotebookNode) -> NotebookNode:
    """Return `cell` without what it printed and drew."""
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    return cell


def unsolved(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of `notebook` without solutions and outputs."""
    copy: NotebookNode = nbformat.from_dict(notebook)
    copy.cells = [emptied(cell) for cell in copy.cells if not is_solution(cell)]
    copy.metadata.pop("zarr_notebooks", None)
    return copy


def opened(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of `notebook` whose solutions are not folded."""
    copy: NotebookNode = nbformat.from_dict(notebook)
    for cell in copy.cells:
        cell.metadata.pop("jupyter", None)
    return copy


def learner(lesson: Lesson) -> NotebookNode:
    """Return the lesson as a learner gets it: no solutions, no outputs."""
    return unsolved(lesson.notebook)


def live(lesson: Lesson) -> NotebookNode:
    """Return the lesson to code along: prose, headings and exercises, the other code cells empty."""
    copy = learner(lesson)
    for cell in copy.cells:
        if cell.cell_type == "code" and "check(" not in cell.source:
            cell.source = ""
    return copy


def instructor(lesson: Lesson) -> NotebookNode:
    """Return the lesson with open solutions, and with the notes of ``teaching/`` below its title."""
    copy = opened(lesson.notebook)
    notes = nbformat.v4.new_markdown_cell(notes_of(lesson))
    notes.id = "instructor-notes"
    copy.cells.insert(1, notes)
    return copy


def notes_of(lesson: Lesson) -> str:
    """Return the instructor's page of a lesson, its headings one level deeper.

    Raises
    ------
    FileNotFoundError
        When ``teaching/`` has no page of that name.
    """
    text = (TEACHING / f"{lesson.path.stem}.md").read_text(encoding="utf-8")
    return re.sub(r"^#", "##", text, flags=re.MULTILINE)


COPIES: dict[str, Callable[[Lesson], NotebookNode]] = {"learner": learner, "live": live, "instructor": instructor}


def write_copies(lessons: Sequence[Lesson], folder: Path = WORKSHOP) -> list[Path]:
    """Write each copy of each lesson and of the final quiz, and return where."""
    written = []
    quiz = nbformat.read(QUIZ, as_version=4)
    for name, make in COPIES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for lesson in lessons:
            written.append(folder / name / lesson.path.name)
            copy = make(lesson)
            for cell in copy.cells:  # the quiz lies beside them
                cell.source = cell.source.replace(f"](../teaching/{QUIZ.name})", f"]({QUIZ.name})")
            nbformat.write(copy, written[-1])
        written.append(folder / name / QUIZ.name)
        nbformat.write(opened(quiz) if name == "instructor" else unsolved(quiz), written[-1])
    shutil.copytree(ROOT / "images", folder / "images", dirs_exist_ok=True)  # lesson 11 shows one
    return written


def offline_zip(folder: Path = WORKSHOP) -> Path:
    """Write the zip for a room without network, for the system and Python that run this, and return where."""
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    version = sys.version_info[:2]
    stage = folder / "offline"
    shutil.rmtree(stage, ignore_errors=True)
    wheels = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--quiet",
        "--require-hashes",
        "-r",
        "requirements.lock",
    ]
    subprocess.run([*wheels, "--only-binary=:all:", "--dest", str(stage / "wheels")], cwd=ROOT, check=True)
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    files = {ROOT / name for name in names.stdout.decode().splitlines()}
    for extra in [*BESIDE, *(f"build/workshop/{name}" for name in [*COPIES, "images"])]:
        files.update((ROOT / extra).rglob("*"))
    target = folder / f"zarr-notebooks-{platform}-py{version[0]}{version[1]}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in files if path.is_file()):
            archive.write(path, Path("zarr-notebooks") / path.relative_to(ROOT))
        for path in sorted((stage / "wheels").iterdir()):
            archive.write(path, Path("wheels") / path.name, zipfile.ZIP_STORED)
        numbers, dotted = ", ".join(map(str, version)), ".".join(map(str, version))
        archive.writestr("install.sh", INSTALL.format(version=numbers, dotted=dotted))
        archive.writestr("lab.sh", LAB)
    shutil.rmtree(stage)
    return target


def undefined(copy: NotebookNode) -> Iterator[str]:
    """Yield names that a copy uses and never defines, as ruff finds them: left by a solution that was taken out."""
    from IPython.core.inputtransformer2 import TransformerManager

    source = "\n\n".join(cell.source for cell in copy.cells if cell.cell_type == "code")
    python = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--config=builtins=['display']", "--select=F821"]
    said = subprocess.run(
        [*command, "--output-format=concise", "-"], input=python, capture_output=True, text=True, check=False
    ).stdout
    yield from re.findall(r"F821 Undefined name `(\w+)`", said)


def main(arguments: Sequence[str] = ()) -> int:
    """Write the copies of all lessons, or of those named by number; with ``--offline`` the zip too."""
    numbers = tuple(argument for argument in arguments if not argument.startswith("--"))
    lessons = [lesson for lesson in read_lessons() if lesson.number.startswith(numbers or ("",))]
    written = write_copies(lessons)
    print(f"{len(written)} notebooks in {WORKSHOP.relative_to(ROOT)}: {', '.join(COPIES)}")
    if "--offline" in arguments:
        path = offline_zip()
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
