"""Tests of docs/from_zarr_2.md: what the table calls new is there, and what it calls old is not."""

from __future__ import annotations

import importlib
import re

import numpy as np
import pytest
import zarr

from tools.site import DOCS

ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in (DOCS / "from_zarr_2.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| Zarr-Python")
]
STORES = {"NestedDirectoryStore", "ABSStore", "LMDBStore", "SQLiteStore", "DBMStore", "MongoDBStore", "N5Store"}
# They are there, and do something else: they raise, count nothing, or give way to a better name.
LEFT = {"zarr.create", "zarr.zeros", "zarr.open", "zarr.array", "zarr.copy"}


def is_there(name: str) -> bool:
    """Return whether a dotted name such as `zarr.storage.ZipStore` leads to something."""
    module, *parts = name.split(".")
    found = importlib.import_module(module)
    for part in parts:
        module = f"{module}.{part}"
        if not hasattr(found, part):
            try:
                importlib.import_module(module)
            except ModuleNotFoundError:
                return False
        found = getattr(found, part)
    return True


def named(text: str) -> list[str]:
    """Return the dotted names of Zarr in a cell of the table."""
    return re.findall(r"\bzarr(?:\.[A-Za-z]\w*)+\b(?!\")", text)


def test_the_table_has_two_columns() -> None:
    """Else the tests below would look at less than they seem to."""
    assert len(ROWS) >= 25
    assert {len(row) for row in ROWS} == {2}


@pytest.mark.parametrize("new", [name for _, new in ROWS for name in named(new) if name != "zarr.json"])
def test_a_new_name_is_there(new: str) -> None:
    """Where the table says."""
    assert is_there(new)


@pytest.mark.parametrize("old", sorted({name for old, _ in ROWS for name in named(old)} - LEFT))
def test_an_old_name_is_gone(old: str) -> None:
    """A test that fails is good news: the row can go."""
    assert not is_there(old)


@pytest.mark.parametrize("store", sorted(STORES | {"RedisStore", "DirectoryStore", "FSStore", "LRUStoreCache"}))
def test_an_old_store_is_gone(store: str) -> None:
    """From both of its places."""
    assert f"{store}" in "".join(old for old, _ in ROWS)
    assert not is_there(f"zarr.{store}")
    assert not is_there(f"zarr.storage.{store}")


@pytest.mark.parametrize("method", ["astype", "digest", "hexdigest"])
def test_an_old_method_of_an_array_is_gone(method: str) -> None:
    """And the table names it."""
    assert f"z.{method}(" in "".join(old for old, _ in ROWS)
    assert not hasattr(zarr.Array, method)


def test_old_lines_raise() -> None:
    """A shape in two arguments, one in two words, a group's member as an attribute, copies."""
    root = zarr.create_group({})
    z = root.create_array("a", data=np.zeros((4, 4)))
    with pytest.raises(TypeError):
        z.resize(400, 200)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        zarr.create((10,), 5, "f8", store={})  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        _ = root.a  # type: ignore[attr-defined]
    assert not hasattr(root, "create_dataset")
    assert not hasattr(root, "require_dataset")
    for copy in (zarr.copy, zarr.copy_store, zarr.copy_all):
        with pytest.raises(NotImplementedError):
            copy(root, root)
