"""Makes a matrix of genotypes that compresses as real ones do: small integers, long runs, rare variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["genotypes"]


FOUNDERS = 8
SWITCHES_PER_VARIANT = 1 / 200
MISSING_SHARE = 0.002


def genotypes(shape: tuple[int, int] = (1024, 1024), *, seed: int = 7) -> npt.NDArray[np.int8]:
    """Make genotypes: how many copies of the rarer form of each variant each sample carries.

    Everything is made up. Each sample has two strings of variants, and each string is patched together from those of
    a few founders, in stretches of some two hundred variants: samples that share a stretch share its genotypes. Most
    variants are rare among the founders, so most genotypes are 0.

    Parameters
    ----------
    shape : tuple of int
        Number of variants (rows) and of samples (columns), each at least 1.
    seed : int, default 7
        The same seed gives the same genotypes.

    Returns
    -------
    numpy.ndarray of int8
        0, 1 or 2 copies; -1 where the genotype is missing, which one in five hundred is.

    Notes
    -----
    Founders and stretches stand for what geneticists call haplotypes and recombination. Nothing here is fit to a
    population: use it to try out storage, not methods.

    Examples
    --------
    >>> calls = genotypes((400, 300))
    >>> calls.shape, calls.dtype, np.unique(calls).tolist()
    ((400, 300), dtype('int8'), [-1, 0, 1, 2])
    >>> bool((calls == 0).mean() > 0.5)
    True
    """
    rng = np.random.default_rng(seed)
    rarer = rng.random((shape[0], FOUNDERS)) < rng.beta(0.2, 2.0, (shape[0], 1))
    calls = np.zeros(shape, dtype=np.int8)
    for _ in range(2):
        calls += np.take_along_axis(rarer, _founders(rng, shape), axis=1)
    calls[rng.random(shape) < MISSING_SHARE] = -1
    return calls


def _founders(rng: np.random.Generator, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Return which founder each sample copies at each variant, the same for a stretch of variants."""
    switches = rng.random(shape) < SWITCHES_PER_VARIANT
    switches[0] = True
    rows = np.arange(shape[0])[:, np.newaxis]
    last_switch = np.maximum.accumulate(np.where(switches, rows, 0), axis=0)
    return np.take_along_axis(rng.integers(0, FOUNDERS, shape), last_switch, axis=0)
