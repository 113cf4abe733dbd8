"""Judges what is made in lessons 05 to 07: groups and stores."""

from __future__ import annotations
