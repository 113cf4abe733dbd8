"""Each lesson runs in a real JupyterLab with "Run All Cells"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.lessons import Lesson, read_lessons

if TYPE_CHECKING:
    from tests.browser.visits import Visit

pytest.importorskip("playwright", reason="`make browser` installs what these tests need")


@pytest.mark.timeout(360)
@pytest.mark.parametrize("lesson", read_lessons(), ids=lambda lesson: lesson.path.stem)
def test_lesson_runs_in_the_browser(lesson: Lesson, visit: Visit) -> None:
    """Every cell runs, none fails that should not, and a picture of it is kept where SCREENSHOTS says."""
    visit.open(lesson.path.name)
    visit.run_all()
    visit.expect_all_ran()
    visit.keep_picture(lesson.path.stem)
