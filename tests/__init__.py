"""Tests of the helpers, the lessons and the project."""
