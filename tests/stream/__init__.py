"""Tests of `helpers.stream`."""
