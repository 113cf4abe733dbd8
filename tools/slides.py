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
code of three lines or fewer that it leads up to. A section of which no heading is on a slide is folded. The exercises
at the end of a lesson are no notes.
"""

from __future__ import annotations

import base64
import re
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from nbconvert.filters import markdown2html
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from tools.figures import alt_texts
from tools.lessons import NOTEBOOKS, Lesson, read_lesson, read_lessons
from tools.render import find
from tools.workshop import is_solution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nbformat import NotebookNode

ROOT = Path(__file__).parent.parent
REVEAL = ROOT / "javascript" / "node_modules" / "reveal.js" / "dist"
# What of reveal.js goes into a page, by the folder `dist`.
PARTS = {"reset": "reset.css", "reveal": "reveal.css", "script": "reveal.js", "notes": "../plugin/notes/notes.js"}
SLIDES = ROOT / "build" / "slides"
WIDTH, HEIGHT = 1280, 720
KINDS = ("", "-", "slide", "subslide", "fragment", "skip", "notes")
REVEAL_MISSING = "Slides need reveal.js, which comes from npm: install Node.js 20 or later, then run `make javascript`."
OUTPUT_ONLY = "slide-output-only"
EXERCISES = "On your own"
# Lines of a cell of code that stands in the notes.
SHORT = 3

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

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
"""

PAGE = (
    HEAD
    + """<title>{title}</title>
<style>{reset}</style>
<style>{reveal}</style>
<style>{style}</style>
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
<script>{script}</script>
<script>{notes}</script>
<script>
Reveal.initialize({{ width: {width}, height: {height}, margin: 0, center: false, hash: true, transition: "none",
  controls: true, progress: true, slideNumber: "c/t", plugins: [RevealNotes] }});
</script>
</body>
</html>
"""
)

INDEX = (
    HEAD
    + """<title>Slides of the lessons</title>
<style>
body {{ font: 18px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff; }}
main {{ max-width: 46em; margin: 0 auto; padding: 1em; }}
h1, a {{ color: #00456e; }}
ol {{ list-style: none; padding: 0; }}
li {{ margin-bottom: 1em; }}
li p {{ margin: 0; }}
kbd {{ border: 1px solid #767676; border-radius: 3px; padding: 0 .35em; font-size: .9em; }}
</style>
</head>
<body>
<main>
<h1>Slides of the lessons</h1>
<p>Each lesson is one file that needs nothing else. <kbd>Space</kbd> goes on, <kbd>S</kbd> opens the speaker's window
with notes, the next slide and a clock, <kbd>F</kbd> fills the screen, <kbd>Esc</kbd> shows all slides,
<kbd>?</kbd> lists the keys.</p>
<ol>
{rows}
</ol>
</main>
</body>
</html>
"""
)


@dataclass
class Slide:
    """Hold the cells that a slide shows, and those from which its notes are made."""

    cells: list[NotebookNode] = field(default_factory=list)
    notes: list[NotebookNode] = field(default_factory=list)


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
    parts = {part: (reveal / name).read_text(encoding="utf-8") for part, name in PARTS.items()}
    return PAGE.format(
        title=escape(lesson.title),
        reset=parts["reset"],
        reveal=parts["reveal"],
        style=STYLE + HtmlFormatter().get_style_defs(".highlight"),
        slides="\n".join(_column(column, told) for column in read_columns(lesson.notebook)),
        script=_inline(parts["script"]),
        notes=_inline(parts["notes"]),
        width=WIDTH,
        height=HEIGHT,
    )


def read_columns(notebook: NotebookNode) -> list[list[Slide]]:
    """Return the slides, one list for each column: a ``slide`` and the ``subslides`` below it."""
    columns: list[list[Slide]] = []
    section = ""
    for cell in notebook.cells:
        kind = slide_type(cell)
        section = _heading(cell) or section
        if kind in ("skip", "notes"):
            if columns and (kind == "notes" or not (section == EXERCISES or is_solution(cell))):
                columns[-1][-1].notes.append(cell)
            continue
        if kind == "slide" or not columns:
            columns.append([Slide()])
        elif kind == "subslide":
            columns[-1].append(Slide())
        columns[-1][-1].cells.append(cell)
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


