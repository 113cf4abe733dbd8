"""Tests of `helpers.parallel`."""
