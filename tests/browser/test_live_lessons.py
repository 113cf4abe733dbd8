"""The live lessons move, and stop: without a network for the page, plainly and the way Binder serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.labs import answered
from tests.browser.pictures import count_changes, wait_for_change, wait_until_still
from tests.browser.visits import RUN_MS

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.visits import Visit

pytest.importorskip("playwright", reason="`make browser` installs what these tests need")

EVERYWHERE = pytest.mark.parametrize("lab", ["plain", "binder"], indirect=True)
ON_BINDER = pytest.mark.parametrize("lab", ["binder"], indirect=True)
FETCH = "address => fetch(address, {mode: 'no-cors'}).then(() => 'answered', () => 'refused')"
SOCKET = """address => new Promise(done => {
    const socket = new WebSocket(address);
    socket.onopen = () => done("answered");
    socket.onerror = () => done("refused");
})"""


@pytest.mark.timeout(360)
@EVERYWHERE
def test_life_moves_until_it_is_stopped(visit: Visit) -> None:
    """After "Run All Cells" Life changes at least 5 times in 10 s; Stop stills it, and so does an interrupt."""
    visit.open("11_watch_it_live.ipynb")
    visit.run_all()
    cell = visit.page.locator(".jp-CodeCell").filter(has=button(visit.page, "Stop")).first
    life, start, stop = cell.locator(".bk-Figure").first, button(cell, "Start"), button(cell, "Stop")
    life.wait_for(timeout=RUN_MS)
    wait_for_change(life, within_s=30)
    assert count_changes(life, seconds=10) >= 5
    visit.expect_all_ran()
    wait_for_change(life, within_s=30)
    stop.click()
    wait_until_still(life, for_s=3, within_s=30)
    visit.keep_picture(f"life-stopped-{visit.lab.server.port}")
    start.click()
    wait_for_change(life, within_s=30)
    visit.interrupt()
    wait_until_still(life, for_s=3, within_s=30)


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
