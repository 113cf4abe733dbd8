"""Tests of helpers.teach.judge_stores: right, wrong, empty, raising and endless answers."""
