"""Holds the metadata of an archive: one document, which alone says how long the archive is.

An archive is a Zarr 3 group whose ``zarr.json`` carries the consolidated metadata of all its arrays. That one object
is the truth here, and what readers open (`xr.open_zarr`, `zarr.open_group`): a single PUT of it replaces the old
lengths of all arrays by the new ones. An `Archive` can be grown in memory and written to beyond its published end,
where no reader looks; `publish` then stores the metadata, that one object last.

The variable `present` says of each step whether it is there. Its attributes hold the axis.
"""

from __future__ import annotations

import copy
import functools
import json
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
import zarr
from zarr.storage import MemoryStore, StorePath

from helpers.append_axis import Axis
from helpers.append_store import get, get_many, put

if TYPE_CHECKING:
    import numpy.typing as npt
    from zarr.abc.store import Store

    from helpers.append_store import Written

__all__ = ["PRESENT", "ROOT", "Archive"]

PRESENT = "present"
ROOT = "zarr.json"

CONFIG = {"write_empty_chunks": True, "read_missing_chunks": False}

type _Document = dict[str, Any]


class Archive:
    """Hold what the one document of an archive says.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the archive is.
    document : bytes
        The ``zarr.json`` of its group.

    Attributes
    ----------
    axis : Axis
        The axis along which it grows.
    length : int
        Steps that it has room for; those that never came are among them.
    names : tuple of str
        Its variables, `present` and the axis included.

    Raises
    ------
    ValueError
        If it is not the document of an archive that `append` began.
    """

    def __init__(self, store: Store, document: bytes) -> None:
        self.store = store
        self._document: _Document = json.loads(document)
        self._arrays = _arrays(self._document, store)
        self._opened: dict[str, zarr.AsyncArray[Any]] = {}
        self.names = tuple(self._arrays)
        self.axis = _axis(self._arrays[PRESENT]["attributes"])
        self.length = self._length()

    @classmethod
    def load(cls, store: Store) -> Self | None:
        """Read the archive in a store, with one request; None if there is none yet.

        Parameters
        ----------
        store : zarr.abc.store.Store
            A store.

        Returns
        -------
        Archive or None
            What is published.

        Raises
        ------
        ValueError
            If the store holds something else.
        """
        document = get(store, ROOT)
        return None if document is None else cls(store, document)

    @property
    def document(self) -> bytes:
        """The ``zarr.json`` of the group."""
        return json.dumps(self._document, indent=2).encode()

    def array(self, name: str, store: Store | None = None) -> zarr.Array[Any]:
        """Return an array as this document describes it, whatever its own ``zarr.json`` says.

        A chunk that is missing is an error, not a chunk full of fill values, and none is left out for being empty.

        Parameters
        ----------
        name : str
            A variable.
        store : zarr.abc.store.Store, optional
            Where to read and write, if not the archive's store: one that counts, for example.

        Returns
        -------
        zarr.Array
            An array that can be written up to the length of this archive.
        """
        if name not in self._opened:
            where = StorePath(self.store, name)
            self._opened[name] = zarr.AsyncArray(dict(self._arrays[name]), where, CONFIG)  # type: ignore[call-overload]
        array = self._opened[name]
        if store is not None:
            array = zarr.AsyncArray(array.metadata, StorePath(store, name), array.config)
        return zarr.Array(array)

    def describes(self, name: str, document: bytes) -> bool:
        """Whether the ``zarr.json`` of an array says the same as this document."""
        return bool(json.loads(document) == self._arrays[name])

    def dims(self, name: str) -> tuple[str, ...]:
        """Return the dimensions of a variable."""
        return tuple(self._arrays[name].get("dimension_names") or ())

    def present(self, begin: int, end: int) -> npt.NDArray[np.bool_]:
        """Read which steps from one position up to another are there; positions past the end are not."""
        flags = np.zeros(end - begin, bool)
        known = min(end, self.length)
        if begin < known:
            flags[: known - begin] = self.array(PRESENT)[begin:known]
        return flags

    def template(self) -> xr.Dataset:
        """Return the archive without any step, as xarray opens it: dimensions, types, attributes and fixed coordinates.

        Takes one request for each chunk of a variable that does not grow, however long the archive is.
        """
        fixed = [name for name in self.names if self.axis.dim not in self.dims(name)]
        chunks = get_many(self.store, [key for name in fixed for key in self.chunk_keys(name)])
        return _opened(self.grown(0).document, tuple(chunks.items()))

    def chunk_keys(self, name: str) -> list[str]:
        """Return the keys of all chunks of an array."""
        array = self.array(name)
        grid = array.shards or array.chunks
        places = np.ndindex(*(-(-length // size) for length, size in zip(array.shape, grid, strict=True)))
        return [f"{name}/{array.metadata.encode_chunk_key(place)}" for place in places]

    def grown(self, length: int) -> Archive:
        """Return the same archive with another length. Nothing is stored."""
        document = copy.deepcopy(self._document)
        for array in document["consolidated_metadata"]["metadata"].values():
            for axis, dim in enumerate(array.get("dimension_names") or ()):
                if dim == self.axis.dim:
                    array["shape"][axis] = length
        return Archive(self.store, json.dumps(document).encode())

    def publish(self, *, first: bool = False) -> Written:
        """Store the metadata: that of each array that grows, then the one document that readers open.

        Parameters
        ----------
        first : bool, default False
            Store also the metadata of what does not grow.

        Returns
        -------
        Written
            Objects and bytes written.
        """
        documents = {
            f"{name}/{ROOT}": json.dumps(self._arrays[name], indent=2).encode()
            for name in self.names
            if first or self.axis.dim in self.dims(name)
        }
        objects, nbytes = put(self.store, documents)
        put(self.store, {ROOT: self.document})
        return objects + 1, nbytes + len(self.document)

    def _length(self) -> int:
        lengths: dict[str, int] = {
            name: size
            for name, array in self._arrays.items()
            for dim, size in zip(self.dims(name), array["shape"], strict=True)
            if dim == self.axis.dim
        }
        if len(set(lengths.values())) > 1:
            msg = f"the archive in {self.store} disagrees with itself: steps {lengths}. Another program changed it."
            raise ValueError(msg)
        return lengths[PRESENT]


@functools.lru_cache(maxsize=4)
def _opened(document: bytes, chunks: tuple[tuple[str, bytes | None], ...]) -> xr.Dataset:
    """Open an archive of these objects. Kept, because the next piece will ask for the same."""
    memory = MemoryStore()
    found = {key: value for key, value in chunks if value is not None}
    if len(found) < len(chunks):
        missing = next(key for key, value in chunks if value is None)
        msg = f"{missing} is missing in the archive. Check all of it: python -m helpers.append verify URL"
        raise ValueError(msg)
    put(memory, {ROOT: document, **found})
    template: xr.Dataset = xr.open_zarr(memory, consolidated=True).load()
    return template


def _arrays(document: _Document, store: Store) -> dict[str, _Document]:
    consolidated = document.get("consolidated_metadata") or {}
    arrays: dict[str, _Document] = consolidated.get("metadata", {})
    if "append_step" not in arrays.get(PRESENT, {}).get("attributes", {}):
        msg = (
            f"{store} holds something that append did not begin, and does not change. Copy it into a new archive: "
            f"append(xr.open_zarr(OLD), NEW)."
        )
        raise ValueError(msg)
    return arrays


def _axis(attributes: _Document) -> Axis:
    return Axis(
        dim=attributes["append_dim"],
        start=attributes["append_start"],
        step=attributes["append_step"],
        unit=attributes["append_unit"],
    )
