"""Makes the site of the collection, `build/site/html`: `python -m tools.site`.

The pages of ``docs/`` and ``teaching/``, the lessons with their stored outputs and the reference of the helpers are put
side by side, and Sphinx with MyST-NB makes HTML of them; every warning is an error. Nothing is downloaded.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbclient import NotebookClient

from tools import packages
from tools.canonical import sources_digest
from tools.figures import alt_texts
from tools.glossary import linked
from tools.lessons import Lesson, read_lessons
from tools.workshop import QUIZ

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).parent.parent
DOCS, TEACHING, SITE = ROOT / "docs", ROOT / "teaching", ROOT / "build" / "site"
CACHE = ROOT / "build" / "site-cache"
REDIRECTS = DOCS / "redirects.toml"
_BESIDE = re.compile(r"\]\((?:\.\./)?notebooks/([\w.]+\.ipynb)")
_DRAWS, _LIVE = re.compile(r"load_bokeh\(\)"), "application/vnd.holoviews"
_TABLE = '"name":"DataTable"'
_HELPERS = re.compile(r"\]\(\.\./helpers/(\w+)/[^)]*\)")
_PLACE = re.compile(r"\]\(#[^)]+\)")  # JupyterLab keeps capitals in the names of places, MyST does not
_MERMAID = re.compile(r"```mermaid\n.*?```", flags=re.DOTALL)
_DRAWN = "![The sub-packages as boxes, with an arrow from each to those that it imports](/packages.png)"
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Moved</title>'
    '<meta http-equiv="refresh" content="0; url={0}"><main><h1>Moved</h1><a href="{0}">Go there</a></main></html>'
)


def site_cells(notebook: NotebookNode) -> NotebookNode:
    """Return a copy as the site shows it: pictures with their alternative text, solutions folded."""
    copy: NotebookNode = nbformat.from_dict(notebook)
    alts, seen = alt_texts(copy), set[str]()
    for cell in copy.cells:
        cell.metadata.pop("slideshow", None)
        if cell.cell_type == "markdown":
            cell.source = _PLACE.sub(lambda found: found[0].lower(), cell.source)
            cell.source = linked(_HELPERS.sub(r"](../reference/\1.rst)", cell.source), seen)
        if alts.get(cell.id):
            cell.metadata["mystnb"] = {"image": {"alt": alts[cell.id]}}
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata["tags"] = [*cell.metadata["tags"], "hide-cell"]
            cell.metadata["mystnb"] = {"code_prompt_show": "Show the solution", "code_prompt_hide": "Hide the solution"}
    copy.metadata.pop("zarr_notebooks", None)
    return copy


def interactive(lesson: Lesson) -> NotebookNode:
    """Return the lesson with live outputs where it draws for the browser; it is run once, until its code changes."""
    if not _DRAWS.search("\n".join(cell.source for cell in lesson.cells("code"))):
        return lesson.notebook
    cached = CACHE / f"{lesson.path.stem}-{sources_digest(lesson.notebook)[:16]}.ipynb"
    if not cached.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        ran = nbformat.from_dict(lesson.notebook)
        quiet, place = ["--IPKernelApp.log_level=ERROR"], {"metadata": {"path": str(lesson.path.parent)}}
        NotebookClient(ran, timeout=300, extra_arguments=quiet, resources=place).execute()
        nbformat.write(ran, cached)
    copy: NotebookNode = nbformat.from_dict(lesson.notebook)
    code = ([cell for cell in each.cells if cell.cell_type == "code"] for each in (copy, nbformat.read(cached, 4)))
    for cell, ran_cell in zip(*code, strict=True):  # of prose there may be more now than when the code ran
        if is_live(ran_cell.outputs):
            cell.outputs = ran_cell.outputs
    return copy


def is_live(outputs: list[NotebookNode]) -> bool:
    """Return whether outputs are shown live: those of HoloViews but its tables, which a screen reader cannot read."""
    shown = [output.get("data", {}) for output in outputs]
    return any(_LIVE in mime for data in shown for mime in data) and not any(
        _TABLE in str(part) for data in shown for part in data.values()
    )


def reference() -> dict[str, str]:
    """Return a page for each front door of the helpers, and one that lists them, by file name."""
    names = sorted({packages.sub_package(name) for name in packages.modules()} - {""})
    rows = "\n".join(names)
    told = f"{_DRAWN}\n\nAn arrow leads from a sub-package to one that it imports; nearly all import `units` besides."
    pages = {"index.md": f"# The helpers\n\n{told}\n\n```{{toctree}}\n:maxdepth: 1\n\n{rows}\n```\n"}
    for name in names:
        directive = f".. automodule:: helpers.{name}\n   :members:\n   :imported-members:\n"
        title = f"helpers.{name}"
        pages[f"{name}.rst"] = f"{title}\n{'=' * len(title)}\n\n{directive}"
    return pages


def lessons_page(lessons: list[Lesson]) -> str:
    """Return the page that lists the lessons."""
    rows = "\n".join(f"{lesson.number} {lesson.title} <{lesson.path.stem}>" for lesson in lessons)
    told = "\n".join(f"- [{lesson.number} {lesson.title}]({lesson.path.name}): {lesson.makes}" for lesson in lessons)
    return f"# The lessons\n\n{told}\n\n```{{toctree}}\n:hidden:\n\n{rows}\n```\n"


def placed(text: str, deeper: bool) -> str:
    """Return a page with the addresses that all has on the site; a page that is `deeper` lies in a folder."""
    up = "../" if deeper else ""
    text = _BESIDE.sub(rf"]({up}lessons/\1", text)
    for old, new in (
        ("../README.md", f"{up}index.md"),
        ("../docs/", up),
        ("../CONTRIBUTING.md", f"{up}contributing.md"),
        ("../images/", f"{up}images/"),
    ):
        text = text.replace(f"]({old}", f"]({new}")
    return text


def assemble(source: Path) -> list[Lesson]:
    """Put everything that the site is made of into the folder `source`, and return the lessons."""
    shutil.copytree(DOCS, source)
    shutil.copytree(TEACHING, source / "teaching")
    (source / "teaching" / "README.md").rename(source / "teaching" / "index.md")
    for folder, names in (("lessons", {}), ("reference", reference())):
        (source / folder).mkdir()
        for name, text in names.items():
            (source / folder / name).write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "images", source / "images")
    packages.draw(source / "packages.png")
    contributing = _MERMAID.sub(_DRAWN, packages.CONTRIBUTING.read_text(encoding="utf-8"))
    (source / "contributing.md").write_text(re.sub(r"\]\((?!http)[^)]*\)", "]", contributing), encoding="utf-8")
    lessons = read_lessons()
    (source / "lessons" / "index.md").write_text(lessons_page(lessons), encoding="utf-8")
    for lesson in lessons:
        nbformat.write(site_cells(interactive(lesson)), source / "lessons" / lesson.path.name)
    for page in [*source.glob("*.md"), *source.glob("teaching/*.md")]:
        page.write_text(placed(page.read_text(encoding="utf-8"), page.parent != source), encoding="utf-8")
    return lessons


def build(folder: Path = SITE) -> Path:
    """Build the site, and return the folder of its pages.

    Raises
    ------
    subprocess.CalledProcessError
        When Sphinx warns of anything.
    """
    shutil.rmtree(folder, ignore_errors=True)
    source, html = folder / "source", folder / "html"
    lessons = assemble(source)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "auto", "-b", "html"]
    environment = {**os.environ, "ZARR_NOTEBOOKS": str(ROOT)}
    subprocess.run([*command, str(source), str(html)], check=True, env=environment)
    downloads = html / "_downloads"
    downloads.mkdir(exist_ok=True)
    for path in [*(lesson.path for lesson in lessons), QUIZ]:
        shutil.copy(path, downloads / path.name)
    shutil.copytree(ROOT / "images", html / "images")
    for page in html.rglob("*.html"):  # the label of MyST-NB's folds would hide their words from a screen reader
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(' aria-label="Toggle hidden content"', ""), encoding="utf-8")
    for old, new in tomllib.loads(REDIRECTS.read_text(encoding="utf-8")).items():
        (html / f"{old}.html").write_text(_PAGE.format(f"{Path(new).name}.html"), encoding="utf-8")
    return html


if __name__ == "__main__":
    print(f"{build() / 'index.html'}: open it in a browser")
