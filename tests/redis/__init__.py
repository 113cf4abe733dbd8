"""Tests of `helpers.redis`."""
