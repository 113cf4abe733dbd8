"""Tests of `helpers.life`."""
