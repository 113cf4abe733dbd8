"""Judges what is made in lessons 03 and 04: chunks, shards, plans and codecs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import zarr
from zarr.buffer import default_buffer_prototype
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.sync import sync
from zarr.storage import MemoryStore

from helpers.cost import plan_read
from helpers.teach.judges import array_of, function_of, made, require
from helpers.units import format_nbytes

# --- lesson 03 ---

_YEAR = (360, 180, 360)
_MOST_NBYTES = 20_000_000


@made("03.layout", expects="a zarr.Array of shape (360, 180, 360)")
def layout(answer: object) -> str:
    """Judge an array by what a line and a plane of it would cost."""
    array = array_of(answer)
    require(array.shape == _YEAR, f"The shape is to be {_YEAR}; yours is {array.shape}.")
    require(array.dtype == np.dtype("f4"), f"The dtype is to be float32; yours is {array.dtype}.")
    # As if it were written in full, which takes a while for the learner.
    line, plane = (
        plan_read(_YEAR, "f4", array.chunks, read, shards=array.shards) for read in (np.s_[:, 0, 0], np.s_[0])
    )
    costs = [f"{plan.requests} requests and {format_nbytes(plan.nbytes_read)}" for plan in (line, plane)]
    said = f"A line costs {costs[0]}, a plane {costs[1]}."
    require(line.requests <= 5, f"{said} For fewer requests a line, make the chunks longer in time.")
    require(plane.requests <= 20, f"{said} For fewer requests a plane, make the chunks wider in space.")
    require(
        max(line.nbytes_read, plane.nbytes_read) <= _MOST_NBYTES,
        f"{said} That is too many bytes: how long must a chunk be in time for 5 requests, and no longer?",
    )
    return said


# Length, chunk and workers.
_WORK = [(100, 10, 5), (100, 10, 3), (95, 10, 4), (1000, 30, 7), (20, 10, 5), (7, 10, 2)]


@made("03.split", expects="a function that takes length, chunk and workers and returns a list of slices")
def split(answer: object) -> str:
    """Judge a function that shares out a vector among writers, none of which writes a chunk of another."""
    for length, chunk, workers in _WORK:
        case = f"With length={length}, chunk={chunk} and workers={workers}"
        returned = function_of(answer)(length, chunk, workers)
        good = isinstance(returned, list) and all(type(piece) is slice for piece in returned)
        require(good, f"{case} your function returned {returned!r}. Asked for is a list of slices.")
        ends = [piece.indices(length) for piece in returned]
        joined = [begin for begin, _, _ in ends] + [length] == [0] + [end for _, end, _ in ends]
        require(joined, f"{case} your slices do not cover 0 to {length}, each once and in order: {returned}.")
        shared = [begin for begin, _, _ in ends if begin % chunk]
        require(not shared, f"{case} a piece begins at {shared[:1]}, within a chunk: two writers would share it.")
        require(len(ends) <= workers, f"{case} there are {len(ends)} pieces, more than workers.")
        most = max(math.ceil((end - begin) / chunk) for begin, end, _ in ends)
        fair = math.ceil(math.ceil(length / chunk) / workers)
        require(most <= fair, f"{case} one worker writes {most} chunks; {fair} would do if all share the work.")
    return f"Tried with {len(_WORK)} vectors."


# --- lesson 04 ---

_METER_NBYTES = 40_000


@made("04.meter", expects="a zarr.Array that holds the readings of the meter")
def meter(answer: object) -> str:
    """Judge an array by whether it is exact and how many bytes are stored."""
    array = array_of(answer)
    readings = np.cumsum(np.random.default_rng(3).poisson(2, 100_000))
    require(array.shape == readings.shape, f"The shape is to be {readings.shape}; yours is {array.shape}.")
    require(np.array_equal(array[...], readings), "What is read are not the readings: every one has to come back.")
    said = f"{format_nbytes(array.nbytes_stored())} are stored."
    if array.nbytes_stored() > _METER_NBYTES:
        deltas = [codec for codec in array.filters if "delta" in type(codec).__name__.lower()]
        require(bool(deltas), f"{said} By how much does a reading grow? There is a filter that stores that instead.")
        require(array.nchunks == 1, f"{said} In one chunk, a compressor would find more to save.")
        require(False, f"{said} A step is a small number in 8 bytes: most of them are 0. What puts like to like?")
    return said


@made("04.broken", expects="a function that takes an array and returns a list of keys")
def broken(answer: object) -> str:
    """Judge a function that finds damaged chunks, in plates whose damage only the judge knows."""
    plates: list[tuple[tuple[int, ...], list[str]]] = [
        ((80, 80), ["c/3/5"]),
        ((80, 80), []),
        ((40, 96), ["c/0/11", "c/4/0"]),
        ((50,), ["c/6"]),
    ]
    for shape, damaged in plates:
        returned = function_of(answer)(_damaged_array(shape, damaged))
        case = f"In an array of shape {shape} in chunks of 8"
        good = isinstance(returned, list) and all(isinstance(key, str) for key in returned)
        require(good, f"{case} your function returned {returned!r}. Asked for is a list of strings.")
        missed, wrong = set(damaged) - set(returned), set(returned) - set(damaged)
        require(not missed, f"{case} {len(damaged)} of the chunks had a flipped bit; you missed {len(missed)}.")
        require(not wrong, f"{case} you name {min(wrong, default='')!r}, which is no key of a damaged chunk.")
    return f"Tried with {len(plates)} arrays."


def _damaged_array(shape: tuple[int, ...], keys: list[str]) -> zarr.Array[Any]:
    store = MemoryStore()
    wells = np.random.default_rng(4).integers(1, 9, shape)
    array = zarr.create_array(store, data=wells, chunks=(8,) * len(shape), compressors=[ZstdCodec(), Crc32cCodec()])
    prototype = default_buffer_prototype()
    for key in keys:
        value = sync(store.get(key, prototype))
        flipped = bytearray(value.to_bytes() if value else b"")
        flipped[-6] ^= 4  # before the four bytes of the checksum
        sync(store.set(key, prototype.buffer.from_bytes(bytes(flipped))))
    return array
