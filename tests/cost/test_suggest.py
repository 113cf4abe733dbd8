"""Tests of helpers.cost.suggest: suggested chunks are the best of their kind, and keep what they promise."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from helpers.cost import plan_read, suggest_chunks

# A 40-year hourly map, read as time series at a point and as maps.
HOURLY = (350_640, 721, 1440)
SERIES = np.s_[:, 300, 700]
MAP = np.s_[1000]


def test_one_kind_of_read_alone_gets_chunks_in_its_direction() -> None:
    """Published courses have it backwards: series want chunks long in time and small in space, maps the reverse."""
    assert suggest_chunks(HOURLY, "f4", [(MAP, 1)])[0].chunks == (1, 721, 1440)
    best = suggest_chunks(HOURLY, "f4", [(SERIES, 1)])[0].chunks
    assert best[0] == HOURLY[0]
    assert best[1] * best[2] <= 3


def test_both_reads_get_a_compromise_that_is_far_from_either_extreme() -> None:
    """Each read costs more than with chunks of its own, and far less than with those of the other."""
    best = suggest_chunks(HOURLY, "f4", [(SERIES, 1), (MAP, 1)])[0]
    for_series, for_maps = (suggest_chunks(HOURLY, "f4", [(read, 1)])[0] for read in (SERIES, MAP))
    for read, plan, other in ((SERIES, best.plans[0], for_maps), (MAP, best.plans[1], for_series)):
        assert plan == plan_read(HOURLY, "f4", best.chunks, read)
        assert plan.seconds() < plan_read(HOURLY, "f4", other.chunks, read).seconds() / 20
    assert max(best.each_seconds) < 2 * min(best.each_seconds)


def test_a_weight_moves_the_compromise() -> None:
    """Where series are read a hundred times as often, they become faster and maps slower."""
    even = suggest_chunks(HOURLY, "f4", [(SERIES, 1), (MAP, 1)])[0]
    series = suggest_chunks(HOURLY, "f4", [(SERIES, 100), (MAP, 1)])[0]
    assert series.each_seconds[0] < even.each_seconds[0]
    assert series.each_seconds[1] > even.each_seconds[1]
    assert math.isclose(series.seconds, np.average(series.each_seconds, weights=[100, 1]))


def test_a_smaller_target_is_kept_and_used() -> None:
    """No suggestion exceeds the target, none leaves more than half of it unused."""
    for target in (2**16, 2**20, 2**24):
        for suggestion in suggest_chunks(HOURLY, "f4", [(SERIES, 1), (MAP, 1)], target_nbytes=target):
            assert target / 2 < suggestion.nbytes <= target
            assert suggestion.nbytes == math.prod(suggestion.chunks) * 4


def test_suggestions_are_ranked_within_five_percent_and_limited() -> None:
    """Differences within the model's precision are left to evenness."""
    found = suggest_chunks(HOURLY, "f4", [(SERIES, 1), (MAP, 1)], limit=1000)
    seconds = [suggestion.seconds for suggestion in found]
    assert all(later > earlier / 1.05 for earlier, later in pairwise(seconds))
    assert seconds[0] < min(seconds) * 1.05
    assert len(set(found)) == len(found)
    assert suggest_chunks(HOURLY, "f4", [(SERIES, 1), (MAP, 1)], limit=3) == found[:3]


def test_with_shards_both_readers_wait_less_and_objects_are_few() -> None:
    """Lesson 03's archive: smaller chunks, fewer bytes, a sixtieth of the objects, and shards that keep their bound."""
    reads: list[tuple[Any, float]] = [(SERIES, 1), (MAP, 1)]
    alone = suggest_chunks(HOURLY, "f4", reads)[0]
    found = suggest_chunks(HOURLY, "f4", reads, shard_nbytes=2**28, limit=1000)
    best = found[0]
    assert best.objects * 50 < alone.objects == 442_368
    assert all(shorter < wait for shorter, wait in zip(best.each_seconds, alone.each_seconds, strict=True))
    assert best.seconds < alone.seconds / 2
    assert len(set(found)) == len(found)
    for one in found:
        assert one.shards is not None
        assert math.prod(one.shards) * 4 <= 2**28
        assert all(shard % chunk == 0 for shard, chunk in zip(one.shards, one.chunks, strict=True))
        assert one.nbytes <= 2**20
    assert best.plans[0] == plan_read(HOURLY, "f4", best.chunks, SERIES, shards=best.shards)
    assert best.objects == plan_read(HOURLY, "f4", best.chunks, ..., shards=best.shards).objects
    assert "in shards (1720, 120, 300)" in repr(best)


def test_a_shard_holds_at_least_one_chunk_and_at_most_the_array() -> None:
    """Also where the bound is smaller than a chunk, or larger than all there is."""
    for nbytes in (1, 2**30):
        for one in suggest_chunks((30, 20), "f8", [(0, 1)], shard_nbytes=nbytes, target_nbytes=2**10):
            assert one.shards is not None
            pairs = zip(one.shards, one.chunks, (30, 20), strict=True)
            assert all(chunk <= shard < length + chunk for shard, chunk, length in pairs)
            assert one.objects >= 1


@pytest.mark.parametrize(("shape", "selection"), [((), ()), ((0, 5), ()), ((3,), 0), ((1, 1, 7), np.s_[0])])
def test_small_and_empty_arrays_get_chunks_too(shape: tuple[int, ...], selection: Any) -> None:
    """All of it in one chunk."""
    (suggestion,) = suggest_chunks(shape, "f8", [(selection, 1)])
    assert suggestion.chunks == tuple(max(length, 1) for length in shape)


@pytest.mark.parametrize(
    ("reads", "options", "error", "message"),
    [
        ([], {}, ValueError, "name no read with a weight above 0"),
        ([(0, 0)], {}, ValueError, "name no read with a weight above 0"),
        ([(99, 1)], {}, IndexError, "index out of bounds for dimension with length 10"),
        ([(0, 1)], {"target_nbytes": 7}, ValueError, "target_nbytes=7 does not fit one element of 8 bytes"),
    ],
)
def test_questions_without_an_answer_are_refused(reads: Any, options: Any, error: Any, message: str) -> None:
    """The error names the value and what is allowed."""
    with pytest.raises(error, match=re.escape(message)):
        suggest_chunks((10, 10), "f8", reads, **options)


def test_suggestions_are_the_same_every_time() -> None:
    """A notebook stores them."""
    first, again = (repr(suggest_chunks(HOURLY, "f4", [(SERIES, 1), (MAP, 1)])) for _ in range(2))
    assert first == again
    assert first.startswith("[<Suggestion: chunks (457, 31, 60) of 3.4 MB, 29.6 s on average (33.8 s, 25.4 s)>")
