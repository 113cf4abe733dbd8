"""FRONT figures."""

from helpers.figures.chunks import draw_chunks

__all__ = ["draw_chunks"]
