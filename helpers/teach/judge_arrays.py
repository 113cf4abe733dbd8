"""Judges what is made in lessons 00 to 02: arrays."""

from __future__ import annotations

import math
import tempfile
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.storage import MemoryStore

from helpers.counting import CountingStore
from helpers.teach.judges import array_of, function_of, made, require

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt


@made("demo.array", expects="a zarr.Array of the numbers 0 to 9")
def demo_array(answer: object) -> str:
    """Judge the example in the documentation of `check`."""
    array = array_of(answer)
    require(np.array_equal(array[...], np.arange(10)), "The numbers are not 0 to 9. Give them as `data=`.")
    return f"It has {array.nchunks} chunks."


@made("00.aligned", expects="a zarr.Array of shape (365, 180, 360) and float32")
def aligned(answer: object) -> str:
    """Count which chunks blocks of 73 days share, and how large and how many the chunks are."""
    array = array_of(answer)
    require(array.shape == (365, 180, 360), f"Its shape is {array.shape}, and should be (365, 180, 360).")
    require(array.dtype == "float32", f"Its dtype is {array.dtype}, and should be float32.")
    days, *_ = array.chunks
    shared = sum(edge % days > 0 for edge in range(73, 365, 73))
    require(not shared, f"At {shared} of 4 borders between blocks, two writers share a chunk of {days} days.")
    nbytes = math.prod(array.chunks) * array.dtype.itemsize
    require(nbytes <= 10_000_000, f"No two writers meet, but a chunk has {nbytes:,} bytes: cut another axis too.")
    require(
        array.nchunks <= 100, f"No two writers meet, but there are {array.nchunks} chunks. At most 100 are allowed."
    )
    return f"{array.nchunks} chunks of {nbytes / 1e6:.1f} MB: {array.nchunks // 5} for each of the five writers."


class _Watched:
    """An array that notes the most elements it was asked for at once."""

    def __init__(self, array: zarr.Array[Any]) -> None:
        self._array, self.most = array, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._array, name)

    def __getitem__(self, selection: Any) -> npt.NDArray[Any]:
        return self._note(self._array[selection])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self[...], dtype)

    @property
    def blocks(self) -> _WatchedBlocks:
        return _WatchedBlocks(self)

    def _note(self, values: Any) -> npt.NDArray[Any]:
        self.most = max(self.most, np.size(values))
        return np.asarray(values)


class _WatchedBlocks:
    """The `blocks` of an array that is watched."""

    def __init__(self, watched: _Watched) -> None:
        self._watched = watched

    def __getitem__(self, selection: Any) -> npt.NDArray[Any]:
        return self._watched._note(self._watched._array.blocks[selection])


@made("00.mean", expects="a function that takes a Zarr array and returns the mean of all its numbers")
def mean(answer: object) -> str:
    """Run it on arrays of one to three dimensions, and count what it reads and how much of it at once."""
    function = _function(answer)
    for shape, chunks in (((8,), (4,)), ((10,), (4,)), ((9, 8), (4, 3)), ((4, 5, 6), (2, 5, 4))):
        data = np.random.default_rng(7).integers(0, 100, shape)
        store = CountingStore(MemoryStore())
        array = zarr.create_array(store, data=data, chunks=chunks)
        store.reset()
        watched = _Watched(array)
        found = _returned(function(watched))
        where = f"For an array of shape {shape} in chunks of {chunks}"
        require(
            bool(np.allclose(found, data.mean())),
            f"{where} the mean is {data.mean():.4f}, and yours is {found}. Have all chunks the same number of values?",
        )
        require(watched.most <= math.prod(chunks), f"{where} it held {watched.most} values at once, more than a chunk.")
        require(store.reads == array.nchunks, f"{where} it read {store.reads} times; there are {array.nchunks} chunks.")
    return "On four arrays each chunk was read once, and never more than one was held."


@made("01.place", expects="a function of index, shape and itemsize that returns a byte")
def place(answer: object) -> str:
    """Compare with the strides of NumPy, and with an array that is too large to make."""
    function = _function(answer)
    rng, cases = np.random.default_rng(7), 0
    for shape in ((7,), (4, 6), (6, 4), (3, 4, 5), (2, 3, 4, 5)):
        for itemsize in (1, 4, 8):
            strides = np.empty(shape, f"V{itemsize}").strides
            index = tuple(int(rng.integers(length)) for length in shape)
            right = sum(at * stride for at, stride in zip(index, strides, strict=True))
            found = _returned(function(index, shape, itemsize))
            hint = f"Index {index} of shape {shape}, {itemsize} bytes each, begins at byte {right}; yours says {found}."
            require(found == right, hint)
            cases += 1
    found = _returned(function((10**8 - 1, 10**8 - 1), (10**8, 10**8), 4))
    require(found == 4 * 10**16 - 4, "Small arrays are right. In one of 40 PB it fails: do not make an array, compute.")
    return f"{cases} small arrays, and one of 40 PB that was never made."


