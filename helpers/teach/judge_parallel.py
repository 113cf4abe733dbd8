"""Judges what is made in lessons 08 and 09: writers, plans of Dask and labelled archives."""

from __future__ import annotations

import itertools
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import zarr
from zarr.storage import MemoryStore

from helpers.counting import CountingStore
from helpers.parallel import BarrierStore
from helpers.teach.judges import NotYetError, function_of, made

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__: list[str] = []

# Steps of an archive, processes, steps of what is written at once.
_ARCHIVES = [(3650, 8, 90), (48, 4, 12), (100, 3, 20), (7, 5, 10), (1460, 12, 124), (64, 64, 8)]
# Numbers, Dask's pieces, chunks, shards.
_PLANS = [(64, 4, 4, 8), (60, 5, 5, 15), (40, 3, 2, 8)]
# Shape, chunks, shards or none.
_LAYOUTS: list[dict[str, Any]] = [
    {"shape": (40, 30), "chunks": (5, 5), "shards": (20, 15)},
    {"shape": (24,), "chunks": (6,)},
    {"shape": (8, 12, 10), "chunks": (2, 3, 5), "shards": (4, 12, 10)},
]


@made("08.share", expects="a function share(length, writers, written) that returns slices")
def share(answer: object) -> str:
    """Judge how an archive is shared out: whole, aligned, and as equal as can be."""
    for case in _ARCHIVES:
        _judge_bands(function_of(answer)(*case), *case)
    return f"It holds for {len(_ARCHIVES)} archives. 3,650 days in shards of 90 are 7 slices of up to 540."


def _judge_bands(answer: Any, length: int, writers: int, written: int) -> None:
    case = f"share({length}, {writers}, {written})"
    if not isinstance(answer, list | tuple) or not all(isinstance(band, slice) for band in answer):
        _hint(f"Asked for is a list of slices; {case} returned {answer!r:.60}.")
    bands: list[slice] = list(answer)
    if len(bands) > writers:
        _hint(f"{case} returned {len(bands)} slices: that is more than there are processes.")
    steps = [range(length)[band] for band in bands]
    if sorted(itertools.chain(*steps)) != list(range(length)):
        _hint(f"{case} does not cover each step once. What is the last slice, and where does the next one begin?")
    if any(band[0] % written for band in steps if band):
        _hint(f"{case} has a slice that begins inside of what is written at once: two processes share it.")
    longest, shards = max(map(len, steps)), -(-length // written)
    least = min(length, -(-shards // writers) * written)
    if longest > least:
        _hint(f"{case} is safe. But its longest slice has {longest} steps, and {least} are possible.")


@made("08.save", expects="a function save(x, store, chunk, shard) that writes a Dask array")
def save(answer: object) -> str:
    """Judge a writer of shards on an unlucky store."""
    import dask
    import dask.array as da

    for length, piece, chunk, shard in _PLANS:
        x, contents = da.arange(1, length + 1, chunks=piece), MemoryStore()
        with TemporaryDirectory() as marks, dask.config.set(scheduler="threads", num_workers=2):
            function_of(answer)(x, BarrierStore(contents, marks, timeout_s=0.1), chunk, shard)
        _judge_stored(contents, length, chunk, shard)
    return f"Nothing was lost from {len(_PLANS)} arrays, on an unlucky store."


def _judge_stored(contents: MemoryStore, length: int, chunk: int, shard: int) -> None:
    try:
        z = zarr.open_array(contents, mode="r")
    except FileNotFoundError:
        _hint("There is no array in the store. Does `save` write to the `store` that it gets?")
    if (z.chunks, z.shards) != ((chunk,), (shard,)):
        _hint(f"Asked for are chunks of {chunk} in shards of {shard}; it has chunks={z.chunks} and shards={z.shards}.")
    if lost := int((np.asarray(z[:]) != np.arange(1, length + 1)).sum()):
        _hint(f"{lost} of {length} numbers are lost or wrong. Which pieces of `x` share a shard? Cut `x` differently.")


@made("09.pieces", expects="a function pieces(variable) that returns a dict for `chunks=`")
def pieces(answer: object) -> str:
    """Judge Dask chunks by what a read of the whole array costs: a request for each stored object."""
    import xarray as xr

    for layout in _LAYOUTS:
        store = CountingStore(MemoryStore())
        names = [f"axis{n}" for n in range(len(layout["shape"]))]
        numbers = np.arange(1, np.prod(layout["shape"]) + 1).reshape(layout["shape"])
        encoding = {name: layout[name] for name in layout if name != "shape"}
        xr.Dataset({"x": (names, numbers)}).to_zarr(store, encoding={"x": encoding}, consolidated=False)
        chosen = function_of(answer)(xr.open_zarr(store, consolidated=False)["x"])
        if not isinstance(chosen, dict) or set(chosen) != set(names):
            _hint(f"Asked for is a dict with a number for each of the dimensions {names}; it returned {chosen!r:.60}.")
        _judge_requests(store, chosen, layout)
    return "Each stored object was read by one task with one request, with shards and without."


def _judge_requests(store: CountingStore, chosen: Mapping[str, int], layout: Mapping[str, Any]) -> None:
    import xarray as xr

    x = xr.open_zarr(store, consolidated=False, chunks=dict(chosen))["x"]
    written = layout.get("shards", layout["chunks"])
    objects = int(np.prod([-(-length // size) for length, size in zip(layout["shape"], written, strict=True)]))
    store.reset()
    x.compute(scheduler="synchronous")
    of = f"of an array with chunks={layout['chunks']} and shards={layout.get('shards')}"
    if x.data.npartitions < objects:
        _hint(f"{x.data.npartitions} tasks read {objects} stored objects {of}. Give each object a task of its own.")
    if store.reads > objects:
        _hint(f"{store.reads} requests for {objects} stored objects {of}. What does `variable.encoding` say of it?")


@made("09.byte", expects="a dict for `encoding=` of one variable")
def byte(answer: object) -> str:
    """Judge an encoding of road temperatures in one byte, by writing and reading with it."""
    import xarray as xr

    if not isinstance(answer, dict):
        _hint(f"Asked for is a dict, as `packed` in this lesson; this is of type {type(answer).__name__}.")
    if np.dtype(answer.get("dtype", "f8")) != np.uint8:
        _hint('The variable is not stored in one byte. What is `"dtype"`?')
    road = xr.Dataset({"road": ("step", np.append(np.linspace(-47, 80, 509), np.nan))})
    back = _round_trip(road, answer)
    error = np.abs(back - road["road"].to_numpy())[:-1]
    if (worst := float(np.nanmax(error))) > 0.2501:
        _hint(f"A temperature came back {worst:.3g} degrees off; 0.25 is possible. Which temperature is integer 0?")
    if np.isnan(error).any():
        _hint("A temperature came back as missing: the integer set aside for that is in use. Which ones are left?")
    if not np.isnan(back[-1]):
        _hint("A missing value came back as a number. Which integer is set aside for it with `_FillValue`?")
    return "The largest error is 0.25 degrees, and what is missing stays missing."


def _round_trip(ds: xr.Dataset, encoding: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    import warnings

    import xarray as xr

    store = MemoryStore()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that do not fit: the hints say so
        ds.to_zarr(store, encoding={"road": dict(encoding)}, consolidated=False)
    back: np.ndarray[Any, Any] = xr.open_zarr(store, consolidated=False, chunks=None)["road"].to_numpy()
    return back


def _hint(text: str) -> NoReturn:
    raise NotYetError(text)
