"""Tests of `helpers.servers`."""
