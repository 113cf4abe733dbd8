"""Draw which chunks of an array a selection touches (lessons 00 and 03)."""

from helpers.figures.chunks import draw_chunks
from helpers.figures.streams import RingPicture, draw_ring

__all__ = ["RingPicture", "draw_chunks", "draw_ring"]
