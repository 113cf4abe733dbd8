"""Tell learners on the spot how they are doing.

`check` says in every lesson whether the answer to an exercise is right; authors print the digest of an answer with
``python -m helpers.teach NN.name ANSWER``. `run_suite`, `draw_suites` and `read_elsewhere` try out the stores that are
written in lesson 06: with zarr's own tests, and from another process. `SQLiteStore` is the one that it ends with.
"""

from helpers.teach.exercises import check, digest
from helpers.teach.judges import makes
from helpers.teach.sqlite_store import SQLiteStore
from helpers.teach.suite import SuiteReport, draw_suites, read_elsewhere, run_suite

__all__ = ["SQLiteStore", "SuiteReport", "check", "digest", "draw_suites", "makes", "read_elsewhere", "run_suite"]
