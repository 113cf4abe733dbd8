"""A JupyterLab on a free port of this machine, and a headless Chromium that looks at it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.browser.labs import Lab, binder_lab, plain_lab
from tests.browser.visits import Visit, visiting

if TYPE_CHECKING:
    from collections.abc import Iterator

LABS = {"plain": plain_lab, "binder": binder_lab}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def chromium() -> str:
    """Return the browser: the environment variable CHROMIUM, or what is on PATH."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if not found:
        pytest.fail("no Chromium is on PATH. Install one (`apt install chromium`), or name one in CHROMIUM.")
    return found


@pytest.fixture(scope="session", params=["plain"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Serve copies of the lessons, so that saving in the browser leaves the checkout alone.

    Plainly; a test that wants them as on Binder too says so: `@pytest.mark.parametrize("lab", LABS, indirect=True)`.
    """
    with LABS[request.param](tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def visit(lab: Lab) -> Iterator[Visit]:
    """Give a page of a new headless browser; fail if it asked for anything elsewhere, or leaves a process behind."""
    from playwright.sync_api import sync_playwright

    options = [*CHROMIUM_OPTIONS, f"--host-resolver-rules={lab.rules}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=options)
        with visiting(lab, browser) as visit:
            yield visit
        browser.close()
    assert visit.strayed == []
    lab.expect_nothing_left()
