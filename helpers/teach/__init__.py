"""FRONT teach."""

from helpers.teach.exercises import check, digest
from helpers.teach.suite import SuiteReport, draw_suites, read_elsewhere, run_suite

__all__ = ["SuiteReport", "check", "digest", "draw_suites", "read_elsewhere", "run_suite"]
