"""Tests of `helpers.append`."""
