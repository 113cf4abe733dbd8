"""Tests of helpers.teach.judge_streams: right, wrong, empty, raising and endless answers."""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dask.array
import holoviews as hv  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

from tests.teach.judging import endless, raising, said

if TYPE_CHECKING:
    from collections.abc import Callable

da: Any = dask.array  # typed in part


# Lesson 10: a ring of three arrays


def publish(store: Any, n: int, frame: Any, *, slot: int | None = None, newest: bool = True) -> None:
    """Write a frame in one transaction, as the lesson does, or with one fault."""
    with store.transaction() as batch:
        root: Any = zarr.open_group(batch, mode="r+")
        place = n % root["time"].size if slot is None else slot
        root["frames"][place], root["time"][place] = frame, n
        if newest:
            root["newest"][()] = n


def publish_in_turn(store: Any, n: int, frame: Any) -> None:
    """Write the label before the frame, as the exercise has it."""
    root: Any = zarr.open_group(store, mode="r+")
    slot = n % root["time"].size
    root["newest"][()] = n
    root["time"][slot] = n
    root["frames"][slot] = frame


def publish_beside_the_transaction(store: Any, n: int, frame: Any) -> None:
    """Begin a transaction, and write to the store all the same."""
    with store.transaction():
        publish_in_turn(store, n, frame)


def window(store: Any, n: int, *, empty: bool = False, ordered: bool = True, lazy: bool = True) -> xr.DataArray:
    """Take the newest frames, or do one thing wrong."""
    root: Any = zarr.open_group(store, mode="r")
    labels = root["time"][:]
    steps = labels if empty else labels[labels >= 0]
    steps = (np.sort(steps) if ordered else steps)[-n:]
    slots = da.from_zarr(root["frames"])
    cells = da.stack([slots[step % labels.size] for step in steps])
    return xr.DataArray(cells if lazy else cells.compute(), {"time": steps}, ("time", "y", "x"))


def window_of_the_first_slots(store: Any, n: int) -> xr.DataArray:
    """Label the first slots with the newest steps."""
    right = window(store, n)
    root: Any = zarr.open_group(store, mode="r")
    return right.copy(data=da.from_zarr(root["frames"])[: right.sizes["time"]])


