"""Tests of helpers.teach.judge_layouts: right, wrong, empty, raising and endless answers."""
