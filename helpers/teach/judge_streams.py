"""Judges what is made in lessons 10 to 13: streams and archives that grow."""

from __future__ import annotations

import asyncio
import inspect
import math
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dask.array
import numpy as np
import xarray as xr
import zarr
from zarr.errors import ZarrUserWarning
from zarr.storage import MemoryStore

from helpers.redis import RedisKeys, RedisStore
from helpers.servers import redis_server
from helpers.teach.judges import NotYetError, function_of, made
from helpers.units import format_count

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from zarr.abc.store import Store

    from helpers.redis import Value


# --- lesson 10 ---


def _ring(store: Store, labels: list[int]) -> None:
    """Begin a ring as lesson 10 has it; the cells of each frame are its label and one more."""
    cells = np.ones((len(labels), 2, 2), "uint8") * (np.array(labels) + 1)[:, None, None].astype("uint8")
    root = zarr.create_group(store)
    root.create_array("frames", data=cells, chunks=(1, 2, 2), compressors=None)
    root.create_array("time", data=np.array(labels), fill_value=-1, compressors=None)
    root.create_array("newest", data=np.array(max(labels)), fill_value=-1, compressors=None)


class _SeenKeys(RedisKeys):
    """Look after each write whether a reader would find the newest frame with its label."""

    faults: list[str]
    looks = 0

    def write(self, values: Mapping[str, Value | None]) -> None:
        """Write, and look."""
        super().write(values)
        self.look()

    def add(self, key: str, value: Value) -> bool:
        """Write if there is nothing, and look."""
        added = super().add(key, value)
        self.look()
        return added

    def look(self) -> None:
        """Compare all slots with their labels, and `newest` with both."""
        names = ["newest/c", "time/c/0", *(f"frames/c/{slot}/0/0" for slot in range(3))]
        newest, labels, *frames = self.read([(name, None) for name in names])
        steps = np.frombuffer(labels or b"", "<i8").tolist()
        cells = [frame[0] - 1 if frame else -1 for frame in frames]
        self.looks += 1
        for slot, (step, cell) in enumerate(zip(steps, cells, strict=False)):
            if step != cell:
                self.faults.append(f"slot {slot} is labelled {step} and holds the frame of step {cell}")
        if (now := int.from_bytes(newest or b"\xff", "little", signed=True)) != max(steps, default=-1):
            self.faults.append(f"`newest` is {now}, and the newest label {max(steps, default=-1)}")


@made("10.publish", expects="a function that takes a store, a step and a frame", timeout_s=20)
def judge_publish(answer: Any) -> str:
    """Judge a writer: at no instant may a reader find a frame without its label."""
    with redis_server() as server, RedisStore(server.url) as store:
        _ring(store, [-1, -1, -1])
        store.keys = seen = _SeenKeys(server.url)
        seen.faults = []
        for n in range(5):
            answer(store, n, np.full((2, 2), n + 1, "uint8"))
        root: Any = zarr.open_group(store, mode="r")
        newest, labels = int(root["newest"][()]), root["time"][:].tolist()
        seen.look()
    if newest == -1 and labels == [-1, -1, -1]:
        msg = "Nothing is published yet: `newest` and all labels are -1 as before."
        raise NotYetError(msg)
    if seen.faults:
        msg = f"A reader that comes by finds this: {seen.faults[0]}. Does all that you write go into one transaction?"
        raise NotYetError(msg)
    if labels != [3, 4, 2]:
        msg = f"After steps 0 to 4 the labels of three slots are {labels}, not [3, 4, 2]: step n lies in slot n mod 3."
        raise NotYetError(msg)
    return f"A reader came by at {seen.looks} instants, and found each frame with its label."


@made("10.window", expects="a function that takes a store and a number and returns an xarray.DataArray", timeout_s=20)
def judge_window(answer: Any) -> str:
    """Judge a window: the newest frames that are there, in order, and nothing fetched."""
    cases = [([8, 9, 6, 7], 3), ([8, 9, 6, 7], 4), ([0, 1, 2, -1, -1], 2), ([0, -1, -1], 2), ([3, 4, 2], 9)]
    for labels, n in cases:
        _ring(store := MemoryStore(), labels)
        _judge_one_window(answer(store, n), labels, n)
    return f"{len(cases)} rings, young and old: the newest frames, in order, fetched only when computed."


