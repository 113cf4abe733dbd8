"""Measures what an append costs: against compressing the same bytes into one file, late against early, and peers.

Run as `python -m benchmarks.append`. One batch is 40 steps of 480 x 1440 float32 in one chunk a map and 8 steps;
the values are those of rain: most of them zero. In each turn the file, `append`, plain `to_zarr(append_dim=...)` and
Icechunk take their turn, so that whatever else the machine does falls on all of them alike. Ratios are medians of
the ratios of a turn. Whether late batches cost more than early ones is told by the time of the processor, which does
not depend on what else the machine does meanwhile.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import icechunk
import numcodecs  # type: ignore[import-untyped]
import numpy as np
import xarray as xr
from icechunk.xarray import to_icechunk
from zarr.codecs import ZstdCodec

from helpers.append import append, verify

if TYPE_CHECKING:
    from collections.abc import Callable

BATCHES, STEPS, SHAPE = 50, 40, (480, 1440)
CHUNKS = {"time": 8}
TIME_RATIO, GROWTH, BYTES_RATIO, BYTES_MORE = 1.15, 1.1, 1.02, 50_000
CODEC = numcodecs.Zstd(level=0, checksum=True)
COMPRESSOR = ZstdCodec(level=0, checksum=True)


def rows(*, batches: int = BATCHES) -> list[dict[str, str | bool]]:
    """Append batches to archives of each kind, and measure each.

    Parameters
    ----------
    batches : int, default 50
        How many.

    Returns
    -------
    list of dict
        Rows with keys `name`, `figure`, `limit` and `ok`; those of the others have no limit.
    """
    icechunk.set_logs_filter("error")
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        seconds, processor, nbytes = _measured(Path(name), batches)
        report = verify(Path(name) / "append.zarr")
    if not report.sound:
        msg = f"what was measured is no sound archive: {report}"
        raise AssertionError(msg)
    turns = {kind: _ratios(each, seconds["file"])[1:] for kind, each in seconds.items()}
    ratios = {kind: statistics.median(each) for kind, each in turns.items()}
    fifth = max(batches // 5, 1)
    work = _ratios(processor["append"], processor["file"])[1:]
    growth = statistics.median(work[-fifth:]) / statistics.median(work[:fifth])
    most = max(written - BYTES_RATIO * file for written, file in nbytes)
    seconds_each, ratio = statistics.median(seconds["append"]), ratios["append"]
    size, late = f"{STEPS} steps of {SHAPE[0]} x {SHAPE[1]}", f"  last of {batches} batches against first, processor"
    over = f"  bytes over {BYTES_RATIO} x those of the chunks"
    return [
        _row(f"append {size}, time", f"{seconds_each:.3f} s", "", ok=True),
        _row("  against one file, processor", f"{statistics.median(work):.2f} x", "", ok=True),
        _row("  against one file", f"{ratio:.2f} x", f"<= {TIME_RATIO} x", ok=ratio <= TIME_RATIO),
        _row(late, f"{growth:.2f} x", f"<= {GROWTH} x", ok=growth <= GROWTH),
        _row(over, f"{max(most, 0) / 1000:.1f} kB", f"<= {BYTES_MORE // 1000} kB", ok=most <= BYTES_MORE),
        _row("  to_zarr(append_dim=...), against one file", f"{ratios['to_zarr']:.2f} x", "", ok=True),
        _row("  Icechunk with a commit, against one file", f"{ratios['icechunk']:.2f} x", "", ok=True),
    ]


def _measured(
    folder: Path, batches: int
) -> tuple[dict[str, list[float]], dict[str, list[float]], list[tuple[int, int]]]:
    """Return seconds of each kind for each batch, by clock and processor; and bytes of append and of its chunks."""
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder / "icechunk")))
    rain = _rain()
    kinds: dict[str, Callable[[xr.Dataset, int], object]] = {
        "file": lambda ds, number: (folder / f"{number}.bin").write_bytes(CODEC.encode(ds.rain.values)),
        "append": lambda ds, _: append(ds, folder / "append.zarr", chunks=CHUNKS),
        "to_zarr": lambda ds, number: ds.to_zarr(folder / "to_zarr.zarr", **_mode(number)),
        "icechunk": lambda ds, number: _commit(repository, ds, number),
    }
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    processor: dict[str, list[float]] = {kind: [] for kind in kinds}
    nbytes = []
    for number in range(batches):
        ds = _batch(rain, number)
        for kind, write in kinds.items():
            begin, worked = time.perf_counter(), time.process_time()
            done = write(ds, number)
            processor[kind].append(time.process_time() - worked)
            seconds[kind].append(time.perf_counter() - begin)
            if kind == "append":
                nbytes.append((done.bytes_written, _compressed(ds)))  # type: ignore[attr-defined]
        (folder / f"{number}.bin").unlink()
    return seconds, processor, nbytes


def _rain() -> xr.DataArray:
    """Return values of which nine in ten are zero, in patches, as rain is."""
    rng = np.random.default_rng(7)
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    maps = np.zeros((STEPS, *SHAPE), np.float32)
    for step in maps:
        for _ in range(40):
            at_y, at_x, size = rng.integers(SHAPE[0]), rng.integers(SHAPE[1]), rng.integers(8, 30)
            patch = (y - at_y) ** 2 + (x - at_x) ** 2 < size**2
            step[patch] = rng.gamma(0.8, 3.0, int(patch.sum())).astype(np.float32).round(2)
    return xr.DataArray(maps, dims=("time", "lat", "lon"))


def _batch(rain: xr.DataArray, number: int) -> xr.Dataset:
    time_ = np.datetime64("2020-01-01", "ns") + np.arange(number * STEPS, (number + 1) * STEPS) * np.timedelta64(3, "h")
    lat, lon = np.linspace(-59.875, 59.875, SHAPE[0]), np.linspace(0.125, 359.875, SHAPE[1])
    return xr.Dataset({"rain": rain}, {"time": time_, "lat": lat, "lon": lon})


def _compressed(ds: xr.Dataset) -> int:
    """Return the bytes of the chunks of a batch, compressed one by one."""
    steps = CHUNKS["time"]
    return sum(len(CODEC.encode(ds.rain.values[at : at + steps])) for at in range(0, STEPS, steps))


def _mode(number: int) -> dict[str, Any]:
    """Return what `to_zarr` is given: the encoding at first, which it would otherwise choose by the first batch."""
    if number:
        return {"append_dim": "time"}
    rain = {"chunks": (CHUNKS["time"], *SHAPE), "compressors": [COMPRESSOR]}
    return {
        "zarr_format": 3,
        "encoding": {"rain": rain, "time": {"units": "hours since 2020-01-01", "chunks": (32_768,)}},
    }


def _commit(repository: icechunk.Repository, ds: xr.Dataset, number: int) -> None:
    session = repository.writable_session("main")
    options = {key: value for key, value in _mode(number).items() if key != "zarr_format"}
    to_icechunk(ds, session, **options)
    session.commit(f"batch {number}")


def _ratios(these: list[float], those: list[float]) -> list[float]:
    return [one / other for one, other in zip(these, those, strict=True)]


def _row(name: str, figure: str, limit: str, *, ok: bool) -> dict[str, str | bool]:
    return {"name": name, "figure": figure, "limit": limit, "ok": ok}


if __name__ == "__main__":
    for row in rows():
        print(row)
