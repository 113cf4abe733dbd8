"""Measures what lesson 04 says of codecs: which saves more, and which is slower by far.

Run as `python -m benchmarks.compression`. Ratios are the same on every machine with the same codecs. Speeds are those
of Zarr writing or reading one chunk in memory; only ratios of speeds that lie far apart are held to a limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from zarr.codecs import BloscCodec, GzipCodec
from zarr.codecs.numcodecs import BZ2, LZ4, LZMA, Quantize

from helpers.data import genotypes
from helpers.measure import compare_codecs

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pandas as pd

    from helpers.measure import Coding

SIDE = 64
CODINGS: Mapping[str, Coding] = {
    "none": {"compressors": None},
    "default": {},
    "LZ4": {"compressors": LZ4()},
    "gzip": {"compressors": GzipCodec()},
    "BZ2": {"compressors": BZ2()},
    "LZMA": {"compressors": LZMA()},
    "Blosc LZ4": {"compressors": BloscCodec(cname="lz4", shuffle="noshuffle")},
    "Blosc LZ4, shuffle": {"compressors": BloscCodec(cname="lz4", shuffle="shuffle")},
    "Blosc LZ4, bitshuffle": {"compressors": BloscCodec(cname="lz4", shuffle="bitshuffle")},
    "Blosc Zstd, shuffle": {"compressors": BloscCodec(cname="zstd", shuffle="shuffle")},
    "Quantize": {"filters": [Quantize(digits=2, dtype="<f4")]},
}


def rows(*, repeats: int = 5) -> list[dict[str, str | bool]]:
    """Measure the codecs on smooth, genotype-like and random data.

    Parameters
    ----------
    repeats : int, default 5
        How often each chunk is written and read.

    Returns
    -------
    list of dict
        Rows with keys `name`, `figure`, `limit` and `ok`.
    """
    rng = np.random.default_rng(7)
    lossless = {name: coding for name, coding in CODINGS.items() if name != "Quantize"}
    smooth = compare_codecs(temperatures(rng), CODINGS, repeats=repeats)
    calls = compare_codecs(genotypes((1024, 1024)), lossless, repeats=repeats)
    noise = compare_codecs(rng.integers(-(2**31), 2**31, (512, 512), dtype="int32"), lossless, repeats=1)
    return [
        *_ratio_rows(smooth["ratio"], calls["ratio"], noise["ratio"]),
        *_speed_rows(smooth, calls),
    ]


def temperatures(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return a smooth field, with the noise of a thermometer: time, row and column."""
    t, y, x = np.ogrid[:SIDE, :SIDE, :SIDE]
    field = 15 + 10 * np.cos(y / 30) + 5 * np.sin(2 * np.pi * t / 24) + 2 * np.sin(x / 9 + y / 13 + t / 40)
    temperature: npt.NDArray[np.float32] = (field + rng.normal(0, 0.02, field.shape)).astype("float32")
    return temperature


def _ratio_rows(
    smooth: pd.Series[float], calls: pd.Series[float], noise: pd.Series[float]
) -> list[dict[str, str | bool]]:
    best = smooth.drop("Quantize")
    return [
        _least("Temperatures, LZ4: shuffled, times not shuffled", smooth, "Blosc LZ4, shuffle", "Blosc LZ4", 1.3),
        _least(
            "Temperatures: Blosc Zstd with shuffle, times the default", smooth, "Blosc Zstd, shuffle", "default", 1.3
        ),
        _row("Temperatures: the best that is lossless", best.max(), 2.0, best.idxmax() == "Blosc Zstd, shuffle"),
        _least("Temperatures: quantized, times the default", smooth, "Quantize", "default", 1.8),
        _least("Genotypes: the default, times none", calls, "default", "none", 10),
        _least("Genotypes: LZMA, times the default", calls, "LZMA", "default", 1.3),
        _least(
            "Genotypes, LZ4: bitshuffled, times shuffled", calls, "Blosc LZ4, bitshuffle", "Blosc LZ4, shuffle", 1.5
        ),
        _row("Random bytes: the best", noise.max(), 1.0, bool(noise.max() <= 1)),
    ]


def _speed_rows(smooth: pd.DataFrame, calls: pd.DataFrame) -> list[dict[str, str | bool]]:
    write, read = smooth["write_MBps"], smooth["read_MBps"]
    return [
        _least("Writing temperatures: the default, times LZMA", write, "default", "LZMA", 10),
        _least("Writing temperatures: the default, times BZ2", write, "default", "BZ2", 4),
        _least("Writing temperatures: the default, times gzip", write, "default", "gzip", 2),
        _least("Reading temperatures: the default, times LZMA", read, "default", "LZMA", 3),
        _least("Reading genotypes: the default, times BZ2", calls["read_MBps"], "default", "BZ2", 2),
    ]


def _least(name: str, table: pd.Series[float], one: str, other: str, limit: float) -> dict[str, str | bool]:
    figure = table[one] / table[other]
    return {"name": name, "figure": f"{figure:.2f} x", "limit": f">= {limit:g} x", "ok": bool(figure >= limit)}


def _row(name: str, figure: float, limit: float, ok: bool) -> dict[str, str | bool]:
    return {"name": name, "figure": f"{figure:.2f} x", "limit": f"<= {limit:g} x", "ok": bool(ok and figure <= limit)}


if __name__ == "__main__":
    for row in rows():
        print(row)
