"""Grow a Zarr archive along one dimension: whole at every instant, the same when run twice, resumable.

Used by lessons 12 (append in time) and 13 (keep an archive growing). `append` adds steps on plain Zarr, one writer at a
time; `append_commit` does it as a commit of Icechunk. `follow` is the loop around a provider, `verify` and `watch`
doubt the result. ``python -m helpers.append`` is the program.
"""

from helpers.append.append import append
from helpers.append.commits import append_commit, commit, open_repository
from helpers.append.follow import follow, rain_time
from helpers.append.store import open_store
from helpers.append.verify import verify, watch

__all__ = [
    "append",
    "append_commit",
    "commit",
    "follow",
    "open_repository",
    "open_store",
    "rain_time",
    "verify",
    "watch",
]
