"""What lesson 11 says of `show(application)`: with jupyter-server-proxy it works behind one port, as on Binder.

A test beside Panel that fails is good news: the lesson can say so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.browser.labs import BASE_URL, PUBLIC_NAME
from tests.browser.pictures import count_changes
from tools.lessons import read_lessons

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.visits import Visit

pytest.importorskip("playwright", reason="`make browser` installs what these tests need")
pytest.importorskip("jupyter_server_proxy", reason="`make browser` installs what these tests need")

APPLICATION = """from bokeh.io import output_notebook, show
from bokeh.plotting import figure
from bokeh.resources import INLINE


def application(document):
    plot = figure(width=400, height=300)
    source = plot.line([0], [0]).data_source
    document.add_root(plot)
    document.add_periodic_callback(lambda: source.stream({"x": [len(source.data["x"])], "y": [7]}), 100)


output_notebook(INLINE)"""

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def as_told() -> str:
    """Return the lines of lesson 11, for the address of this test instead of the example's."""
    (lesson,) = (lesson for lesson in read_lessons() if lesson.number == "11")
    (told,) = (cell.source for cell in lesson.cells("markdown") if "notebook_url=" in cell.source)
    lines: str
    (lines,) = re.findall(r"```python\n(.+?)```", told, flags=re.DOTALL)
    assert "hub.mybinder.org" in lines
    assert "/user/me/" in lines
    return lines.replace("hub.mybinder.org", PUBLIC_NAME).replace("/user/me/", BASE_URL)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("lab", ["binder"], indirect=True)
@pytest.mark.parametrize("way", ["as told", "not told", "beside Panel"])
def test_an_application_moves_if_bokeh_is_told_where(visit: Visit, way: str) -> None:
    """The page asks its own Jupyter for it. Untold it asks elsewhere; beside Panel its scripts are not found."""
    show = "show(application)" if way == "not told" else as_told()
    panel = ["from helpers.live import load_bokeh\nload_bokeh()"] if way == "beside Panel" else []
    cells = [nbformat.v4.new_code_cell(source) for source in (*panel, APPLICATION, show)]
    folder: Path = visit.lab.server.temporary.parent / "notebooks"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), folder / "application.ipynb")
    said: list[str] = []
    visit.page.on("console", lambda message: said.append(message.text))
    visit.open("application.ipynb")
    visit.run_all()
    visit.expect_all_ran()
    figure = visit.page.locator(".bk-Figure").first
    if way == "as told":
        figure.wait_for(timeout=60_000)
        assert count_changes(figure, seconds=3) >= 3
        visit.keep_picture("application")
        return
    visit.page.wait_for_timeout(5000)
    assert figure.count() == 0
    assert visit.strayed
    assert any(text.startswith("failed to load") for text in said) == (way == "beside Panel")
    visit.strayed.clear()