RIGHT = {
    "10.publish": (publish, "Right. A reader came by at 6 instants, and found each frame with its label."),
    "10.window": (
        window,
        "Right. 5 rings, young and old: the newest frames, in order, fetched only when computed.",
    ),
}
WRONG = [
    ("10.publish", lambda *_: ..., "Nothing is published yet"),
    ("10.publish", publish_in_turn, "`newest` is 0, and the newest label -1. Does all that you write go into one"),
    ("10.publish", publish_beside_the_transaction, "Does all that you write go into one transaction?"),
    ("10.publish", lambda *given: publish(*given, slot=0), r"[4, -1, -1], not [3, 4, 2]: step n lies in slot n mod 3"),
    ("10.publish", lambda *given: publish(*given, newest=False), "`newest` is -1, and the newest label 0"),
    ("10.publish", 7, "Asked for is a function that takes a store, a step and a frame"),
    ("10.window", lambda *_: None, "Asked for is an xarray.DataArray; yours returns NoneType"),
    ("10.window", lambda store, n: window(store, n, empty=True), "the steps are [0]; yours has [-1, 0]"),
    ("10.window", lambda store, n: window(store, n, ordered=False), "the steps are [7, 8, 9]; yours has [9, 6, 7]"),
    ("10.window", lambda store, n: window(store, n, lazy=False), "all cells are fetched already"),
    ("10.window", window_of_the_first_slots, "the labels say [7, 8, 9], and the frames are those of steps [8, 9, 6]"),
    ("10.window", lambda store, n: window(store, n)[0], "The dimensions are time, y and x"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_called_so(name: str) -> None:
    """With what was counted."""
    answer, expected = RIGHT[name]
    assert said(name, answer) == expected


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_what_is_wrong_gets_the_hint_that_fits(name: str, answer: object, hint: str) -> None:
    """Each mistake has words of its own."""
    assert said(name, answer).startswith("Not yet. ")
    assert hint in said(name, answer)


@pytest.mark.parametrize("name", RIGHT)
def test_an_answer_that_raises_is_told_what_it_raised(name: str) -> None:
    """The error ends in one line."""
    assert "Yours ended in OSError: not ready" in said(name, raising)


@pytest.mark.parametrize("name", RIGHT)
def test_an_answer_without_end_is_stopped(name: str) -> None:
    """And nothing of it stays: the server of the judge ends, too."""
    assert "still running" in said(name, endless, timeout_s=2)


# Lesson 11: a buffer, and the body of a view


def make_buffer(*, length: int = 50, rows: int = 0, **columns: int) -> Any:
    """Make a buffer as the lesson does, or with one fault."""
    table = pd.DataFrame({"step": np.arange(rows), "population": 7, **columns})
    return hv.streams.Buffer(table, length=length)


async def changes(source: Any, pipe: Any, *, kind: str = "int8", first: bool = False, pause: bool = True) -> Any:
    """Send what changed, as the solution does, or with one fault."""
    before = None
    async for frame in source:
        now = frame.astype(kind)
        if before is not None or first:
            pipe.send(now - (0 if before is None else before))
            if pause:
                yield
        before = now


async def without_pause(source: Any, pipe: Any) -> None:
    """Send everything at once."""
    async for frame in source:
        pipe.send(frame)


async def backwards(source: Any, pipe: Any) -> Any:
    """Mix up the two frames."""
    negative = SimpleNamespace(send=lambda picture: pipe.send(-picture))
    async for _ in changes(source, negative):
        yield


async def unfinished(source: Any, pipe: Any) -> None:
    """Stand as the exercise does before it is answered."""


LIVE_WRONG = [
    ("11.buffer", lambda: hv.streams.Pipe(data=[]), "Asked for is a Buffer of HoloViews; this is of type Pipe."),
    ("11.buffer", lambda: make_buffer(length=1000), "It was sent 120 rows, and kept 120 instead of 50."),
    ("11.buffer", lambda: make_buffer(x=1), "Its columns are ['step', 'population', 'x'], asked for"),
    ("11.buffer", lambda: make_buffer(rows=1), "It does not begin empty: it holds 1 row."),
    ("11.changes", lambda: unfinished, "Asked for is an `async def` with a `yield` after each picture"),
    ("11.changes", lambda: without_pause, "Asked for is an `async def` with a `yield` after each picture"),
    ("11.changes", lambda: partial(changes, kind="uint8"), "stands 255: `uint8` has no sign"),
    ("11.changes", lambda: partial(changes, first=True), "Of 5 grids 5 pictures were sent, not 4"),
    ("11.changes", lambda: partial(changes, pause=False), "yours came when so many had been sent: []."),
    ("11.changes", lambda: backwards, "A picture differs from the grid minus the one before"),
]


def test_what_is_right_in_lesson_11_is_called_so() -> None:
    """With what was counted; and again, for the buffer is emptied."""
    buffer = make_buffer()
    for _ in range(2):
        assert said("11.buffer", buffer) == "Right. Of 120 rows it kept the newest 50."
    assert said("11.changes", changes) == "Right. 4 pictures of 5 grids, and a pause after each."


@pytest.mark.parametrize(("name", "make", "hint"), LIVE_WRONG)
def test_what_is_wrong_in_lesson_11_gets_the_hint_that_fits(name: str, make: Callable[[], object], hint: str) -> None:
    """Each mistake has words of its own."""
    words = said(name, make())
    assert words.startswith("Not yet. ")
    assert hint in words


def test_bodies_that_raise_or_never_end_are_told_so() -> None:
    """In an event loop of the judge's own."""

    async def broken(*_: object) -> Any:
        raising()
        yield

    async def forever(*_: object) -> Any:
        while True:
            yield

    assert "Yours ended in OSError: not ready" in said("11.changes", broken)
    assert "still running" in said("11.changes", forever, timeout_s=0.3)


# Lessons 12 and 13: archives that grow


def add_once(ds: Any, store: Any) -> None:
    """Append the steps that are not there."""
    known = xr.open_zarr(store).indexes["time"]
    new = ds.isel(time=~ds.indexes["time"].isin(known))
    if new.sizes["time"]:
        new.to_zarr(store, append_dim="time")


def add_unless_begun(ds: Any, store: Any) -> None:
    """Append all steps if the first one is not there: half a day comes twice, or not at all."""
    if ds.indexes["time"][0] not in xr.open_zarr(store).indexes["time"]:
        ds.to_zarr(store, append_dim="time")


def add_over(ds: Any, store: Any) -> None:
    """Replace steps that are there."""
    before = xr.open_zarr(store, chunks=None).load()
    whole = xr.concat([before.sel(time=before.time[~before.time.isin(ds.time)]), ds], "time").sortby("time")
    whole.drop_encoding().to_zarr(store, mode="w")


def places(labels: Any, known: Any) -> Any:
    """Return where labels are, or will be."""
    where = pd.Index(known).get_indexer(labels)
    new = where < 0
    if new.any() and len(known) and labels[new][0] < known[-1]:
        msg = "too early"
        raise ValueError(msg)
    where[new] = len(known) + np.arange(new.sum())
    return where


def share(steps: int, chunk: int, writers: int) -> list[slice]:
    """Share out chunks."""
    each = math.ceil(math.ceil(steps / chunk) / writers) * chunk
    return [slice(min(first, steps), min(first + each, steps)) for first in range(0, each * writers, each)]


def keep_empty(names: Any, fetch: Any, add: Any, batch: int) -> None:
    """Fetch, add and delete, batch by batch."""
    for first in range(0, len(names), batch):
        paths = [fetch(name) for name in names[first : first + batch]]
        add(paths)
        for path in paths:
            path.unlink()


def keep_all(names: Any, fetch: Any, add: Any, batch: int) -> None:  # noqa: ARG001
    """Fetch everything first."""
    add([fetch(name) for name in names])


def keep_last(names: Any, fetch: Any, add: Any, batch: int) -> None:
    """Delete a batch when the next one is fetched."""
    paths: list[Any] = []
    for first in range(0, len(names), batch):
        for path in paths:
            path.unlink()
        add(paths := [fetch(name) for name in names[first : first + batch]])


def drop_rest(names: Any, fetch: Any, add: Any, batch: int) -> None:
    """Leave out the last batch, which is not full."""
    keep_empty(names[: len(names) // batch * batch], fetch, add, batch)


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
@pytest.mark.parametrize(
    ("name", "answer", "starts"),
    [
        ("12.twice", add_once, "Right. After 5 calls the archive has 11 steps"),
        ("12.twice", lambda ds, store: ds.to_zarr(store, append_dim="time"), "Not yet. The same four steps came a"),
        ("12.twice", add_unless_begun, "Not yet. Of four steps two were there already."),
        ("12.twice", add_over, "Not yet. All steps are there, but some have other values"),
        ("12.twice", lambda *_: ..., "Not yet. Four new steps were to be added. Now the archive has 4"),
        ("12.twice", 7, "Not yet. Asked for is a function"),
        ("12.place", places, "Right. It was right for 7 sets of labels"),
        ("12.place", lambda labels, known: pd.Index(known).get_indexer(labels), "Not yet. Both labels are new"),
        ("12.place", lambda labels, known: np.searchsorted(known, labels), "Not yet. Both labels are new"),
        ("12.place", lambda labels, known: len(known) + np.arange(len(labels)), "Not yet. Both labels are there"),
        (
            "12.place",
            lambda labels, known: [
                (
                    list(known).index(label)
                    if label in known
                    else len(known) + sum(labels[:n] > max(known, default=label))
                )
                for n, label in enumerate(labels)
            ],
            "Not yet. ",
        ),
        ("12.place", lambda *_: None, "Not yet. It returned None"),
        ("13.share", share, "Right. It shared out 4 archives"),
        (
            "13.share",
            lambda steps, _, n: [slice(w * steps // n, (w + 1) * steps // n) for w in range(n)],
            "Not yet. 40",
        ),
        ("13.share", lambda steps, *_: [slice(0, steps)], "Not yet. 36 steps in chunks of 3 for 4 writers: one writer"),
        ("13.share", lambda _, chunk, __: [slice(0, chunk)], "Not yet. 36 steps in chunks of 3 for 4 writers: some"),
        ("13.share", lambda *_: None, "Not yet. It returned None"),
        ("13.discard", keep_empty, "Right. 7 files went through, never more than 3"),
        ("13.discard", keep_all, "Not yet. 7 files lay on the disk at once"),
        ("13.discard", keep_last, "Not yet. 1 files are left"),
        ("13.discard", drop_rest, "Not yet. Of 7 files 6 were appended"),
        ("13.discard", lambda *_: None, "Not yet. Nothing was appended"),
    ],
)
def test_growing(name: str, answer: object, starts: str) -> None:
    """What is right is counted; what is wrong gets the hint that fits."""
    assert said(name, answer).startswith(starts)


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
@pytest.mark.parametrize("name", ["12.twice", "12.place", "13.share", "13.discard"])
def test_growing_that_raises_or_never_ends(name: str) -> None:
    """The message is told in one line, and an endless answer is stopped."""
    assert "Yours ended in OSError" in said(name, raising)
    assert "never ends" in said(name, endless, timeout_s=0.3)
