"""Leads from the words of a lesson to the glossary, `docs/glossary.md`, on the site."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

GLOSSARY = Path(__file__).parent.parent / "docs" / "glossary.md"
_ENTRY = re.compile(r'^<a id="([a-z0-9-]+)"></a>\*\*(.+?)\*\*:', flags=re.MULTILINE)
# Left as they are: blocks of code, code in a line, links and pictures, headings, HTML. Else: what is bold.
_BOLD = re.compile(
    r"```.*?```|`[^`\n]*`|!?\[[^\]\n]*\]\([^)\n]*\)|^#+ [^\n]*|<a\b.*?</a>|<[^>\n]+>|\*\*(?P<words>[^*\n]+)\*\*",
    flags=re.DOTALL | re.MULTILINE,
)


@cache
def anchors() -> dict[str, str]:
    """Return the anchor of each term of the glossary, in small letters, in the order of the page."""
    return {term.lower(): anchor for anchor, term in _ENTRY.findall(GLOSSARY.read_text(encoding="utf-8"))}


def term_of(words: str) -> str | None:
    """Return the term of the glossary that `words` are, in the singular, or None.

    Examples
    --------
    >>> term_of("Chunks"), term_of("processes"), term_of("loses data silently")
    ('chunk', 'process', None)
    """
    small = words.lower()
    return next(
        (term for term in (small, small.removesuffix("s"), small.removesuffix("es")) if term in anchors()), None
    )


def linked(text: str, seen: set[str]) -> str:
    """Return the Markdown of a cell, where each term that is bold for the first time leads to the glossary.

    Parameters
    ----------
    text : str
        The source of a Markdown cell of a lesson.
    seen : set of str
        The terms that were linked earlier in this lesson; those of this cell are added.

    Returns
    -------
    str
        The same with links. They are HTML: Sphinx would look for the anchors of Markdown links among headings only.

    Examples
    --------
    >>> print(linked("A **chunk** lies in a *store*. **Chunks** are read whole.", set()))
    A <a href="../glossary.html#chunk">**chunk**</a> lies in a *store*. **Chunks** are read whole.
    """

    def link(found: re.Match[str]) -> str:
        term = term_of(found["words"] or "")
        if term is None or term in seen:
            return found[0]
        seen.add(term)
        return f'<a href="../glossary.html#{anchors()[term]}">{found[0]}</a>'

    return _BOLD.sub(link, text)
