"""Tests of tools.slides: what is on which slide, that nothing is left out silently, and that the page needs nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import nbformat
import nbformat.v4 as nbf
import pytest

from tools.canonical import canonical_outputs
from tools.lessons import NOTEBOOKS, Lesson, read_lesson, read_lessons
from tools.slides import OUTPUT_ONLY, REVEAL_MISSING, Slide, main, read_columns, slides_page, write_index, write_slides

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

PNG = "iVBORw0KGgo="


@pytest.fixture
def reveal(tmp_path: Path) -> Path:
    """Give a folder that looks like reveal.js, so that npm is not needed."""
    folder, notes = tmp_path / "dist", tmp_path / "plugin" / "notes"
    folder.mkdir()
    notes.mkdir(parents=True)
    (notes / "notes.js").write_text("var RevealNotes='<html></html></script>'\n")
    (folder / "reset.css").write_text("reset{}")
    (folder / "reveal.css").write_text("reveal{}")
    (folder / "reveal.js").write_text("var s='</script>';\n//# sourceMappingURL=reveal.js.map\n")
    return folder


def markdown(source: str, kind: str | None = None) -> NotebookNode:
    """Return a cell of text."""
    cell: NotebookNode = nbf.new_markdown_cell(source)
    return typed(cell, kind)


def code(source: str, *outputs: NotebookNode, kind: str | None = None) -> NotebookNode:
    """Return a cell of code."""
    cell: NotebookNode = nbf.new_code_cell(source, outputs=list(outputs))
    return typed(cell, kind)


def typed(cell: NotebookNode, kind: str | None) -> NotebookNode:
    """Set the slide type."""
    if kind is not None:
        cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def lesson(*cells: NotebookNode) -> Lesson:
    """Return a lesson of these cells."""
    notebook: NotebookNode = nbf.new_notebook(cells=list(cells))
    return Lesson(NOTEBOOKS / "99_none.ipynb", notebook, "A < B", "nothing", "nothing", 1, "none")


def sources(columns: list[list[Slide]]) -> list[list[list[str]]]:
    """Return the text of each cell of each slide."""
    return [[[cell.source for cell in slide.cells] for slide in column] for column in columns]


def notes(page: str) -> list[str]:
    """Return the notes of each slide of a page, without tags."""
    slides = re.findall(r"<section.*?</section>", page, flags=re.DOTALL)
    found = ["".join(re.findall(r'<aside class="notes">(.*?)</aside>', each, flags=re.DOTALL)) for each in slides]
    return [" ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in found]


def test_slide_types_begin_and_end_slides() -> None:
    """A `slide` goes right, a `subslide` down, `skip` and `notes` are left out, and everything else goes on."""
    cells = [
        markdown("a", "slide"),
        code("b"),
        markdown("c", "subslide"),
        markdown("d", "fragment"),
        markdown("no", "skip"),
        markdown("no", "notes"),
        code("e", kind="-"),
        markdown("f", "slide"),
    ]
    assert sources(read_columns(lesson(*cells).notebook)) == [[["a", "b"], ["c", "d", "e"]], [["f"]]]


def test_a_notebook_may_begin_without_a_slide() -> None:
    """Its first cell begins one."""
    assert sources(read_columns(lesson(markdown("a"), markdown("b", "subslide")).notebook)) == [[["a"], ["b"]]]


def test_an_unknown_slide_type_is_refused() -> None:
    """A misspelled one would move a cell to another slide without a word."""
    with pytest.raises(ValueError, match="slide_type='slides'"):
        read_columns(lesson(markdown("a", "slides")).notebook)


def test_nothing_on_any_slide_is_refused() -> None:
    """A page without slides helps nobody."""
    with pytest.raises(ValueError, match="no cell is on a slide"):
        read_columns(lesson(markdown("a", "skip")).notebook)


def test_all_kinds_of_output_are_shown(reveal: Path) -> None:
    """Text, pictures with words for those who cannot see them, what was printed, and errors; all escaped."""
    outputs = [
        {"output_type": "execute_result", "data": {"text/plain": "<Array>"}, "metadata": {}, "execution_count": 1},
        {"output_type": "stream", "name": "stdout", "text": "1 < 2"},
        {"output_type": "error", "ename": "MemoryError", "evalue": "no <room>", "traceback": []},
        {"output_type": "display_data", "data": {"image/png": PNG, "text/plain": "<Figure>"}, "metadata": {}},
    ]
    nodes = [nbformat.from_dict(each) for each in outputs]
    page = slides_page(lesson(code("x < y", *nodes), markdown('*The picture: a "cat".* Nice.', "skip")), reveal=reveal)
    assert "&lt;Array&gt;" in page
    assert "1 &lt; 2" in page
    assert "MemoryError: no &lt;room&gt;" in page
    assert f'<img alt="a &quot;cat&quot;." src="data:image/png;base64,{PNG}">' in page
    assert "&lt;Figure&gt;" not in page
    assert "<title>A &lt; B</title>" in page


def test_a_fragment_waits_for_a_key(reveal: Path) -> None:
    """Only what is marked."""
    page = slides_page(lesson(markdown("now", "slide"), markdown("later", "fragment")), reveal=reveal)
    assert len(re.findall(r'<div class="fragment"><p>later', page)) == 1
    assert page.count('class="fragment"') == 1


def test_a_picture_may_stand_without_its_code(reveal: Path) -> None:
    """A tag of the cell says so; its words stay, and so does what it printed."""
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "1 < 2"},
        {"output_type": "display_data", "data": {"image/png": PNG}, "metadata": {}},
    ]
    cell = code("long_code()", *(nbformat.from_dict(each) for each in outputs))
    cells = [markdown("## Title"), cell, markdown("*The picture: a cat.*", "skip")]
    assert "long_code" in slides_page(lesson(*cells), reveal=reveal)
    cell.metadata["tags"] = [OUTPUT_ONLY]
    page = slides_page(lesson(*cells), reveal=reveal)
    assert "long_code" not in page
    assert '<img alt="a cat."' in page
    assert "1 &lt; 2" in page


def test_notes_are_the_prose_that_follows_a_slide(reveal: Path) -> None:
    """And cells typed `notes`, up to the next slide; without the long code, the solutions and the exercises."""
    cells = [
        markdown("# First", "slide"),
        markdown("Say this.", "notes"),
        markdown("Read <it>, then [run](01.ipynb) it:", "skip"),
        code("short()", kind="skip"),
        code("no_colon_before()", kind="skip"),
        markdown("Much code:", "skip"),
        code("long()\n" * 4, kind="skip"),
        markdown("## Not on a slide", "skip"),
        markdown("### Below it", "skip"),
        markdown("# Second", "subslide"),
        markdown("## On your own", "slide"),
        markdown("An exercise.", "skip"),
        markdown("**Solution:** 42.", "skip"),
        markdown("Ask them.", "notes"),
        markdown("## In practice", "skip"),
        markdown("**Solution:** 43.", "skip"),
        markdown("Fine print.", "skip"),
    ]
    page = slides_page(lesson(*cells), reveal=reveal)
    assert notes(page) == [
        "Say this. Read , then run it: short() Much code: Not on a slide Below it",
        "",
        "Ask them. In practice Fine print.",
    ]
    assert page.count("<aside") == 2
    assert page.count("<details><summary>") == page.count("</details>") == 2


def test_notes_leave_a_slide_as_it_is(reveal: Path) -> None:
    """A slide of words stays one, whatever is in its notes."""
    page = slides_page(
        lesson(markdown("words", "slide"), markdown("Run:", "skip"), code("x", kind="skip")), reveal=reveal
    )
    assert re.findall(r"<section.*?>", page) == ['<section class="words">']


def test_pictures_beside_the_notebook_go_into_the_page(reveal: Path) -> None:
    """Lesson 11 shows one; beside the slides there is none."""
    shown = '<img src="../images/life.png" alt="cells"> <source srcset="../images/life_still.png">'
    page = slides_page(lesson(markdown(shown, "slide"), markdown(shown, "skip")), reveal=reveal)
    assert "../images" not in page
    assert page.count("data:image/png;base64,") == 4


def test_slides_of_words_have_larger_ones(reveal: Path) -> None:
    """There is room for them."""
    page = slides_page(lesson(markdown("words", "slide"), markdown("with code", "slide"), code("x")), reveal=reveal)
    assert re.findall(r"<section.*?>", page) == ['<section class="words">', "<section>"]


def test_only_links_to_the_web_stay_links(reveal: Path) -> None:
    """The next lesson does not lie beside the slides."""
    page = slides_page(lesson(markdown("[01 Next](01_next.ipynb) [home](https://zarr.dev)")), reveal=reveal)
    assert "01 Next" in page
    assert re.findall(r'href="([^"]+)"', page) == ["data:,", "https://zarr.dev"]


def test_the_page_refers_to_no_file_and_asks_for_none(reveal: Path) -> None:
    """Neither script nor style nor picture from elsewhere; a script that holds an end tag does not end there."""
    page = slides_page(lesson(markdown("a")), reveal=reveal)
    assert not re.search(r'<(script|img|iframe)[^>]+src="(?!data:)|<link[^>]+href="(?!data:)|@import', page)
    assert "sourceMappingURL" not in page
    assert r"<\/script>" in page
    assert page.count("</script>") == 3


def test_without_reveal_one_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback."""
    monkeypatch.setattr("tools.slides.slides_page", lambda _: slides_page(lesson(markdown("a")), reveal=tmp_path))
    assert main(["00"]) == 1
    assert capsys.readouterr().err == f"{REVEAL_MISSING}\n"


