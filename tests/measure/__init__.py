"""Tests of `helpers.measure`."""
