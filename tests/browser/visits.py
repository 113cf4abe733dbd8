"""Uses a lesson in JupyterLab the way a learner does, from a page that reaches this JupyterLab and nothing else."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.browser.labs import Lab

RUN_MS = 180_000
COMMAND = "name => { window.jupyterapp.commands.execute(name) }"
RUN_CELL = """cell => {
    const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = cell;
    panel.content.deselectAll();
    return window.jupyterapp.commands.execute("notebook:run-cell");
}"""
SHUT_DOWN = "() => window.jupyterapp?.serviceManager.sessions.shutdownAll()"
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


@dataclass
class Visit:
    """A page, the JupyterLab that it visits, and the addresses elsewhere that it asked for, in vain."""

    page: Page
    lab: Lab
    strayed: list[str] = field(default_factory=list)

    def open(self, notebook: str) -> None:
        """Open a notebook, wait for its kernel, and throw away the stored outputs."""
        self.page.goto(f"{self.lab.address}/tree/notebooks/{notebook}?reset")
        self._wait_for(READY)
        self.page.evaluate(COMMAND, "notebook:clear-all-cell-outputs")

    def run_all(self) -> None:
        """Begin "Run All Cells"."""
        self.page.evaluate(COMMAND, "notebook:run-all-cells")

    def begin_cell(self, cell: int) -> None:
        """Run one cell again, by its place among all cells from 0, and do not wait for it."""
        self.page.evaluate(f"cell => {{ void ({RUN_CELL})(cell); }}", cell)

    def wait_until_idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self._wait_for(READY)

    def interrupt(self) -> None:
        """Press the button that interrupts the kernel."""
        self.page.evaluate(COMMAND, "notebook:interrupt-kernel")

    def expect_all_ran(self) -> None:
        """Wait until the kernel is idle; fail unless each code cell ran, in order, and failed only where it should."""
        self._wait_for(ALL_RAN)  # the command itself ends at the first deliberate error
        cells: list[dict[str, int | bool]] = self.page.evaluate(CELLS)
        assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
        assert [cell["failed"] for cell in cells] == [cell["deliberate"] for cell in cells]

    def keep_picture(self, name: str) -> None:
        """Save a picture of the page in the folder that the environment variable SCREENSHOTS names, if it does."""
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    def note(self, address: str) -> None:
        """Remember an address that is not the lab's."""
        lab = self.lab.origin
        if not address.startswith((f"{lab}/", f"{lab.replace('http', 'ws', 1)}/", "blob:", "data:")):
            self.strayed.append(address)

    def _wait_for(self, condition: str) -> None:
        """Wait for it, and look seldom: looking at all cells takes time that the lesson needs."""
        self.page.wait_for_function(condition, timeout=RUN_MS, polling=500)


@contextlib.contextmanager
def visiting(lab: Lab, browser: Browser) -> Iterator[Visit]:
    """Visit `lab` with a new page, and end the kernels that it started."""
    page = browser.new_page(ignore_https_errors=True, viewport={"width": 1280, "height": 1000})
    visit = Visit(page, lab)
    page.on("request", lambda request: visit.note(request.url))
    page.on("websocket", lambda socket: visit.note(socket.url))
    try:
        yield visit
    finally:
        page.evaluate(SHUT_DOWN)
