"""Lessons run in a real JupyterLab with "Run All Cells"; that every lesson runs is what nbval tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tools.lessons import Lesson, read_lessons

if TYPE_CHECKING:
    from tests.browser.visits import Visit

pytest.importorskip("playwright", reason="`make browser` installs what these tests need")


# What draws for the browser, and two that print and plot; `BROWSER_LESSONS=all make browser` takes every one.
CHOSEN = ("03", "06", "09", "10", "11", "13")
LESSONS = [lesson for lesson in read_lessons() if lesson.number in CHOSEN or os.environ.get("BROWSER_LESSONS") == "all"]


@pytest.mark.timeout(360)
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_lesson_runs_in_the_browser(lesson: Lesson, visit: Visit) -> None:
    """Every cell runs, none fails that should not, and a picture of it is kept where SCREENSHOTS says."""
    visit.open(lesson.path.name)
    visit.run_all()
    visit.expect_all_ran()
    visit.keep_picture(lesson.path.stem)
