"""Finds the program that plays Azure Blob Storage in the lessons."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["AZURITE_MISSING", "azure_program"]

NODE_MODULES = Path(__file__).parent.parent / "servers" / "node_modules"
AZURITE_MISSING = (
    "No Azurite was found: the cells that talk to Azure need it, all others do not. Install Node.js 20 or later "
    "(https://nodejs.org), then run `make azurite`. On Windows, do both in WSL."
)


def azure_program(path: str | None = None) -> Path | None:
    """Return the program that plays Azure, Azurite, or None where there is none.

    Parameters
    ----------
    path : str, optional
        The folders to look in first, written like the environment variable PATH, which is the default.

    Returns
    -------
    pathlib.Path or None
        ``azurite-blob`` on PATH, else the one that `make azurite` installs; None without Node.js to run it,
        and on Windows.

    Examples
    --------
    >>> program = azure_program()
    >>> program is None or program.stem == "azurite-blob"
    True
    """
    if os.name != "posix" or shutil.which("node", path=path) is None:
        return None
    found = shutil.which("azurite-blob", path=path) or shutil.which("azurite-blob", path=str(NODE_MODULES / ".bin"))
    return Path(found) if found else None
