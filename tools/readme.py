"""Makes the parts of README.md and its like that repeat what stands elsewhere: `python -m tools.readme`.

The lessons say their own title and minutes, ``pyproject.toml`` names the public address: both are
written here, and a test fails when a file differs from what this module would make.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from tools import memory, paths
from tools.lessons import Lesson, read_lessons

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PATHS = ROOT / "docs" / "paths.md"
CITATION = ROOT / "CITATION.cff"
PLACEHOLDER = "OWNER"


def repository() -> str:
    """Return the public address of this repository: the one setting that names it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)
    return str(settings["tool"]["zarr-notebooks"]["repository"])


def table(lessons: list[Lesson]) -> str:
    """Return the table of lessons in Markdown."""
    rows = [
        "| # | lesson | what you will do | minutes | memory | before it | network |",
        "|---|---|---|---|---|---|---|",
    ]
    peaks = memory.kept()
    for lesson in lessons:
        before = re.sub(r"\]\((\d\d_)", r"](notebooks/\1", lesson.before)
        link = f"[{lesson.title}](notebooks/{lesson.path.name})"
        taken = f"{lesson.minutes} (+ {lesson.optional})" if lesson.optional else str(lesson.minutes)
        needs = f"{taken} | {peaks.get(lesson.number, '?')} MB | {before} | {lesson.network}"
        rows.append(f"| {lesson.number} | {link} | {lesson.makes} | {needs} |")
    return "\n".join(rows)


def badge(address: str) -> str:
    """Return the Binder badge, or why there is none yet."""
    if PLACEHOLDER in address:
        return "*(The button for Binder appears here when the repository has its public address.)*"
    path = address.removeprefix("https://github.com/")
    launch = f"https://mybinder.org/v2/gh/{path}/HEAD?urlpath=lab/tree/notebooks"
    return f"[![Start the lessons on Binder](https://mybinder.org/badge_logo.svg)]({launch})"


def clone(address: str) -> str:
    """Return the shell lines that bring the lessons onto a machine."""
    lines = f"```shell\ngit clone {address}\ncd {address.rsplit('/', 1)[1]}\nmake lab\n```"
    if PLACEHOLDER not in address:
        return lines
    return f"{lines}\n\n*({PLACEHOLDER} stands for a name that is not settled yet.)*"


def fill(text: str, parts: dict[str, str]) -> str:
    """Put each part between its two markers in `text`, ``<!-- made: NAME -->`` and ``<!-- end -->``.

    Raises
    ------
    ValueError
        When `text` lacks the markers of a part.
    """
    for name, part in parts.items():
        begin, end = f"<!-- made: {name} -->\n", "<!-- end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        text = f"{before}{begin}{part}\n{end}{after}"
        if not (found and closed):
            msg = f"the text has no lines `<!-- made: {name} -->` and `<!-- end -->`. Put them in."
            raise ValueError(msg)
    return text


def readme(text: str) -> str:
    """Return the README with its made parts renewed."""
    address = repository()
    lessons = read_lessons()
    parts = {"badge": badge(address), "clone": clone(address), "lessons": table(lessons)}
    return fill(text, {**parts, "paths": paths.table(lessons, "notebooks/")})


def paths_page(text: str) -> str:
    """Return the page of paths with its table renewed."""
    return fill(text, {"paths": paths.table(read_lessons(), "../notebooks/")})


def citation(text: str) -> str:
    """Return the citation file with the address renewed."""
    return re.sub(r"^repository-code: .*$", f'repository-code: "{repository()}"', text, flags=re.MULTILINE)


def main() -> int:
    """Write the files and say which changed."""
    paths.PICTURE.write_text(paths.picture(read_lessons()), encoding="utf-8", newline="\n")
    for path, renew in ((README, readme), (PATHS, paths_page), (CITATION, citation)):
        before = path.read_text(encoding="utf-8")
        after = renew(before)
        if after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
        print(f"{path.name}: {'unchanged' if after == before else 'written'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
