"""Begins an archive: fixes axis, chunks, compressor and attributes once, for all that will be appended.

Whatever the first piece was read from, what is stored depends on its values and attributes alone: the encoding of
the source (its chunks, its units of time, its filters) is dropped, because it fits that source, not the archive.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from zarr.codecs import BloscCodec, ZstdCodec
from zarr.storage import MemoryStore

from helpers.append_archive import PRESENT, ROOT, Archive
from helpers.append_axis import UNITS
from helpers.append_check import same_values
from helpers.append_store import get, get_many, keys
from helpers.chunks import suggest_chunks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zarr.abc.store import Store

    from helpers.append_axis import Axis

__all__ = ["ENCODINGS", "begin"]

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
