"""FRONT append."""

from helpers.append.append import Appended, append, verify
from helpers.append.archive import PRESENT, ROOT, Archive, begin
from helpers.append.axis import UNITS, Axis, Step, distance, require_sorted
from helpers.append.commits import Commit, append_commit, commit, compare_appends, open_repository
from helpers.append.follow import Batch, follow
from helpers.append.program import rain_time
from helpers.append.store import get, get_many, in_transaction, innermost, keys, open_store, put
from helpers.append.watch import Journal, main, watch
from helpers.append.write import LOCK, Block, Claim, Lock, cut, differing, locked, mark, plan, run, write, writing

__all__ = [
    "LOCK",
    "PRESENT",
    "ROOT",
    "UNITS",
    "Appended",
    "Archive",
    "Axis",
    "Batch",
    "Block",
    "Claim",
    "Commit",
    "Journal",
    "Lock",
    "Step",
    "append",
    "append_commit",
    "begin",
    "commit",
    "compare_appends",
    "cut",
    "differing",
    "distance",
    "follow",
    "get",
    "get_many",
    "in_transaction",
    "innermost",
    "keys",
    "locked",
    "main",
    "mark",
    "open_repository",
    "open_store",
    "plan",
    "put",
    "rain_time",
    "require_sorted",
    "run",
    "verify",
    "watch",
    "write",
    "writing",
]
