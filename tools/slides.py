"""Makes slides of the lessons from the cells of their notebooks: `python -m tools.slides [NB ...]`.

Each lesson becomes one HTML file in ``build/slides/`` with everything in it: reveal.js, the pictures, the style. It
asks for nothing elsewhere, so it opens offline, from a stick or as an attachment. Without a number all lessons are
made, and ``index.html``, which lists them. Which cell is on which slide is said by the metadata
``slideshow.slide_type``, as JupyterLab sets it: ``slide`` and ``subslide`` begin one (the arrow keys go right or
down), ``fragment`` appears at a key press, ``skip`` is left out, and every other cell goes on with the slide before
it. A code cell with the tag ``slide-output-only`` shows what it drew or printed, without its code. Nothing is split:
`tests/browser/test_slides.py` fails when a slide is too full.

The key S opens the speaker's window. The notes of a slide are the cells of the type ``notes`` that follow it and the
lesson's own prose that follows it and is on no slide, up to the next one: a sentence that ends in a colon with the
code of three lines or fewer that it leads up to. The exercises at the end of a lesson are no notes.
"""

from __future__ import annotations

import re
import sys
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbconvert.filters import markdown2html
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from tools.figures import alt_texts
from tools.lessons import Lesson, read_lesson
from tools.render import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nbformat import NotebookNode

ROOT = Path(__file__).parent.parent
REVEAL = ROOT / "javascript" / "node_modules" / "reveal.js" / "dist"
SLIDES = ROOT / "build" / "slides"
WIDTH, HEIGHT = 1280, 720
KINDS = ("", "-", "slide", "subslide", "fragment", "skip", "notes")
REVEAL_MISSING = "Slides need reveal.js, which comes from npm: install Node.js 20 or later, then run `make javascript`."
OUTPUT_ONLY = "slide-output-only"

# Dark on white, at least 4.5 : 1, and sizes in pixels of a page of 1280 x 720.
STYLE = """
body { background: #fff; }
.reveal { color: #1a1a1a; font: 25px/1.38 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
.reveal .slides { text-align: left; }
.reveal .slides section { box-sizing: border-box; padding: 26px 56px; }
.reveal .slides section.stack { padding: 0; }
.reveal .slides section.words { font-size: 32px; }
.reveal strong { font-weight: bold; }
.reveal em { font-style: italic; }
.reveal h1 { font-size: 62px; line-height: 1.15; margin: 150px 0 30px; color: #00456e; }
.reveal h2 { font-size: 38px; line-height: 1.2; margin: 0 0 14px; color: #00456e; }
.reveal h3 { font-size: 31px; line-height: 1.2; margin: 0 0 12px; color: #00456e; }
.reveal p, .reveal ul, .reveal ol, .reveal table { margin: 0 0 12px; }
.reveal ul, .reveal ol { padding-left: 1.3em; }
.reveal li { margin-bottom: 5px; }
.reveal a { color: #00639c; }
.reveal code { font: 0.88em/1.3 "DejaVu Sans Mono", Consolas, Menlo, monospace; }
.reveal pre { font: 18px/1.36 "DejaVu Sans Mono", Consolas, Menlo, monospace; margin: 0 0 10px; padding: 8px 14px; }
.reveal pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.reveal .highlight pre { background: #f2f5f7; border-left: 4px solid #00639c; }
.reveal pre.output { background: #fff; border-left: 4px solid #c7c7c7; }
.reveal pre.error { border-left-color: #b3261e; color: #8c1d18; }
.reveal img { display: block; max-width: 1080px; margin: 0 0 10px; }
.reveal table { border-collapse: collapse; }
.reveal th, .reveal td { border-bottom: 1px solid #c7c7c7; padding: 5px 18px 5px 0; text-align: left; }
.reveal .anchor-link { display: none; }
.reveal .controls { font-size: 6px; color: #00456e; }
.reveal .slide-number { left: 16px; right: auto; background: none; color: #595959; font-size: 15px; }
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{reset}</style>
<style>{reveal}</style>
<style>{style}</style>
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
<script>{script}</script>
<script>
Reveal.initialize({{ width: {width}, height: {height}, margin: 0, center: false, hash: true, transition: "none",
  controls: true, progress: true, slideNumber: "c/t" }});
</script>
</body>
</html>
"""