def _judge_one_window(window: Any, labels: list[int], n: int) -> None:
    where = f"For labels {labels} and n={n}"
    expected = sorted(label for label in labels if label >= 0)[-n:]
    if not isinstance(window, xr.DataArray):
        msg = f"Asked for is an xarray.DataArray; yours returns {type(window).__name__}."
        raise NotYetError(msg)
    if window.dims != ("time", "y", "x") or "time" not in window.coords:
        msg = f"The dimensions are time, y and x, and time is a coordinate; yours has {window.dims}."
        raise NotYetError(msg)
    if window.time.values.tolist() != expected:
        msg = f"{where} the steps are {expected}; yours has {window.time.values.tolist()}."
        raise NotYetError(msg)
    if not isinstance(window.data, dask.array.Array):
        msg = "The steps are right, but all cells are fetched already: stack Dask arrays, and do not compute."
        raise NotYetError(msg)
    cells = window.values[:, 0, 0].astype(int) - 1
    if cells.tolist() != expected:
        msg = f"{where} the labels say {expected}, and the frames are those of steps {cells.tolist()}."
        raise NotYetError(msg)


# --- lesson 11 ---


@made("11.buffer", expects="a Buffer of HoloViews")
def judge_buffer(answer: Any) -> str:
    """Judge a buffer by what it holds after 120 rows; then it is emptied again."""
    if type(answer).__name__ != "Buffer":
        msg = f"Asked for is a Buffer of HoloViews; this is of type {type(answer).__name__}."
        raise NotYetError(msg)
    names, asked = [*map(str, answer.data)], ["step", "population"]
    if names != asked:
        msg = f"Its columns are {names}, asked for are {asked}: the example of a Buffer names them."
        raise NotYetError(msg)
    if len(answer.data):
        msg = f"It does not begin empty: it holds {format_count(len(answer.data), 'row')}."
        raise NotYetError(msg)
    try:
        for first in (0, 40, 80):
            answer.send(answer.data.iloc[:0].reindex(range(40)).assign(step=range(first, first + 40), population=7))
        steps = answer.data.step.tolist()
    finally:
        answer.clear()
    if steps != [*range(70, 120)]:
        msg = f"It was sent 120 rows, and kept {len(steps)} instead of 50."
        raise NotYetError(msg)
    return "Of 120 rows it kept the newest 50."


@made("11.changes", expects="an `async def` that takes a source and a pipe")
def judge_changes(answer: Any) -> str:
    """Judge the body of a view by what it sends, and by how often it pauses."""
    if not inspect.isasyncgenfunction(answer):
        msg = "Asked for is an `async def` with a `yield` after each picture: there a view pauses, and can stop."
        raise NotYetError(msg)
    grids = np.random.default_rng(7).integers(0, 2, (5, 4, 6)).astype("uint8")
    sent, pauses = asyncio.run(_run_body(answer, grids))
    expected = np.diff(grids.astype(int), axis=0)
    if len(sent) != len(expected):
        msg = (
            f"Of {len(grids)} grids {len(sent)} pictures were sent, not {len(expected)}: the first has none before it."
        )
        raise NotYetError(msg)
    if any(255 in picture for picture in sent):
        msg = "Where a cell died stands 255: `uint8` has no sign. Which type has one?"
        raise NotYetError(msg)
    if not np.array_equal(sent, expected):
        msg = (
            "A picture differs from the grid minus the one before: 1 where a cell was born, -1 where one died, else 0."
        )
        raise NotYetError(msg)
    if pauses != [*range(1, len(sent) + 1)]:
        msg = f"`yield` stands after each picture; yours came when so many had been sent: {pauses}."
        raise NotYetError(msg)
    return f"{len(sent)} pictures of {len(grids)} grids, and a pause after each."


async def _run_body(body: Any, grids: Any) -> tuple[list[Any], list[int]]:
    """Return what a body sends, and how much it had sent at each pause."""
    sent: list[Any] = []
    pipe = SimpleNamespace(send=lambda data: sent.append(np.array(data)))

    async def source() -> AsyncGenerator[Any]:
        for grid in grids:
            await asyncio.sleep(0)
            yield grid.copy()

    return sent, [len(sent) async for _ in body(source(), pipe)]


# --- lessons 12 and 13 ---

_HOURS = {"time": {"units": "hours since 2015-03-11"}}


def _steps(first: int, last: int, value: float = 1.0) -> xr.Dataset:
    """Return steps of one number, three hours apart."""
    time = np.datetime64("2015-03-11", "ns") + np.arange(first, last) * np.timedelta64(3, "h")
    return xr.Dataset({"rain": ("time", np.full(last - first, value))}, {"time": time})


