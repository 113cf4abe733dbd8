"""What several tests need to make notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbformat.v4 import new_code_cell, new_notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode


def notebook_of(*sources: str, tags: dict[int, str] | None = None) -> NotebookNode:
    """Return a notebook of code cells; `tags` gives a cell, by its place from 0, one tag."""
    cells = []
    for place, source in enumerate(sources):
        cell = new_code_cell(source, id=f"cell-{place}")
        if tags and place in tags:
            cell.metadata["tags"] = [tags[place]]
        cells.append(cell)
    notebook: NotebookNode = new_notebook(cells=cells)
    return notebook