def slides_page(lesson: Lesson, *, reveal: Path = REVEAL) -> str:
    """Return the slides of `lesson` as one HTML page that needs nothing else.

    Parameters
    ----------
    lesson : Lesson
        A rendered lesson, with `slideshow.slide_type` in the metadata of its cells.
    reveal : pathlib.Path
        The folder ``dist`` of reveal.js.

    Raises
    ------
    FileNotFoundError
        When reveal.js is not installed.
    ValueError
        When a cell has a slide type that is unknown, or nothing is on any slide.
    """
    if not (reveal / "reveal.js").exists():
        raise FileNotFoundError(REVEAL_MISSING)
    told = alt_texts(lesson.notebook)
    parts = {name: (reveal / name).read_text(encoding="utf-8") for name in ("reset.css", "reveal.css", "reveal.js")}
    return PAGE.format(
        title=escape(lesson.title),
        reset=parts["reset.css"],
        reveal=parts["reveal.css"],
        style=STYLE + HtmlFormatter().get_style_defs(".highlight"),
        slides="\n".join(_column(column, told) for column in read_columns(lesson.notebook)),
        # A note at the end says where the source map is, which a browser's tools would then ask for.
        script=re.sub(r"//# sourceMappingURL=.*", "", parts["reveal.js"]).replace("</script", "<\\/script"),
        width=WIDTH,
        height=HEIGHT,
    )


def read_columns(notebook: NotebookNode) -> list[list[list[NotebookNode]]]:
    """Return the cells of each slide, one list for each column: a ``slide`` and the ``subslides`` below it."""
    columns: list[list[list[NotebookNode]]] = []
    for cell in notebook.cells:
        kind = slide_type(cell)
        if kind in ("skip", "notes"):
            continue
        if kind == "slide" or not columns:
            columns.append([[]])
        elif kind == "subslide":
            columns[-1].append([])
        columns[-1][-1].append(cell)
    if not columns:
        msg = "no cell is on a slide. Give cells the metadata slideshow.slide_type, in JupyterLab's property inspector."
        raise ValueError(msg)
    return columns


def slide_type(cell: NotebookNode) -> str:
    """Return the slide type of a cell, ``""`` or ``"-"`` if it goes on with the slide before it."""
    kind = str(cell.metadata.get("slideshow", {}).get("slide_type", ""))
    if kind not in KINDS:
        msg = f"cell {cell.id} has slide_type={kind!r}. Known are {', '.join(map(repr, KINDS))}."
        raise ValueError(msg)
    return kind


def tags_of(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def write_slides(path: Path, folder: Path = SLIDES) -> Path:
    """Write the slides of the notebook at `path`, and return where."""
    page = slides_page(read_lesson(path))
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f"{path.stem}.html"
    written.write_text(page, encoding="utf-8", newline="\n")
    return written


def main(arguments: Sequence[str]) -> int:
    """Write the slides of the notebooks named, by path or by number, or of the talk."""
    for name in arguments or ["00"]:
        for path in find(name):
            try:
                written = write_slides(path)
            except FileNotFoundError as error:
                print(error, file=sys.stderr)
                return 1
            slides = sum(map(len, read_columns(nbformat.read(path, as_version=4))))
            shown = written.relative_to(ROOT) if written.is_relative_to(ROOT) else written
            print(f"{shown}: {slides} slides, open it in any browser")
    return 0


def _column(slides: list[list[NotebookNode]], told: Mapping[str, str]) -> str:
    sections = "\n".join(_slide(cells, told) for cells in slides)
    return sections if len(slides) == 1 else f"<section>\n{sections}\n</section>"


def _slide(cells: list[NotebookNode], told: Mapping[str, str]) -> str:
    words = all(cell.cell_type == "markdown" for cell in cells)  # there is room for larger ones
    shown = "\n".join(_cell(cell, told) for cell in cells)
    return f"<section{' class="words"' if words else ''}>\n{shown}\n</section>"


def _cell(cell: NotebookNode, told: Mapping[str, str]) -> str:
    if cell.cell_type == "markdown":
        # What lies beside the notebook does not lie beside the slides.
        shown = re.sub(r'<a href="(?!https?:)[^"]*">(.*?)</a>', r"\1", str(markdown2html(cell.source)))
    else:
        code = "" if OUTPUT_ONLY in tags_of(cell) else str(highlight(cell.source, PythonLexer(), HtmlFormatter()))
        shown = code + "".join(_outputs(cell.outputs, told.get(cell.id, "")))
    return f'<div class="fragment">{shown}</div>' if slide_type(cell) == "fragment" else shown


def _outputs(outputs: Iterable[NotebookNode], told: str) -> Iterable[str]:
    for output in outputs:
        if output.output_type == "error":
            yield f'<pre class="output error">{escape(f"{output.ename}: {output.evalue}")}</pre>'
        elif output.output_type == "stream":
            yield f'<pre class="output">{escape(output.text)}</pre>'
        elif "image/png" in output.data:
            png = str(output.data["image/png"]).replace("\n", "")
            yield f'<img alt="{escape(told)}" src="data:image/png;base64,{png}">'
        elif "text/plain" in output.data:
            yield f'<pre class="output">{escape(output.data["text/plain"])}</pre>'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