@made("12.twice", expects="a function that takes a dataset and a store, and appends what is not there")
def twice(answer: object) -> str:
    """Judge a function by the archive after five calls: new steps, the same again, half new, none, new ones again."""
    add, store = function_of(answer), MemoryStore()
    _steps(0, 4).to_zarr(store, encoding=_HOURS)
    calls = [
        (4, 8, 8, "Four new steps were to be added."),
        (4, 8, 8, "The same four steps came a second time."),
        (6, 10, 10, "Of four steps two were there already."),
        (0, 3, 10, "All of these steps were there already."),
        (10, 11, 11, "One new step came after steps that were there."),
    ]
    for first, last, expected, hint in calls:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZarrUserWarning)
            add(_steps(first, last, 1.0 + first), store)
        with xr.open_zarr(store, chunks=None) as ds:
            length, times, rain = ds.sizes["time"], ds.time.values, ds.rain.values
        if length != expected:
            msg = f"{hint} Now the archive has {length} steps, not {expected}."
            raise NotYetError(msg)
        if not np.array_equal(times, _steps(0, length).time.values):
            msg = (
                f"{hint} The labels are not in order, or not three hours apart: {times.astype('M8[h]').tolist()[-3:]}."
            )
            raise NotYetError(msg)
    if rain.tolist() != [1.0] * 4 + [5.0] * 4 + [7.0] * 2 + [11.0]:
        msg = "All steps are there, but some have other values than they had: steps that are there keep theirs."
        raise NotYetError(msg)
    return f"After {len(calls)} calls the archive has {length} steps, each once."


@made("12.place", expects="a function that takes labels and known labels, and returns positions")
def place(answer: object) -> str:
    """Judge a function by the positions of labels that are there, that follow, and that come too early."""
    places = function_of(answer)
    known = np.array([3, 1031, 7200], "M8[s]")
    cases = [
        ([3, 7200], [0, 2], "Both labels are there."),
        ([7201, 9000], [3, 4], "Both labels are new, and come after the last one."),
        ([1031, 7200, 8000], [1, 2, 3], "Two labels are there, and one is new."),
        ([], [], "No label at all."),
    ]
    for labels, expected, hint in cases:
        got = places(np.array(labels, "M8[s]"), known)
        if got is None:
            msg = "It returned None. What is the position of each label?"
            raise NotYetError(msg)
        if np.asarray(got).tolist() != expected:
            msg = f"{hint} Their positions are {expected}, yours {np.asarray(got).tolist()}."
            raise NotYetError(msg)
    if np.asarray(places(np.array([5, 6]), np.array([], int))).tolist() != [0, 1]:
        msg = "In an archive without any step, the first label has position 0."
        raise NotYetError(msg)
    for early in ([1000], [3, 1000, 8000]):
        try:
            got = places(np.array(early, "M8[s]"), known)
        except ValueError:
            continue
        msg = "A label that comes before the last one and is not there must be a ValueError: it has no place."
        raise NotYetError(msg)
    return f"It was right for {len(cases) + 3} sets of labels."


@made("13.share", expects="a function that returns a slice of steps for each writer")
def share(answer: object) -> str:
    """Judge a function by whether steps are shared out once, evenly, and along chunks."""
    cases = [(36, 3, 4), (40, 7, 3), (5, 10, 4), (100, 10, 3)]
    for steps, chunk, writers in cases:
        shares = function_of(answer)(steps, chunk, writers)
        case = f"{steps} steps in chunks of {chunk} for {writers} writers:"
        if shares is None:
            msg = "It returned None. Which steps does each writer get?"
            raise NotYetError(msg)
        parts = [range(steps)[part] for part in shares]
        if sorted(step for part in parts for step in part) != list(range(steps)):
            msg = f"{case} some steps belong to nobody, or to two."
            raise NotYetError(msg)
        if any(part.start % chunk for part in parts if part):
            msg = f"{case} a share begins inside a chunk, which two writers then write."
            raise NotYetError(msg)
        most = math.ceil(math.ceil(steps / chunk) / writers) * chunk
        if len(parts) > writers or max(map(len, parts)) > most:
            msg = f"{case} one writer has {max(map(len, parts))} steps; {most} would do."
            raise NotYetError(msg)
    return f"It shared out {len(cases)} archives, and no chunk has two writers."


@made("13.discard", expects="a function that takes names, two functions and the length of a batch")
def discard(answer: object) -> str:
    """Judge a loop by how many downloads lie on the disk at once, and by what it appends."""
    names, batch = [f"file {number}" for number in range(7)], 3
    added: list[str] = []
    most = 0
    with TemporaryDirectory() as folder:

        def fetch(name: str) -> Path:
            nonlocal most
            path = Path(folder) / name
            path.write_text(name)
            most = max(most, len(list(Path(folder).iterdir())))
            return path

        def add(paths: Sequence[Path]) -> None:
            added.extend(Path(path).read_text() for path in paths)

        function_of(answer)(names, fetch, add, batch)
        left = len(list(Path(folder).iterdir()))
    if not added:
        msg = "Nothing was appended. Call `add` with the paths of each batch."
        raise NotYetError(msg)
    if added != names:
        msg = f"Of {len(names)} files {len(added)} were appended, or not in their order."
        raise NotYetError(msg)
    if most > batch:
        msg = f"{most} files lay on the disk at once; a batch has {batch}. Fetch the next ones after deleting these."
        raise NotYetError(msg)
    if left:
        msg = f"{left} files are left. Those of the last batch go, too."
        raise NotYetError(msg)
    return f"{len(names)} files went through, never more than {most} at once."
