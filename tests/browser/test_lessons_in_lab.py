"""Each lesson runs in a real JupyterLab with "Run All Cells"."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.lessons import Lesson, read_lessons

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("playwright", reason="`make browser` installs what these tests need")

RUN_MS = 120_000
RUN_ALL = """async () => { await window.jupyterapp.commands.execute("notebook:run-all-cells") }"""
READY = """() => {
    const panel = window.jupyterapp?.shell.currentWidget;
    return panel?.sessionContext?.session?.kernel?.status === "idle" && panel.content.widgets.length > 0;
}"""
CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === "code")
    .map(cell => ({
        count: cell.model.executionCount,
        failed: cell.model.outputs.toJSON().some(output => output.output_type === "error"),
        deliberate: (cell.model.getMetadata("tags") ?? []).includes("raises-exception"),
    }))"""

ALL_RAN = f"""() => ({CELLS})().every(cell => cell.count !== null) && ({READY})()"""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("lesson", read_lessons(), ids=lambda lesson: lesson.path.stem)
def test_lesson_runs_in_the_browser(lesson: Lesson, lab: str, page: Page) -> None:
    """Every cell runs, none fails that should not, and a picture of it is kept where SCREENSHOTS says."""
    page.goto(f"{lab}/tree/notebooks/{lesson.path.name}?reset")
    page.wait_for_function(READY, timeout=RUN_MS)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.evaluate(RUN_ALL)
    page.wait_for_function(ALL_RAN, timeout=RUN_MS)  # the command returns at the first deliberate error
    cells = page.evaluate(CELLS)
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert [cell["failed"] for cell in cells] == [cell["deliberate"] for cell in cells]
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{lesson.path.stem}.png")
