"""The metadata of an archive, what is refused, and the first write.

Holds the metadata of an archive: one document, which alone says how long the archive is.

An archive is a Zarr 3 group whose ``zarr.json`` carries the consolidated metadata of all its arrays. That one object
is the truth here, and what readers open (`xr.open_zarr`, `zarr.open_group`): a single PUT of it replaces the old
lengths of all arrays by the new ones. An `Archive` can be grown in memory and written to beyond its published end,
where no reader looks; `publish` then stores the metadata, that one object last.

The variable `present` says of each step whether it is there. Its attributes hold the axis.

Refuses a piece that does not belong to an archive, before anything is written.

Appended all the same, such a piece makes an archive that cannot be opened (a variable too few: pydata/xarray
#10766), or one that opens and is wrong (another grid, another unit).

Begins an archive: fixes axis, chunks, compressor and attributes once, for all that will be appended.

Whatever the first piece was read from, what is stored depends on its values and attributes alone: the encoding of
the source (its chunks, its units of time, its filters) is dropped, because it fits that source, not the archive.
"""

from __future__ import annotations

import copy
import functools
import json
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import BloscCodec, ZstdCodec
from zarr.storage import MemoryStore, StorePath

from helpers.append.axis import UNITS, Axis, require_sorted
from helpers.append.store import get, get_many, keys, put
from helpers.cost import suggest_chunks

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from zarr.abc.store import Store

    from helpers.append.axis import Step
    from helpers.append.store import Written

__all__ = [
    "ENCODINGS",
    "PRESENT",
    "ROOT",
    "Archive",
    "begin",
    "check_choices",
    "check_dataset",
    "check_fits",
    "same_values",
]


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


# Attributes that say what the numbers mean. Others, such as a history, may differ from piece to piece.
MEANING = ("units", "standard_name", "calendar", "grid_mapping", "_FillValue", "scale_factor", "add_offset")


def check_dataset(ds: xr.Dataset, dim: str) -> None:
    """Raise an error unless a dataset can be appended to some archive.

    Parameters
    ----------
    ds : xarray.Dataset
        What is to be appended.
    dim : str
        The dimension along which the archive grows.

    Raises
    ------
    TypeError
        If it is no dataset, or the labels along `dim` are neither times nor integers.
    ValueError
        If it has no labels along `dim`, a variable of the name that the archive needs, or labels that are not
        sorted, missing or not unique.
    """
    if not isinstance(ds, xr.Dataset):
        msg = f"ds is a {type(ds).__name__}. Append an xarray.Dataset; a DataArray becomes one by .to_dataset()."
        raise TypeError(msg)
    if dim not in ds.indexes:
        msg = f"ds has no coordinate {dim!r} along a dimension {dim!r}; its dimensions are {dict(ds.sizes)}. Add one."
        raise ValueError(msg)
    if PRESENT in ds.variables:
        msg = (
            f"ds has a variable {PRESENT!r}, the name under which an archive records its steps. To copy an archive, "
            f"append ds.sel({dim}=ds.{PRESENT}).drop_vars({PRESENT!r})."
        )
        raise ValueError(msg)
    require_sorted(ds.indexes[dim].to_numpy(), dim)


def check_choices(archive: Archive, *, dim: str, step: Step | None, chunks: Mapping[str, int] | None) -> None:
    """Raise an error if a later call asks for another axis or other chunks than the archive has.

    Parameters
    ----------
    archive : Archive
        The archive.
    dim : str
        The dimension that is asked for.
    step : str, int, timedelta or np.timedelta64, optional
        The distance between two steps that is asked for.
    chunks : mapping of str to int, optional
        The chunks that are asked for; sizes larger than the archive's dimension mean all of it.

    Raises
    ------
    ValueError
        If they differ.
    """
    axis = archive.axis
    if dim != axis.dim:
        msg = f"dim={dim!r}, but the archive grows along {axis.dim!r}."
        raise ValueError(msg)
    if step is not None and not axis.has_step(step):
        msg = f"step={step!r}, but the archive's axis is {axis}. It is fixed by the first piece."
        raise ValueError(msg)
    for name in archive.names if chunks else ():
        dims, array = archive.dims(name), archive.array(name)
        if dims == (dim,) or dim not in dims:
            continue
        for length, size, along in zip(array.shape, array.chunks, dims, strict=True):
            asked = (chunks or {}).get(along, size)
            if size != asked and not (along != dim and size == length and (asked == -1 or asked > length)):
                msg = (
                    f"chunks={dict(chunks or {})!r}, but {name!r} has chunks of {size} along {along!r}. They are fixed "
                    f"by the first piece; leave chunks= out."
                )
                raise ValueError(msg)


