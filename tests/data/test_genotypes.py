"""Tests of helpers.data.genotypes."""

from __future__ import annotations

import bz2

import numpy as np

from helpers.data import genotypes


def test_genotypes_are_copies_or_missing() -> None:
    """Zero, one or two copies; a few in a thousand are missing, and most are 0: most variants are rare, some common."""
    shares = np.maximum(genotypes((1000, 400)), 0).mean(axis=1) / 2
    assert np.median(shares) < 0.02
    assert shares.max() > 0.25
    np.testing.assert_array_equal(genotypes((50, 40), seed=3), genotypes((50, 40), seed=3))
    assert (genotypes((50, 40), seed=3) != genotypes((50, 40), seed=4)).any()
    calls = genotypes((600, 500))
    assert calls.shape == (600, 500)
    assert calls.dtype == np.int8
    assert set(np.unique(calls)) == {-1, 0, 1, 2}
    assert 0.001 < (calls == -1).mean() < 0.003
    assert (calls == 0).mean() > 0.6


def test_samples_share_long_runs() -> None:
    """Samples compress much better than samples put together from any genotypes of the same variants."""
    calls = genotypes((1000, 400))
    mixed = np.random.default_rng(7).permuted(calls, axis=1)
    sizes = [len(bz2.compress(np.ascontiguousarray(each.T).tobytes())) for each in (calls, mixed)]
    assert sizes[0] < 0.6 * sizes[1]
