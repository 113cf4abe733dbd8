"""Judges what is made in lessons 10 to 13: streams and archives that grow."""

from __future__ import annotations
