"""Checks notebooks without running them, for a pre-commit hook: `python -m tools.stored NOTEBOOK ...`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat.validator import iter_validate

from tools.canonical import stored_faults

if TYPE_CHECKING:
    from collections.abc import Sequence


def faults_of(path: Path) -> list[str]:
    """Return what is wrong with a notebook: it is none, or its outputs are not as `make render` stores them."""
    text = path.read_text(encoding="utf-8")
    try:
        invalid = next(iter_validate(json.loads(text)), None)
    except json.JSONDecodeError as error:
        invalid = error
    if invalid is not None:
        return [f"it is no valid notebook: {str(invalid).splitlines()[0]}"]
    return stored_faults(nbformat.reads(text, as_version=4))


def main(arguments: Sequence[str]) -> int:
    """Print what is wrong with the notebooks named, one line each; return 1 when something is."""
    found = [(Path(name), fault) for name in arguments for fault in faults_of(Path(name))]
    for path, fault in found:
        print(f"{path.name}: {fault}. Run `make render NB={path.name[:2]}`.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
