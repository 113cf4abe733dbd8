"""Tests that no lesson gives away a key, a signature or an address of the machine that rendered it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from helpers.servers import ACCESS_KEY_ID, ACCOUNT_KEY, SECRET_ACCESS_KEY
from tests.notebooks import notebook_of
from tools.canonical import KEPT_MIME_TYPES
from tools.lessons import Lesson, read_lessons
from tools.render import render

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

LESSONS = read_lessons()
SECRETS = (ACCESS_KEY_ID, SECRET_ACCESS_KEY, ACCOUNT_KEY)
LEAKS = {
    "a key of our servers": re.compile("|".join(map(re.escape, SECRETS))),
    "an access key of AWS": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a key of Azure": re.compile(r"AccountKey=|SharedAccessKey|\b[A-Za-z0-9+/]{86}=="),
    "a key of Google": re.compile(r"\bAIza[\w-]{35}|\bya29\.[\w-]{20}"),
    "a private key": re.compile(r"PRIVATE KEY-----"),
    "a secret by its name": re.compile(r"(?i)(?:secret|password|token)\w*['\"]?\s*[=:]\s*['\"]?[\w/+-]{8}"),
    "a signature": re.compile(r"(?i)X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)|[?&](?:sig|signature)="),
    "an authorization": re.compile(r"(?i)AWS4-HMAC-SHA256|\bBearer [\w.-]{8}|SharedKey \w+:"),
    "a password in an address": re.compile(r"\w://[^/\s:@]*:[^/\s@]+@"),
    "a port": re.compile(r"(?i)(?:127(?:\.\d+){3}|localhost|\[::1?\]|0\.0\.0\.0):\d+|\bport\W{1,3}\d{4,5}\b"),
}
EXAMPLES = {
    "a key of our servers": [f"'{SECRET_ACCESS_KEY}'", ACCOUNT_KEY, ACCESS_KEY_ID],
    "an access key of AWS": ["AKIA" + "Q3EGRZ7TYUOPLKJH", "ASIA" + "Q3EGRZ7TYUOPLKJH"],
    "a key of Azure": ["AccountName=a;AccountKey=b", "q" * 86 + "=="],
    "a key of Google": ["AIza" + "b" * 35, "ya29." + "c" * 30],
    "a private key": ["-----BEGIN RSA PRIVATE KEY-----"],
    "a secret by its name": ["{'secret': 'abcdefgh'}", "aws_secret_access_key = abcdefgh", "?token=0123456789abcdef"],
    "a signature": ["https://a/b?X-Amz-Signature=0af", "x-amz-credential", "https://a/b?sv=2020&sig=0af"],
    "an authorization": ["AWS4-HMAC-SHA256 Credential=", "Authorization: Bearer abcdefgh.i"],
    "a password in an address": ["redis://:pass@host/0", "https://me:pass@host/"],
    "a port": ["http://127.0.0.1:43543/reef", "localhost:8888", "[::1]:80", "host='127.0.0.1', port=42253"],
}


def texts(notebook: NotebookNode) -> list[str]:
    """Return everything that can be read in the outputs of a notebook: printed, shown and raised."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shown = output.get("data", {})
            assert set(shown) <= set(KEPT_MIME_TYPES)  # a PNG is a picture: nothing in it can be searched
            found += [str(value) for kind, value in shown.items() if kind.startswith("text/")]
            found += [str(output[part]) for part in ("text", "ename", "evalue", "traceback") if part in output]
    return found


def leaks(text: str) -> list[str]:
    """Return what a text gives away, by the names of `LEAKS`."""
    return [name for name, pattern in LEAKS.items() if pattern.search(text)]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_no_lesson_gives_anything_away(lesson: Lesson) -> None:
    """Neither a key nor a secret, a signature or a port is in a stored output."""
    written = "".join(cell.source for cell in lesson.cells("code"))
    for text in texts(lesson.notebook):
        found = leaks(text)
        if all(port in written for port in LEAKS["a port"].findall(text)):  # the author's, not this machine's
            found = [name for name in found if name != "a port"]
        assert not found, text


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_no_cell_holds_a_key(lesson: Lesson) -> None:
    """A lesson that tells people to keep keys out of cells does so itself."""
    for cell in lesson.notebook.cells:
        assert not any(secret in cell.source for secret in SECRETS)


@pytest.mark.parametrize("name", LEAKS)
def test_each_leak_would_be_found(name: str) -> None:
    """Else the tests above could not fail."""
    for example in EXAMPLES[name]:
        assert name in leaks(f"before {example} after"), example


def test_leaks_are_found_wherever_they_are_shown(tmp_path: Path) -> None:
    """In a result, a print, an error and a log: what a cell shows through `tools.render` is searched."""
    address = "'http://127.0.0.1:' + str(40000 + 321)"
    sources = [address, f"print({address})", f"raise ValueError({address})", f"import sys; sys.stderr.write({address})"]
    rendered = render(notebook_of(*sources, tags={2: "raises-exception"}), folder=tmp_path)
    for cell in rendered.cells:
        assert any(leaks(text) for text in texts(notebook_of_outputs(cell))), cell.source


def notebook_of_outputs(cell: NotebookNode) -> NotebookNode:
    """Return a notebook of one cell that was executed already."""
    notebook = notebook_of("")
    notebook.cells = [cell]
    return notebook
