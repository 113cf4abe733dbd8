"""Draw the diagrams of the lessons from real arrays, stores and plans: one module for each group of lessons."""

from helpers.figures.arrays import (
    draw_files,
    draw_key_value,
    draw_order,
    draw_regions,
    draw_resize,
    draw_strides,
    draw_views,
    draw_workers,
)
from helpers.figures.chunks import draw_chunks
from helpers.figures.ecosystem import draw_pyramid, draw_references
from helpers.figures.growing import draw_append, draw_commits, draw_last_chunk, draw_writers
from helpers.figures.layouts import draw_chain, draw_codecs, draw_shard, draw_shuffle, draw_suggestions
from helpers.figures.parallel import draw_labels, draw_pieces_over_chunks, draw_task_graph, draw_two_writers
from helpers.figures.stores import draw_read, draw_requests, draw_tree
from helpers.figures.streams import RingPicture, draw_ring

__all__ = [
    "RingPicture",
    "draw_append",
    "draw_chain",
    "draw_chunks",
    "draw_codecs",
    "draw_commits",
    "draw_files",
    "draw_key_value",
    "draw_labels",
    "draw_last_chunk",
    "draw_order",
    "draw_pieces_over_chunks",
    "draw_pyramid",
    "draw_read",
    "draw_references",
    "draw_regions",
    "draw_requests",
    "draw_resize",
    "draw_ring",
    "draw_shard",
    "draw_shuffle",
    "draw_strides",
    "draw_suggestions",
    "draw_task_graph",
    "draw_tree",
    "draw_two_writers",
    "draw_views",
    "draw_workers",
    "draw_writers",
]
