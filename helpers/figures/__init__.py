"""Draw which chunks of an array a selection touches (lessons 00 and 03)."""

from helpers.figures.chunks import draw_chunks

__all__ = ["draw_chunks"]
