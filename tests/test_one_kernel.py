"""Tests that no lesson depends on what another one left in the kernel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.notebooks import notebook_of
from tools.canonical import IGNORE_OUTPUT
from tools.lessons import NOTEBOOKS, read_lessons
from tools.one_kernel import STOPPED, follow, shuffled
from tools.render import render
from tools.workshop import is_solution

if TYPE_CHECKING:
    from pathlib import Path

#: Chosen by `make test-long`; the same for all its processes.
SEED = int(os.environ.get("LESSONS_SEED", "0"))


LONG = pytest.mark.skipif(
    not SEED, reason="takes eight minutes: `make test-long` runs it, with LESSONS_SEED=20261127 or so"
)


def in_one_kernel(seed: int, *, solved: bool) -> tuple[list[str], list[str]]:
    """Run all lessons in the order of the seed, with their solutions or without; return the order and the faults."""
    lessons = {lesson.number: nbformat.from_dict(lesson.notebook) for lesson in read_lessons()}
    for notebook in lessons.values():
        notebook.cells = [cell for cell in notebook.cells if solved or not is_solution(cell)]
    order = shuffled(lessons, seed)
    ran = dict(follow({number: lessons[number] for number in order}, folder=NOTEBOOKS))
    assert list(ran) == order
    return order, [f"{number}: {fault}" for number, faults in ran.items() for fault in faults]


@LONG
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [SEED], ids=lambda seed: f"LESSONS_SEED={seed}")
def test_all_lessons_run_in_one_kernel(seed: int) -> None:
    """In a random order, each shows to the last character what it shows on a fresh kernel."""
    order, told = in_one_kernel(seed, solved=True)
    assert not told, f"in the order {order}"


@LONG
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [SEED + 1], ids=lambda seed: f"LESSONS_SEED={seed - 1}")
def test_who_solves_nothing_is_not_stopped(seed: int) -> None:
    """The learner's copies run with every exercise unanswered; what depends on an answer may show something else."""
    order, told = in_one_kernel(seed, solved=False)
    assert not [fault for fault in told if STOPPED in fault], f"in the order {order}"


def test_what_another_notebook_left_is_noticed(tmp_path: Path) -> None:
    """A name, a setting, an error: each is told with its cell, and the next notebook runs all the same."""
    setting = "import zarr; zarr.config.get('async.concurrency')"
    sources = {
        "leaves": ["import zarr; left = 1; _ = zarr.config.set({'async.concurrency': 3})"],
        "depends": [
            "import time; time.time_ns()",
            "'left' in globals()",
            setting,
            "'left' in globals() and 1 / 0",
            "2",
        ],
        "does not": ["print(1)", "1 + 1"],
    }
    tags = {"depends": {0: IGNORE_OUTPUT}}
    notebooks = {
        name: render(notebook_of(*code, tags=tags.get(name)), folder=tmp_path) for name, code in sources.items()
    }
    faults = dict(follow(notebooks, folder=tmp_path))
    cells = [cell.id for cell in notebooks["depends"].cells]
    assert [len(each) for each in faults.values()] == [0, 4, 0]
    assert faults["depends"].pop(0) == f"{STOPPED} ZeroDivisionError: division by zero"
    assert faults["depends"][0] == f"cell {cells[1]} shows ['True'], stored is ['False']"
    assert faults["depends"][1].startswith(f"cell {cells[2]} shows ['3']")
    assert "ZeroDivisionError" in faults["depends"][2]


def test_the_order_is_drawn_by_the_seed() -> None:
    """The same again for the same seed, whatever the order before."""
    assert shuffled("abcdef", 7) == shuffled("fedcba", 7)
    assert shuffled("abcdef", 7) != shuffled("abcdef", 8)
