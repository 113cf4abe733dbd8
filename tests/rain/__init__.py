"""Tests of `helpers.rain`."""
