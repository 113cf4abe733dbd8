"""Predict what a selection of a chunked array costs before anything is read: requests, bytes, seconds and dollars.

`plan_read` and `plan_write` need shape, dtype, chunks and selection, and know what zarr asks of a store, shards
included; `suggest_chunks` tries the chunk shapes in between and ranks them for a mix of reads. Lesson 03 builds on it;
00, 07, 08 and 12 use it for arrays too large to make. That the predictions are what is counted is tested for any
basic selection of any layout, and for lists, masks, points and blocks.
"""

from helpers.cost.plans import S3_STANDARD, Prices, ReadPlan, WritePlan, plan_read, plan_write
from helpers.cost.selections import Indexer, Selection
from helpers.cost.suggest import Suggestion, suggest_chunks

__all__ = [
    "S3_STANDARD",
    "Indexer",
    "Prices",
    "ReadPlan",
    "Selection",
    "Suggestion",
    "WritePlan",
    "plan_read",
    "plan_write",
    "suggest_chunks",
]
