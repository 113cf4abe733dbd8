"""Tests of `helpers.cost`."""