def test_every_lesson_has_slides_with_notes(reveal: Path) -> None:
    """Three slides at least have words for the speaker, and none of them is a solution."""
    for each in read_lessons():
        said = [one for one in notes(slides_page(each, reveal=reveal)) if one]
        assert len(said) >= 3, each.number
        assert not [one for one in said if "Solution:" in one], each.number


def test_without_a_number_all_are_made_and_listed(
    tmp_path: Path, reveal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list links to each, with what the lesson makes and how many slides there are."""
    monkeypatch.setattr("tools.slides.slides_page", lambda each: slides_page(each, reveal=reveal))
    assert main([], tmp_path) == 0
    lessons = read_lessons()
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    linked = re.findall(r'href="([\w.]+)"', index)
    assert linked == [f"{each.path.stem}.html" for each in lessons]
    assert all((tmp_path / name).exists() for name in linked)
    assert [int(number) for number in re.findall(r"(\d+) slides?<p>", index)] == [
        sum(map(len, read_columns(each.notebook))) for each in lessons
    ]
    assert len(capsys.readouterr().out.splitlines()) == len(lessons) + 1


def test_the_list_holds_no_link_to_a_notebook(tmp_path: Path) -> None:
    """What a lesson makes is told in words."""
    made = write_index([lesson(markdown("a", "slide"))], tmp_path).read_text(encoding="utf-8")
    assert "99 A &lt; B</a>, 1 slide<p>" in made


def test_the_talk_becomes_slides(tmp_path: Path, reveal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every section of lesson 00 but the exercises and the fine print, each heading on a slide of its own."""
    path = NOTEBOOKS / "00_see_why_zarr.ipynb"
    monkeypatch.setattr("tools.slides.slides_page", lambda talk: slides_page(talk, reveal=reveal))
    page = write_slides(path, tmp_path / "new" / "folder").read_text(encoding="utf-8")
    notebook = read_lesson(path).notebook
    shown = "\n".join(cell.source for column in read_columns(notebook) for slide in column for cell in slide.cells)
    told = set(re.findall(r"^## (.+)$", "\n".join(c.source for c in notebook.cells), flags=re.MULTILINE))
    assert told - set(re.findall(r"^## (.+)$", shown, flags=re.MULTILINE)) == {
        "What you'll need",
        "On your own",
        "In practice",
    }
    assert "check(" not in shown
    for column in read_columns(notebook):
        for slide in column:
            headings = [cell for cell in slide.cells if cell.source.startswith("#")]
            assert headings in ([], [slide.cells[0]])
    assert len(re.findall(r"<section", page)) >= 25


def test_slide_types_survive_rendering() -> None:
    """What is stored is what was set: the metadata of a cell is none of `canonical_outputs`'s business."""
    stored = read_lesson(NOTEBOOKS / "00_see_why_zarr.ipynb").notebook
    kinds = {cell.metadata.get("slideshow", {}).get("slide_type") for cell in stored.cells}
    assert kinds == {None, "slide", "subslide", "skip"}
    assert all(list(cell.outputs) == canonical_outputs(cell.outputs) for cell in stored.cells if "outputs" in cell)
