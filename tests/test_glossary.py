"""Tests of docs/glossary.md and tools.glossary: each word is where the page says, and lessons lead to it."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from tools import glossary
from tools.lessons import read_lessons
from tools.site import ROOT

ENTRY = re.compile(
    r'<a id="(?P<anchor>[a-z0-9-]+)"></a>\*\*(?P<term>[^*]+)\*\*: (?P<told>.+) '
    r"First in \[(?P<number>\d\d)\]\(\.\./notebooks/(?P<file>[\w.]+)\)\."
)
PAGE = glossary.GLOSSARY.read_text(encoding="utf-8")
LESSONS = {lesson.number: lesson for lesson in read_lessons()}
PROSE = {number: "\n".join(cell.source for cell in lesson.cells("markdown")) for number, lesson in LESSONS.items()}


class Entry(NamedTuple):
    """One word of the glossary."""

    anchor: str
    term: str
    told: str
    number: str
    file: str


def entries() -> list[Entry]:
    """Read the glossary; each paragraph below the letters has to be an entry."""
    paragraphs = [" ".join(block.split()) for block in PAGE.split("\n## ", 1)[1].split("\n\n")]
    found = [ENTRY.fullmatch(block) for block in paragraphs if block.startswith("<a")]
    assert all(found)
    assert all(re.fullmatch(r"(## )?[A-Z]", block) for block in paragraphs if not block.startswith("<a"))
    return [Entry(**match.groupdict()) for match in found if match]


ENTRIES = entries()
# Words with their everyday meaning.
UNLISTED = {"geometry", "line", "operation", "plane"}


def bold(term: str, text: str) -> bool:
    """Return whether `term`, or its plural, stands in bold letters in `text`."""
    return re.search(rf"\*\*{re.escape(term)}(?:e?s)?\*\*", text, flags=re.IGNORECASE) is not None


def named(term: str, text: str) -> bool:
    """Return whether `text` has the word, in whatever letters; `chunk_grid` counts as *chunk grid*."""
    pattern = rf"(?<!\w){re.escape(term)}(?:e?s|ed)?(?!\w)"
    return re.search(pattern, text.replace("_", " "), flags=re.IGNORECASE) is not None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.anchor)
def test_a_word_is_first_explained_where_the_glossary_says(entry: Entry) -> None:
    """The lesson has it, and no lesson before has it in bold."""
    assert LESSONS[entry.number].path.name == entry.file
    assert named(entry.term, PROSE[entry.number]), f"lesson {entry.number} has no {entry.term!r}"
    before = [number for number, prose in PROSE.items() if number < entry.number and bold(entry.term, prose)]
    assert not before, f"lesson {before[0]} explains {entry.term!r} before lesson {entry.number}"


def test_the_glossary_is_in_order_and_says_enough() -> None:
    """By the alphabet, under its letter, each word once, in one to three sentences that are not too long."""
    keys = [re.sub(r"\W", "", entry.term.lower()) for entry in ENTRIES]
    assert keys == sorted(set(keys))
    assert len(ENTRIES) >= 110
    for entry in ENTRIES:
        assert entry.anchor == re.sub(r"[^a-z0-9]+", "-", entry.term.lower())
        assert f"\n## {entry.term[0].upper()}\n" in PAGE[: PAGE.index(f'<a id="{entry.anchor}">')]
        assert entry.told[0] in f"*{entry.told[0].upper()}", entry
        assert entry.told.endswith((".", "*")), entry
        assert len(entry.told.split()) <= 50, entry
    letters = re.findall(r'<a href="#([a-z])">', PAGE)
    assert (
        letters == sorted({key[0] for key in keys}) == [x.lower() for x in re.findall(r"^## (.)$", PAGE, re.MULTILINE)]
    )


@pytest.mark.parametrize(
    "text",
    [
        "`a **chunk**` and [**chunk**](x.md), ![a **chunk**](x.png)",
        "## The **chunk**",
        "```python\nx = '**chunk**'\n\n**chunk**\n```",
        '<a href="x">**chunk**</a>',
        "**A chunk is read whole.** It is *a chunk*.",
    ],
)
def test_code_links_and_headings_are_left_alone(text: str) -> None:
    """And sentences in bold letters are no words of the glossary."""
    seen: set[str] = set()
    assert glossary.linked(text, seen) == text
    assert not seen


def test_each_word_leads_to_the_glossary_once_a_lesson() -> None:
    """Also in the plural, in a list, beside code; a second cell knows what the first linked."""
    seen: set[str] = set()
    first = glossary.linked("- **Chunks** of `z` under **keys**, and **chunk**s.", seen)
    assert first.count("<a href") == 2
    assert '<a href="../glossary.html#chunk">**Chunks**</a>' in first
    assert glossary.linked("A **chunk**, a **fill value**.", seen) == (
        'A **chunk**, a <a href="../glossary.html#fill-value">**fill value**</a>.'
    )
    assert seen == {"chunk", "key", "fill value"}


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_gains_links_and_nothing_else(number: str) -> None:
    """Without the links it is the lesson as it was; each leads to a word of the page."""
    cells, seen = LESSONS[number].cells("markdown"), set[str]()
    made = [glossary.linked(cell.source, seen) for cell in cells]
    anchors = re.findall(r'<a href="\.\./glossary\.html#([a-z0-9-]+)">', "\n".join(made))
    assert len(anchors) == len(set(anchors)) == len(seen) > 2
    assert set(anchors) <= {entry.anchor for entry in ENTRIES}
    plain = [re.sub(r'<a href="\.\./glossary\.html[^>]*>(.*?)</a>', r"\1", text) for text in made]
    assert plain == [cell.source for cell in cells]


def test_every_word_that_the_lessons_explain_is_asked_for() -> None:
    """A word of at most three words that a sentence makes bold as *a **word*** is in the glossary."""
    explained = {
        words for text in PROSE.values() for words in re.findall(r"\b(?:A|An|a|an) \*\*([a-z][a-z -]+)\*\*", text)
    }
    missing = {words for words in explained if len(words.split()) <= 3 and glossary.term_of(words) is None}
    assert missing <= UNLISTED, f"put into docs/glossary.md: {sorted(missing - UNLISTED)}"


def test_the_readme_leads_to_it() -> None:
    """From the first page one gets here."""
    assert "docs/glossary.md" in (ROOT / "README.md").read_text(encoding="utf-8")