def write_index(lessons: Sequence[Lesson], folder: Path = SLIDES) -> Path:
    """Write the page that lists the slides of `lessons`, and return where."""
    counts = [sum(map(len, read_columns(lesson.notebook))) for lesson in lessons]
    rows = [
        f'<li><a href="{lesson.path.stem}.html">{escape(f"{lesson.number} {lesson.title}")}</a>, '
        f"{count} slide{'' if count == 1 else 's'}{_words(lesson.makes)}</li>"
        for lesson, count in zip(lessons, counts, strict=True)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "index.html"
    written.write_text(INDEX.format(rows="\n".join(rows)), encoding="utf-8", newline="\n")
    return written


def main(arguments: Sequence[str], folder: Path = SLIDES) -> int:
    """Write the slides of the notebooks named, by path or by number; of all lessons and a list of them otherwise."""
    for path in [path for name in arguments for path in find(name)] or sorted(NOTEBOOKS.glob("*.ipynb")):
        try:
            written = write_slides(path, folder)
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 1
        slides = sum(map(len, read_columns(read_lesson(path).notebook)))
        print(f"{_shown(written)}: {slides} slides, open it in any browser")
    if not arguments:
        print(f"{_shown(write_index(read_lessons(), folder))}: all of them; the key S opens the speaker's notes")
    return 0


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _inline(script: str) -> str:
    # A note at the end says where the source map is, which a browser's tools would then ask for.
    return re.sub(r"//# sourceMappingURL=.*", "", script).replace("</script", "<\\/script")


def _heading(cell: NotebookNode) -> str:
    # The text of a heading of the second level that a cell begins with, or nothing.
    match = re.match(r"## (.+)", cell.source) if cell.cell_type == "markdown" else None
    return match[1].strip() if match else ""


def _words(source: str) -> str:
    """Return Markdown as HTML that needs no file beside the page: pictures go in, links to files become words."""
    shown = re.sub(r'<a class="anchor-link"[^>]*>.*?</a>', "", str(markdown2html(source)))
    shown = re.sub(r'<a href="(?!https?:)[^"]*">(.*?)</a>', r"\1", shown)
    return re.sub(r'(?<=[ "])\.\./(images/[\w.-]+)(?=")', lambda match: _picture(ROOT / match[1]), shown)


def _picture(path: Path) -> str:
    kind = {".svg": "svg+xml", ".jpg": "jpeg"}.get(path.suffix, path.suffix[1:])
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _column(slides: list[Slide], told: Mapping[str, str]) -> str:
    sections = "\n".join(_slide(slide, told) for slide in slides)
    return sections if len(slides) == 1 else f"<section>\n{sections}\n</section>"


def _slide(slide: Slide, told: Mapping[str, str]) -> str:
    words = all(cell.cell_type == "markdown" for cell in slide.cells)  # there is room for larger ones
    shown = "\n".join(_cell(cell, told) for cell in slide.cells)
    notes = _notes(slide.notes)
    return f"<section{' class="words"' if words else ''}>\n{shown}\n{notes}</section>"


def _notes(cells: Iterable[NotebookNode]) -> str:
    shown, folded, leads = "", "", False
    for cell in cells:
        heading = _heading(cell)
        if heading:
            summary = re.sub(r"</?p>", "", _words(heading)).strip()
            shown += f"{folded}<details><summary>{summary}</summary>\n"
            folded = "</details>\n"
        if cell.cell_type == "markdown":
            said = _words(cell.source.removeprefix(f"## {heading}") if heading else cell.source)
            shown += re.sub(r"<h\d[^>]*>(.*?)</h\d>", r"<p><strong>\1</strong></p>", said)
        elif slide_type(cell) == "notes" or (leads and cell.source.count("\n") < SHORT):
            shown += f"<pre>{escape(cell.source)}</pre>\n"
        leads = cell.cell_type == "markdown" and cell.source.rstrip().endswith(":")
    return f'<aside class="notes">\n{shown}{folded}</aside>\n' if shown else ""


def _cell(cell: NotebookNode, told: Mapping[str, str]) -> str:
    if cell.cell_type == "markdown":
        shown = _words(cell.source)
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
