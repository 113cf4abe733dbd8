"""Judges what is made in lessons 08, 09 and 14: writers, task graphs and labelled archives."""

from __future__ import annotations
