"""What several tests need to write one archive in many places, and to look at its bytes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.storage import LocalStore, ObjectStore

if TYPE_CHECKING:
    from zarr.abc.store import Store

STEPS = np.arange(60, dtype="i4").reshape(20, 3)


def write_archive(store: Store) -> None:
    """Write a group with attributes, a chunked and a sharded array and a nested group, and consolidate it."""
    group = zarr.create_group(store, attributes={"title": "steps", "where": "Zürich"})
    group.create_array("chunked", data=STEPS, chunks=(4, 3), dimension_names=["time", "x"])
    group.create_array("sharded", data=STEPS, chunks=(2, 3), shards=(8, 3))
    group.create_group("inner").create_array("empty", shape=(5,), chunks=(2,), dtype="f8")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        zarr.consolidate_metadata(store)


def bytes_of(store: ObjectStore[Any] | LocalStore) -> dict[str, bytes]:
    """Return what lies under each key of a store, read without zarr."""
    if isinstance(store, LocalStore):
        root = Path(store.root)
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    objects = store.store
    keys = [entry["path"] for batch in objects.list() for entry in batch]
    return {key: bytes(objects.get(key).bytes()) for key in keys}


def reads_as_written(store: Store, *, shards: bool = True) -> bool:
    """Return whether an archive holds the values that were written, its metadata read at once."""
    group = zarr.open_group(store, mode="r", use_consolidated=True)
    names = ["chunked", *(["sharded"] if shards else [])]
    return all(np.array_equal(np.asarray(zarr_array(group, name)[:]), STEPS) for name in names)


def zarr_array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """Return an array of a group."""
    array = group[name]
    assert isinstance(array, zarr.Array)
    return array
