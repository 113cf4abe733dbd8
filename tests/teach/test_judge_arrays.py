"""Tests of helpers.teach.judge_arrays: right, wrong, empty, raising and endless answers."""
