"""Is a writer that appends to a repository of Icechunk, in a process of its own, beside others.

It makes some commits of one step each. Writers take turns on the axis, so that they write to the same chunks.
"""

from __future__ import annotations

import sys

from helpers.append import append_commit, open_repository
from tests.append_pieces import CHUNKS, piece


def place_of(number: int, turn: int, *, writers: int) -> int:
    """Return the step that a writer appends at its turn; step 0 begins the archive."""
    return 1 + turn * writers + number


def main(url: str, number: int, commits: int, *, writers: int) -> int:
    """Append, and return how often a step had to be appended again."""
    repository = open_repository(url)
    print("ready", flush=True)
    sys.stdin.readline()
    redone = 0
    for turn in range(commits):
        place = place_of(number, turn, writers=writers)
        done = append_commit(repository, piece([place]), message=f"{number}, {turn}", chunks=CHUNKS, step="3h")
        assert done.result.added == 1
        redone += done.redone
    return redone


if __name__ == "__main__":
    url, *numbers = sys.argv[1:]
    number, commits, writers = map(int, numbers)
    print(main(url, number, commits, writers=writers), flush=True)
