"""Tests of `helpers.teach`."""
