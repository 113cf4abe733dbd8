"""Tests of helpers.teach.judge_streams: right, wrong, empty, raising and endless answers."""

from __future__ import annotations

import dataclasses
from typing import Any

import dask.array
import numpy as np
import pytest
import xarray as xr
import zarr

from helpers.teach.judges import judges_of, verdict


def said(name: str, answer: object, *, timeout_s: float | None = None) -> str:
    """Return what `check` would print, within a shorter time if one is given."""
    judge = judges_of(name[:2])[name]
    return verdict(judge if timeout_s is None else dataclasses.replace(judge, timeout_s=timeout_s), answer)


def endless(*_: object) -> None:
    """Never return."""
    while True:
        pass


def raising(*_: object) -> None:
    """Raise what no judge expects."""
    msg = "no such slot"
    raise KeyError(msg)


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
    slots = dask.array.from_zarr(root["frames"])  # type: ignore[attr-defined]
    cells = dask.array.stack([slots[step % labels.size] for step in steps])  # type: ignore[attr-defined]
    return xr.DataArray(cells if lazy else cells.compute(), {"time": steps}, ("time", "y", "x"))


def window_of_the_first_slots(store: Any, n: int) -> xr.DataArray:
    """Label the first slots with the newest steps."""
    right = window(store, n)
    root: Any = zarr.open_group(store, mode="r")
    return right.copy(data=dask.array.from_zarr(root["frames"])[: right.sizes["time"]])  # type: ignore[attr-defined]


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
    assert "Yours ended in KeyError: 'no such slot'" in said(name, raising)


@pytest.mark.parametrize("name", RIGHT)
def test_an_answer_without_end_is_stopped(name: str) -> None:
    """And nothing of it stays: the server of the judge ends, too."""
    assert "still running" in said(name, endless, timeout_s=2)
