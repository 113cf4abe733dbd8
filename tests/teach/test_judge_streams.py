"""Tests of helpers.teach.judge_streams: right, wrong, empty, raising and endless answers."""
