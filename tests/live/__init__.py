"""Tests of `helpers.live`."""