def check_fits(ds: xr.Dataset, archive: Archive) -> None:
    """Raise an error unless a dataset has the variables, types, sizes and fixed coordinates of an archive.

    Parameters
    ----------
    ds : xarray.Dataset
        What is to be appended.
    archive : Archive
        The archive. What does not grow in it is read, to be compared.

    Raises
    ------
    TypeError
        If a variable has another type.
    ValueError
        If there are other variables, or one has other dimensions, sizes, values or another meaning.
    """
    template = archive.template().drop_vars(PRESENT)
    _check_names(ds, template)
    for name, variable in ds.variables.items():
        _check_variable(str(name), variable, template.variables[name], archive.axis.dim)


def same_values(one: xr.Variable, other: xr.Variable) -> bool:
    """Whether two variables have the same dimensions and values; missing values are alike."""
    return bool(one.equals(other))  # type: ignore[no-untyped-call]


def _check_names(ds: xr.Dataset, template: xr.Dataset) -> None:
    given, known = set(map(str, ds.variables)), set(map(str, template.variables))
    if given != known:
        missing, extra = sorted(known - given), sorted(given - known)
        msg = (
            f"ds has other variables than the archive: missing {missing}, unknown {extra}. Give all of "
            f"{sorted(known)} and no other."
        )
        raise ValueError(msg)


def _check_variable(name: str, given: xr.Variable, known: xr.Variable, dim: str) -> None:
    if given.dims != known.dims or any(given.sizes[d] != known.sizes[d] for d in known.dims if d != dim):
        sizes = {d: "any" if d == dim else size for d, size in known.sizes.items()}
        msg = f"{name!r} has dimensions {dict(given.sizes)}, in the archive {sizes}. Transpose, select or regrid it."
        raise ValueError(msg)
    if name != dim and given.dtype.newbyteorder("=") != known.dtype.newbyteorder("="):
        msg = f"{name!r} is {given.dtype}, in the archive {known.dtype}. Convert it with astype."
        raise TypeError(msg)
    for key in MEANING:
        if given.attrs.get(key) != known.attrs.get(key):
            msg = (
                f"{name!r} has {key}={given.attrs.get(key)!r}, in the archive {known.attrs.get(key)!r}. Convert the "
                f"values, or mend the attribute."
            )
            raise ValueError(msg)
    if dim not in given.dims and not same_values(given, known):
        msg = f"{name!r} has other values than in the archive, where it is fixed. Select or regrid to the same ones."
        raise ValueError(msg)


# How values are stored, never which: an archive gives back what was appended, bit for bit.
ENCODINGS = frozenset({"chunks", "compressors", "filters", "serializer", "shards"})
KINDS = "biufcMm"
# Steps in a chunk of what has one value a step. Eleven years of three-hourly labels are 0.3 MB before compression.
AXIS_CHUNK = 32_768
# Steps for which chunks are chosen, where none are given.
NOMINAL_STEPS = 1000
NAT = int(np.iinfo(np.int64).min)


def begin(
    ds: xr.Dataset,
    store: Store,
    axis: Axis,
    *,
    chunks: Mapping[str, int] | None,
    encoding: Mapping[str, Mapping[str, object]] | None,
) -> tuple[Archive, dict[str, bytes]]:
    """Make the archive that a first piece calls for, without any step. Nothing is stored.

    Parameters
    ----------
    ds : xarray.Dataset
        The first piece.
    store : zarr.abc.store.Store
        Where the archive will be.
    axis : Axis
        Its axis.
    chunks : mapping of str to int, optional
        Size of a chunk in each dimension; -1 is all of it.
    encoding : mapping of str to mapping, optional
        For each variable any of chunks, shards, compressors, filters and serializer, as for `Dataset.to_zarr`.

    Returns
    -------
    Archive
        The archive, of length 0.
    dict of str to bytes
        Chunks of the variables that do not grow, by key.

    Raises
    ------
    TypeError
        If a variable is neither of numbers nor booleans nor times.
    ValueError
        If the encoding or the chunks name something else than can be chosen, or a variable would not come back as
        it is.
    """
    chunks, encoding = chunks or {}, encoding or {}
    _check_choices(ds, axis.dim, chunks, encoding)
    empty = _empty(ds, axis)
    stored = {str(name): _choices(variable, axis.dim, chunks) for name, variable in empty.variables.items()}
    # Labels grow by the same number each: bit by bit they compress fifteen times better. Their values are known.
    stored[axis.dim]["compressors"] = (BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),)
    for name, choices in encoding.items():
        stored[name] |= choices
    memory = MemoryStore()
    empty.to_zarr(memory, encoding=stored, zarr_format=3, consolidated=False, write_empty_chunks=True)
    document = _document(memory, sorted(stored))
    _check_comes_back(ds, Archive(memory, document))
    fixed = get_many(memory, sorted(key for key in keys(memory) if not key.endswith(ROOT)))
    return Archive(store, document), {key: value for key, value in fixed.items() if value is not None}