@made("01.blocks", expects="a function of a table and a size that returns a view of four axes")
def blocks(answer: object) -> str:
    """Compare each block with a slice, and ask whether any byte was copied."""
    function = _function(answer)
    for rows, columns, size in ((4, 6, 2), (6, 6, 3), (8, 4, 4)):
        table = np.arange(rows * columns).reshape(rows, columns)
        found = np.asarray(_returned(function(table, size)))
        shape = (rows // size, columns // size, size, size)
        require(found.shape == shape, f"A table of {rows} by {columns}, size {size}: shape {shape}, not {found.shape}.")
        for row, column in np.ndindex(*shape[:2]):
            wanted = table[row * size : (row + 1) * size, column * size : (column + 1) * size]
            block = found[row, column]
            hint = f"The shape is right. Block ({row}, {column}) should be {wanted.tolist()}, not {block.tolist()}."
            require(np.array_equal(block, wanted), hint)
        require(np.shares_memory(found, table), "The numbers are right, and they are a copy. Is there a view of them?")
    return "All blocks are where they should be, and not a byte was copied."


@made("02.decode", expects="a function of a folder, a row and a column that returns a number")
def decode(answer: object) -> str:
    """Let it read arrays of other shapes, types and fill values, some chunks of which were never written."""
    function = _function(answer)
    require("zarr" not in function.__code__.co_names, "It calls Zarr. Read `zarr.json` and the chunk yourself.")
    read = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (shape, chunks, dtype) in enumerate(
            [((6, 8), (3, 4), "int16"), ((7, 9), (2, 5), "float32"), ((40, 30), (11, 30), "int32")]
        ):
            place = Path(folder, f"{number}.zarr")
            data = (np.arange(math.prod(shape)).reshape(shape) * 3 + number).astype(dtype)
            array = zarr.create_array(place, shape=shape, chunks=chunks, dtype=dtype, fill_value=-1)
            array[: chunks[0]] = data[: chunks[0]]
            for row, column in ((0, 0), (0, shape[1] - 1), (chunks[0] - 1, 1), (shape[0] - 1, 0)):
                wanted, found = float(np.asarray(array[row, column])), _returned(function(place, row, column))
                what = "which was never written" if row >= chunks[0] else f"in chunks of {chunks}"
                hint = f"Row {row}, column {column} of {shape} {dtype}, {what}, is {wanted:g}; yours says {found}."
                require(found == wanted, hint)
                read += 1
    return f"{read} numbers from three folders, without Zarr."


@made("02.shrink", expects="a function of a Zarr array and a length that makes it shorter")
def shrink(answer: object) -> str:
    """Shrink with it, grow again, and look for numbers that come back."""
    function = _function(answer)
    for length, chunk, to, fill in ((10, 4, 6, 0), (20, 6, 9, -1), (12, 4, 8, 7), (5, 8, 1, 0)):
        array = zarr.create_array({}, data=np.arange(1, length + 1), chunks=(chunk,), fill_value=fill)
        function(array, to)
        where = f"{length} numbers in chunks of {chunk}, shrunk to {to}"
        require(array.shape == (to,), f"{where}: the shape is {array.shape} afterwards.")
        kept = np.asarray(array[:]).tolist()
        require(kept == list(range(1, to + 1)), f"{where}: {kept} is left.")
        array.resize((length,))
        back = np.asarray(array[to:]).tolist()
        hint = f"{where} and grown again: {back} comes back, where {fill} is the fill value."
        require(back == [fill] * (length - to), hint)
    return "Four arrays shrunk and grown again, and nothing came back."


@made("02.calendar", expects="a zarr.Array of 366 days with a chunk for each month")
def calendar(answer: object) -> str:
    """Compare the chunks with the months of a leap year, and the values with the days."""
    array = array_of(answer)
    require(array.shape == (366,), f"Its shape is {array.shape}. The year 2028 has 366 days.")
    (sizes,) = array.read_chunk_sizes
    starts = np.arange("2028-01", "2029-02", dtype="M8[M]").astype("M8[D]")
    months = tuple(np.diff(starts).astype(int).tolist())
    wrong = [month for month, (size, days) in enumerate(zip(sizes, months, strict=False), 1) if size != days]
    require(not wrong, f"Month {next(iter(wrong), 0)} has another number of days than its chunk.")
    require(sizes == months, f"There are {len(sizes)} chunks, and 12 months.")
    bounds = pairwise(accumulate(months, initial=0))
    right = [np.array_equal(np.asarray(array[start:end]), np.arange(start, end)) for start, end in bounds]
    require(
        all(right), f"The chunks are right. The values should be 0 to 365; they differ in {right.count(False)} months."
    )
    return "12 chunks, one a month, and February has 29 days."


def _function(answer: object) -> Callable[..., Any]:
    return function_of(answer, hint="Give its name, without brackets.")


def _returned(value: Any) -> Any:
    require(value is not None, "Your function returned None. Is its body written, and does it end with `return`?")
    return value
