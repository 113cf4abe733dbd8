"""Judges what is made in lessons 03 and 04: chunks, shards and codecs."""

from __future__ import annotations