def _empty(ds: xr.Dataset, axis: Axis) -> xr.Dataset:
    """Return the dataset without steps, with the record of presence, and with labels as the numbers to be stored."""
    variables = {name: _without_steps(variable, axis.dim) for name, variable in ds.variables.items()}
    labels = xr.Variable(axis.dim, np.zeros(0, np.int64), ds[axis.dim].attrs | axis.attributes)
    marks = {
        "long_name": "whether the step has been appended",
        "append_dim": axis.dim,
        "append_start": axis.start,
        "append_step": axis.step,
        "append_unit": axis.unit,
    }
    present = xr.Variable(axis.dim, np.zeros(0, bool), marks)
    variables |= {axis.dim: labels, PRESENT: present}
    coords = {*ds.coords, PRESENT}
    return xr.Dataset(
        {name: variable for name, variable in variables.items() if name not in coords},
        {name: variable for name, variable in variables.items() if name in coords},
        ds.attrs,
    )


def _without_steps(variable: xr.Variable, dim: str) -> xr.Variable:
    """Return a variable without its encoding; without values where it grows, which Dask need not compute then."""
    sizes = [0 if name == dim else size for name, size in variable.sizes.items()]
    values = np.zeros(sizes, variable.dtype) if dim in variable.dims else variable.values
    return xr.Variable(variable.dims, values, variable.attrs)


def _choices(variable: xr.Variable, dim: str, chunks: Mapping[str, int]) -> dict[str, object]:
    """Return how to store a variable. The checksum lets every reader notice a damaged chunk, at 4 bytes each."""
    chosen: dict[str, object] = {"compressors": (ZstdCodec(level=0, checksum=True),)}
    if variable.ndim:
        chosen["chunks"] = _chunks(variable, dim, chunks)
    if variable.dtype.kind in "fc":
        chosen["fill_value"] = variable.dtype.type(np.nan)
    if variable.dtype.kind in "Mm":
        unit = UNITS[np.datetime_data(variable.dtype)[0]]
        chosen["units"] = f"{unit} since 1970-01-01" if variable.dtype.kind == "M" else unit
        chosen |= {"dtype": "int64", "_FillValue": NAT, "fill_value": NAT}
    return chosen


def _chunks(variable: xr.Variable, dim: str, chunks: Mapping[str, int]) -> tuple[int, ...]:
    sizes = {str(name): max(size, 1) for name, size in variable.sizes.items()}
    if tuple(sizes) == (dim,):
        return (AXIS_CHUNK,)
    if chunks or dim not in sizes:
        asked = {name: chunks.get(name, -1) for name in sizes}
        return tuple(
            sizes[name] if size == -1 else min(size, sizes[name]) if name != dim else size
            for name, size in asked.items()
        )
    shape = tuple(NOMINAL_STEPS if name == dim else size for name, size in sizes.items())
    one_step = tuple(0 if name == dim else slice(None) for name in sizes)
    one_place = tuple(slice(None) if name == dim else 0 for name in sizes)
    return suggest_chunks(shape, variable.dtype, [(one_step, 1), (one_place, 1)], limit=1)[0].chunks


def _document(memory: MemoryStore, names: list[str]) -> bytes:
    """Return the metadata of the group with that of its arrays in it."""
    group = json.loads(get(memory, ROOT) or b"")
    arrays = {name: json.loads(get(memory, f"{name}/{ROOT}") or b"") for name in names}
    group["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": arrays}
    return json.dumps(group).encode()


def _check_choices(
    ds: xr.Dataset, dim: str, chunks: Mapping[str, int], encoding: Mapping[str, Mapping[str, object]]
) -> None:
    for name, variable in ds.variables.items():
        if variable.dtype.kind not in KINDS:
            msg = f"{name!r} is of type {variable.dtype}. An archive takes numbers, booleans and times: leave it out."
            raise TypeError(msg)
    for name, size in chunks.items():
        if name not in ds.dims or size == 0 or size < -1 or (name == dim and size < 1):
            msg = f"chunks={dict(chunks)!r} is not allowed for {dict(ds.sizes)}. Give sizes of 1 or more; -1 is all."
            raise ValueError(msg)
    for name, choices in encoding.items():
        if name not in ds.variables or not ENCODINGS.issuperset(choices):
            msg = (
                f"encoding={{{name!r}: {dict(choices)!r}}} is not allowed. Values are stored as they are: what can be "
                f"chosen is {sorted(ENCODINGS)}, for each of {sorted(map(str, ds.variables))}."
            )
            raise ValueError(msg)


def _check_comes_back(ds: xr.Dataset, archive: Archive) -> None:
    """Raise an error if xarray would read a variable differently from how it was given."""
    template = archive.template()
    for name, variable in ds.variables.items():
        back = template.variables[name]
        same_type = back.dtype == variable.dtype.newbyteorder("=")
        if name == archive.axis.dim:
            same_type = (back.dtype.kind == "M") == bool(archive.axis.unit)
        if not same_type or (archive.axis.dim not in variable.dims and not same_values(back, variable)):
            msg = (
                f"{name!r}, {variable.dtype} with attributes {dict(variable.attrs)}, would be read back as {back.dtype}"
                f" with other values. Decode it first: xr.decode_cf(ds)."
            )
            raise ValueError(msg)
