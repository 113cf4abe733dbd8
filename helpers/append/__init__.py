"""Grow a Zarr archive along one dimension: whole at every instant, the same when run twice, resumable.

Used by lesson 12 (append in time). `append` adds steps on plain Zarr, one writer at a time; `append_commit` does it
as a commit of Icechunk. `follow` is the loop around a provider, `verify` and `watch` doubt the result, and `WriteLog`
keeps each moment of a store. ``python -m helpers.append`` is the program.
"""

from helpers.append.append import Appended, append
from helpers.append.commits import Commit, append_commit, commit, open_repository
from helpers.append.follow import Batch, follow, rain_time
from helpers.append.store import locked, open_store
from helpers.append.verify import Report, Sight, WriteLog, verify, watch

__all__ = [
    "Appended",
    "Batch",
    "Commit",
    "Report",
    "Sight",
    "WriteLog",
    "append",
    "append_commit",
    "commit",
    "follow",
    "locked",
    "open_repository",
    "open_store",
    "rain_time",
    "verify",
    "watch",
]
