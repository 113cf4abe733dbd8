"""What lesson 05 says of groups without showing it; a test that fails may be good news: the lesson can say so."""

from __future__ import annotations

import json

import numpy as np
import pytest
import zarr
from zarr.errors import ChunkNotFoundError
from zarr.storage import MemoryStore

from helpers.counting import CountingStore

pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")


def consolidated() -> MemoryStore:
    """Return a store with an array below the root and one a level deeper, consolidated."""
    store = MemoryStore()
    root = zarr.create_group(store)
    for path in ("top", "below/deep"):
        root.create_array(path, data=np.ones(4))
    zarr.consolidate_metadata(store)
    return store


def listed(store: MemoryStore) -> set[str]:
    """Return the paths of the members as a reader with the defaults finds them."""
    return set(dict(zarr.open_group(store, mode="r").members(max_depth=None)))


def test_to_delete_a_direct_child_updates_the_copy() -> None:
    """Through a group that was opened with the copy."""
    store = consolidated()
    del zarr.open_group(store, mode="r+")["top"]
    assert listed(store) == {"below", "below/deep"}


def test_to_delete_deeper_leaves_a_ghost_in_the_copy() -> None:
    """It is listed and reads as zeros; with `array.read_missing_chunks` off it is an error."""
    store = consolidated()
    del zarr.open_group(store, mode="r+")["below/deep"]
    assert "below/deep" in listed(store)
    ghost = zarr.open_group(store, mode="r")["below/deep"]
    assert isinstance(ghost, zarr.Array)
    assert np.all(np.asarray(ghost[:]) == 0)
    with zarr.config.set({"array.read_missing_chunks": False}):
        strict = zarr.open_group(store, mode="r")
        assert np.all(np.asarray(strict["top"][:]) == 1)  # type: ignore[index]
        with pytest.raises(ChunkNotFoundError):
            strict["below/deep"][:]  # type: ignore[index]


def test_an_attribute_keeps_the_copy_of_a_group_that_was_opened_with_it() -> None:
    """And loses it where the group was opened past it."""
    for use, kept in ((None, True), (False, False)):
        contents = consolidated()
        zarr.open_group(contents, mode="r+", use_consolidated=use).attrs["crop"] = "basil"
        document = json.loads(contents._store_dict["zarr.json"].to_bytes())
        assert (document.get("consolidated_metadata") is not None) == kept


def test_assignment_replaces_what_is_at_the_path() -> None:
    """Without a question."""
    root = zarr.create_group({})
    root["x"] = np.arange(3)
    root["x"] = np.arange(5)
    assert zarr.open_array(root.store, path="x").shape == (5,)


def test_a_loop_looks_after_the_parents_every_time() -> None:
    """And `create_hierarchy` once."""
    template = zarr.create_array({}, shape=(8,), dtype="f4").metadata
    one_by_one, at_once = CountingStore(MemoryStore()), CountingStore(MemoryStore())
    root = zarr.create_group(one_by_one)
    one_by_one.reset()
    for number in range(5):
        root.create_array(f"parent/{number}", shape=(8,), dtype="f4")
    dict(zarr.create_hierarchy(store=at_once, nodes={f"parent/{number}": template for number in range(5)}))
    assert one_by_one.writes > 2 * at_once.writes


def test_objects_of_python_are_refused_and_text_is_kept() -> None:
    """With `dtype=str`, of any length."""
    with pytest.raises(ValueError, match="object"):
        zarr.create_array({}, data=np.array(["basil", None], dtype=object))
    names = zarr.create_array({}, shape=(2,), dtype=str)
    names[:] = np.array(["basil", "rosemary"], dtype=object)
    assert names[1] == "rosemary"


def test_a_key_of_no_node_makes_listings_warn() -> None:
    """Such as a text file beside the metadata."""
    contents: dict[str, object] = {}
    root = zarr.create_group(MemoryStore(contents))  # type: ignore[arg-type] # a dict of buffers
    contents["README.txt"] = contents["zarr.json"]
    with pytest.warns(UserWarning, match="not recognized as a component of a Zarr hierarchy"):
        root.members()
