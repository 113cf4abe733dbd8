"""FRONT cost."""

from helpers.cost.plans import S3_STANDARD
from helpers.cost.selections import Picks, Selection, count_covered, count_touched, parse_grid, parse_selection
from helpers.cost.shards import ShardReads, read_shards
from helpers.cost.suggest import plan_read, plan_write, suggest_chunks

__all__ = [
    "S3_STANDARD",
    "Picks",
    "Selection",
    "ShardReads",
    "count_covered",
    "count_touched",
    "parse_grid",
    "parse_selection",
    "plan_read",
    "plan_write",
    "read_shards",
    "suggest_chunks",
]
