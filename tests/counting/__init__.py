"""Tests of `helpers.counting`."""
