"""The live lessons move, and stop: without a network for the page, plainly and the way Binder serves them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from nbconvert import HTMLExporter

from tests.browser.labs import answered
from tests.browser.pictures import count_changes, middle, wait_for_change, wait_until_still
from tests.browser.visits import RUN_MS
from tools.lessons import NOTEBOOKS, read_lessons

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.browser.visits import Visit

pytest.importorskip("playwright", reason="`make browser` installs what these tests need")

EVERYWHERE = pytest.mark.parametrize("lab", ["plain", "binder"], indirect=True)
ON_BINDER = pytest.mark.parametrize("lab", ["binder"], indirect=True)
(LESSON,) = (lesson for lesson in read_lessons() if lesson.number == "11")
# What the cell with a figure holds, and what the cell that moves it.
SENDERS = {
    "live = hv.DynamicMap(draw": "pipe.send(grid)\n    await",
    "hv.VectorField, streams": "arrows.send(",
    'title="The last 20 of': "updates.send(",
    "noise.opts(": "measured.send(",
    "sums_figure = ": "emit(moves[",
    "spread_figure = ": "emit(moves[",
    "bins.opts(": "emit(moves[",
    "**span)": "history.send(points[start",
}
FETCH = "address => fetch(address, {mode: 'no-cors'}).then(() => 'answered', () => 'refused')"
SOCKET = """address => new Promise(done => {
    const socket = new WebSocket(address);
    socket.onopen = () => done("answered");
    socket.onerror = () => done("refused");
})"""


@pytest.mark.timeout(600)
@EVERYWHERE
def test_each_view_of_lesson_11_moves(visit: Visit) -> None:
    """After "Run All Cells": views by their buttons, other figures when the cell that sends is run again."""
    visit.open(LESSON.path.name)
    visit.run_all()
    visit.expect_all_ran()
    cells = visit.page.locator(".jp-Notebook .jp-Cell")
    for title in ("Life", "Walk", "This machine"):
        place = place_of(f'_body, title="{title}"')
        drive(visit, cells.nth(place), title)
    for shown, sending in SENDERS.items():
        figure = cells.nth(place_of(shown)).locator(".bk-Figure").first
        figure.scroll_into_view_if_needed()
        before = middle(figure)
        visit.begin_cell(place_of(sending))  # some end as they began, so look while they run
        assert any(not np.array_equal(middle(figure), before) for _ in range(100)), f"{shown} did not move"
        visit.wait_until_idle()


def drive(visit: Visit, cell: Locator, title: str) -> None:
    """Start a view, see it move, and stop it: by its button, and by the interrupt of the kernel."""
    figure, start, stop = cell.locator(".bk-Figure").last, button(cell, "Start"), button(cell, "Stop")
    cell.scroll_into_view_if_needed()
    figure.wait_for(timeout=RUN_MS)
    wait_until_still(figure, for_s=2, within_s=60)
    start.click()
    wait_for_change(figure, within_s=30)
    if title == "Life":
        assert count_changes(figure, seconds=10) >= 5
    if title != "Walk":  # that one has an end
        stop.click()
        wait_until_still(figure, for_s=3, within_s=30)
        start.click()
        wait_for_change(figure, within_s=30)
        visit.interrupt()
    wait_until_still(figure, for_s=3, within_s=60)
    visit.keep_picture(f"{title}-{visit.lab.server.port}")


@pytest.mark.timeout(360)
def test_a_zoom_counts_the_points_anew(visit: Visit) -> None:
    """The wheel over the million points changes more than the axes: there are new pixels."""
    visit.open(LESSON.path.name)
    visit.run_all()
    visit.expect_all_ran()
    figure = visit.page.locator(".jp-Notebook .jp-Cell").nth(place_of("**span)")).locator(".bk-Figure").first
    figure.scroll_into_view_if_needed()
    before = middle(figure)
    box = figure.bounding_box()
    assert box is not None
    left, top, right, bottom = (box["x"] + 250, box["y"] + 120, box["x"] + 450, box["y"] + 300)
    figure.get_by_title("Box Zoom").first.click()
    visit.page.mouse.move(left, top)
    visit.page.mouse.down()
    visit.page.mouse.move(right, bottom, steps=5)
    visit.page.mouse.up()
    visit.page.wait_for_timeout(3000)
    assert not np.array_equal(middle(figure), before)
    visit.keep_picture("zoomed")


@pytest.mark.timeout(120)
def test_a_stored_page_shows_a_picture_of_every_figure(visit: Visit, tmp_path: Path) -> None:
    """Rendered to HTML without running, and without JavaScript of Bokeh: no picture is broken or narrow."""
    (tmp_path / "notebooks").mkdir()
    shutil.copytree(NOTEBOOKS.parent / "images", tmp_path / "images")
    page = tmp_path / "notebooks" / "page.html"
    page.write_text(HTMLExporter().from_notebook_node(LESSON.notebook)[0], encoding="utf-8")  # type: ignore[no-untyped-call]
    visit.page.goto(visit.lab.address)  # what closes the visit asks for JupyterLab
    browser = visit.page.context.browser
    assert browser is not None
    reader = browser.new_page()
    reader.goto(page.as_uri(), wait_until="domcontentloaded")
    widths = reader.evaluate("() => [...document.images].map(each => each.naturalWidth)")
    reader.close()
    assert len(widths) >= 12
    assert min(widths) >= 750


@pytest.mark.timeout(360)
@ON_BINDER
def test_life_is_analysed_on_binder(visit: Visit) -> None:
    """Lesson 10 takes the Redis that runs there, and leaves nothing in it."""
    visit.open("10_stream_life.ipynb")
    visit.run_all()
    visit.expect_all_ran()


@EVERYWHERE
def test_page_reaches_its_lab_alone(visit: Visit) -> None:
    """Jupyter itself is out of reach under another name or port; and that the page asked is noticed."""
    elsewhere = f"localhost:{visit.lab.server.port}{visit.lab.base_url}"
    assert answered(f"http://{elsewhere}lab")
    visit.page.goto(visit.lab.address)
    assert visit.page.evaluate(FETCH, f"http://{elsewhere}lab") == "refused"
    assert visit.page.evaluate(SOCKET, f"ws://{elsewhere}api/events/subscribe") == "refused"
    assert visit.strayed == [f"http://{elsewhere}lab", f"ws://{elsewhere}api/events/subscribe"]
    visit.strayed.clear()


def button(where: Page | Locator, name: str) -> Locator:
    """Return the button with this name."""
    return where.get_by_role("button", name=name, exact=True)


def place_of(part: str) -> int:
    """Return the place of the one code cell of lesson 11 in which this stands."""
    (place,) = (n for n, cell in enumerate(LESSON.notebook.cells) if cell.cell_type == "code" and part in cell.source)
    return place
