"""Tests of helpers.append: what a piece changes, and when a plan is out of date."""

from __future__ import annotations

from zarr.storage import MemoryStore

from helpers.append import Archive, append, plan
from helpers.counting import CountingStore
from tests.append_pieces import CHUNKS, piece


def loaded(store: MemoryStore | CountingStore) -> Archive:
    """Return the archive in a store."""
    archive = Archive.load(store)
    assert archive is not None
    return archive


def test_each_step_has_its_kind() -> None:
    """Steps that are there, late, other and new ones are told apart."""
    store = MemoryStore()
    append(piece([0, 1, 2, 5]), store, chunks=CHUNKS)
    ds = piece([1, 2, 3, 5, 6, 9], version=1)
    ds["rain"][0], ds["source"][:, 0], ds["orbit"][0] = (
        piece([1])[name].isel(time=0) for name in ("rain", "source", "orbit")
    )
    todo = plan(ds, loaded(store), replace=True, max_gap=10)
    assert todo.places.tolist() == [1, 2, 3, 5, 6, 9]
    assert todo.present.tolist() == [True, True, False, True, False, False]
    assert todo.replaced.tolist() == [False, True, False, True, False, False]
    assert todo.written.tolist() == [False, True, True, True, True, True]
    assert (todo.length, todo.gaps, todo.region) == (10, 2, slice(1, 10))


def test_new_steps_are_planned_without_reading_values() -> None:
    """Only what is there already is compared, and only its chunks are read."""
    store = CountingStore(MemoryStore())
    append(piece(range(100)), store, chunks=CHUNKS)
    archive = loaded(store)
    store.reset()
    plan(piece(range(100, 104)), archive, replace=False, max_gap=0)
    assert store.reads == 0
    plan(piece(range(96, 104)), archive, replace=False, max_gap=0)
    assert store.reads == 1 + 2 + 2 + 1  # the record; rain, source, orbit


def test_a_plan_is_out_of_date_when_another_writer_was_faster() -> None:
    """Other lengths, or other steps present, make a new plan; anything else does not."""
    store = MemoryStore()
    append(piece([0, 1, 2, 5]), store, chunks=CHUNKS)
    todo = plan(piece([3, 6]), loaded(store), replace=False, max_gap=10)
    assert not todo.outdated()
    append(piece([4]), store)
    assert not todo.outdated()
    append(piece([3]), store)
    assert todo.outdated()
    todo = plan(piece([6]), loaded(store), replace=False, max_gap=10)
    append(piece([6]), store)
    assert todo.outdated()
