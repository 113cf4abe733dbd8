"""Streams frames through a bounded ring: `FrameWriter` publishes them, `FrameReader` reads them, both safely.

A **frame** is one 2-D array; its **step** is its number, 0, 1, 2 and so on; a **slot** is where it lies in the
**ring**: step n in slot n % slots, where it replaces the oldest frame. The ring is three plain Zarr arrays of fixed
size, so nothing grows, nothing is deleted, and nothing has to be listed. `helpers.ring_documents` says which.
"""

from __future__ import annotations

from helpers.frame_reader import FrameReader
from helpers.frame_writer import FrameWriter

__all__ = ["FrameReader", "FrameWriter"]
