"""Tests of `helpers.readers`."""
