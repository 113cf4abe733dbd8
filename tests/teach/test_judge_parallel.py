"""Tests of helpers.teach.judge_parallel: right, wrong, empty, raising and endless answers."""
