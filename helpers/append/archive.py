"""Holds what an archive is, an ordinary group of Zarr that Xarray reads, and how the first piece begins one."""

from __future__ import annotations

import contextlib
import json
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr
from pandas.tseries.frequencies import to_offset
from zarr.codecs import BloscCodec, ZstdCodec
from zarr.storage import MemoryStore, StorePath

from helpers.append.store import ROOT, Draft, get, keys, put

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    import numpy.typing as npt
    from zarr.abc.store import Store

    type Step = str | int | timedelta | np.timedelta64
    type Encodings = Mapping[str, Mapping[str, object]]
    type Array = npt.NDArray[Any]

__all__ = ["PRESENT", "Archive", "begin", "checked_labels", "refuse"]

PRESENT = "present"
# Attributes that say what numbers mean. Others, such as a history, may differ from piece to piece.
MEANING = ("units", "standard_name", "calendar", "grid_mapping", "_FillValue", "scale_factor", "add_offset")
# From coarse to fine. Seconds are the coarsest: every tool reads them, and 64 bits hold them for ever.
UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
# Steps in a chunk of what has one value a step: eleven years of three-hourly labels are one small object.
AXIS_CHUNK = 2**15


class Archive:
    """Hold what the ``zarr.json`` of a group says of an archive, and where its labels lie.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the archive is.
    root : dict
        The ``zarr.json`` of the group, with consolidated metadata.
    dim : str
        The dimension along which it grows.
    published : bytes, optional
        What is stored of that document, if anything is.

    Raises
    ------
    ValueError
        If it is not the document of an archive, or cannot grow along `dim`.
    """

    def __init__(self, store: Store, root: dict[str, Any], dim: str, published: bytes | None = None) -> None:
        self.store, self.dim, self.published, self.fixed = store, dim, published, dict[str, bytes]()
        nodes = root["consolidated_metadata"]["metadata"]
        self.nodes = {name: node for name, node in nodes.items() if node["node_type"] == "array" and "/" not in name}
        axes = {name: list(node.get("dimension_names") or ()) for name, node in self.nodes.items()}
        self.axes = {name: names.index(dim) for name, names in axes.items() if dim in names}
        lengths = {name: self.nodes[name]["shape"][axis] for name, axis in self.axes.items()}
        if dim not in lengths:
            msg = f"dim={dim!r}, but {store} has no labels along it. Its arrays are {sorted(self.nodes)}."
            raise ValueError(msg)
        if len(set(lengths.values())) > 1:
            msg = f"the archive in {store} disagrees with itself: steps {lengths}. Another program changed it."
            raise ValueError(msg)
        self.length: int = lengths[dim]
        marks = self.nodes.get(PRESENT, {}).get("attributes", {})
        self.names = [name for name in self.axes if name != dim and not (name == PRESENT and "step" in marks)]
        self.draft = Draft(store, {f"{name}/{ROOT}": node for name, node in self.nodes.items()} | {ROOT: root})
        # Of labels as many are read as are needed, and by `labels`.
        how: dict[str, Any] = {"chunks": None, "drop_variables": [dim], "create_default_indexes": False}
        self.template = xr.open_zarr(self.draft, consolidated=True, zarr_format=3, **how)
        attrs = self.nodes[dim]["attributes"]
        units = {key: attrs[key] for key in ("units", "calendar") if key in attrs}
        self.encodings = {str(name): each.encoding for name, each in self.template.variables.items()} | {dim: units}
        self.last = self.labels(self.length - 1, self.length) if self.length else None
        self.step: Any = None if self.last is None or "step" not in marks else distance(marks["step"], self.last)

    @classmethod
    def load(cls, store: Store, dim: str) -> Archive | None:
        """Read the archive in a store, with one request; None if there is none yet."""
        published = get(store, ROOT)
        if published is None:
            if get(store, ".zgroup") is not None:
                msg = f"{store} holds something of Zarr format 2. Begin the archive elsewhere."
                raise ValueError(msg)
            return None
        root = json.loads(published)
        if root["node_type"] != "group":
            msg = f"{store} holds an array. An archive is a group with labels, as ds.to_zarr() makes it."
            raise ValueError(msg)
        if not root.get("consolidated_metadata"):
            names = zarr.open_group(store, mode="r", use_consolidated=False).array_keys()
            nodes = {name: json.loads(get(store, f"{name}/{ROOT}") or b"") for name in names}
            root["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": nodes}
        return cls(store, root, dim, published)

    def array(self, name: str, **config: bool) -> zarr.Array[Any]:
        """Return an array as this document describes it."""
        how: Any = {"write_empty_chunks": True, **config}
        return zarr.Array(zarr.AsyncArray(self.nodes[name], StorePath(self.store, name), how))

    def labels(self, first: int, last: int) -> Array:
        """Read labels from one position up to another."""
        stored = xr.Variable(self.dim, np.asarray(self.array(self.dim)[first:last]), self.encodings[self.dim])
        return np.asarray(xr.conventions.decode_cf_variable(self.dim, stored).values)

    def coded(self, name: str, given: xr.Variable) -> tuple[xr.Variable, xr.Variable]:
        """Return values as they are stored, and as they will be read back: in its unit, packed, cut off."""
        encoding = self.encodings[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Xarray warns of is compared
            coded = xr.conventions.encode_cf_variable(xr.Variable(given.dims, given.values, {}, encoding))
            attrs = coded.attrs | {key: encoding[key] for key in ("units", "calendar") if key in encoding}
            stored = xr.Variable(coded.dims, coded.values.astype(self.array(name).dtype), attrs)
            return stored, xr.conventions.decode_cf_variable(name, stored)

    def lengthen(self, length: int) -> None:
        """Give the arrays another length. Nothing is stored."""
        self.length = length
        for name, axis in self.axes.items():
            self.nodes[name]["shape"][axis] = length

    def publish(self) -> None:
        """Store the metadata of the arrays, and last the one document that readers open."""
        names = self.nodes if self.published is None else self.axes
        for documents in ([f"{name}/{ROOT}" for name in names], [ROOT]):
            put(self.store, {key: json.dumps(self.draft.documents[key], indent=2).encode() for key in documents})


def distance(step: Step, labels: Array) -> Any:
    """Return a distance such that it can be added to labels."""
    if isinstance(step, int) != (labels.dtype.kind in "iu"):
        msg = f"step={step!r} does not fit labels of {labels.dtype}. Give '3h' or the like for times, 3 for integers."
        raise TypeError(msg)
    apart: Any = step
    if not isinstance(step, int):
        delta = pd.Timedelta(step)
        apart = delta.to_pytimedelta() if labels.dtype.kind == "O" else delta.to_timedelta64().astype("m8[ns]")
    if not apart > apart * 0:
        msg = f"step={step!r} is not allowed. It must be above zero."
        raise ValueError(msg)
    return apart


def every(step: Any) -> str:
    """Return a distance as text."""
    name = str(step) if isinstance(step, int) else to_offset(pd.Timedelta(step)).freqstr
    return f"every {name}" if name[0].isdigit() else f"every 1{name}"


def text(label: Any) -> str:
    """Return a label as text, times without the zeros that nobody wrote."""
    seconds = label.astype("M8[s]") if isinstance(label, np.datetime64) else label
    return str(seconds if seconds == label else label)


def checked_labels(ds: xr.Dataset, dim: str) -> Array:
    """Return the labels of a piece, or refuse them."""
    if not isinstance(ds, xr.Dataset) or dim not in ds.indexes:
        msg = f"append takes a Dataset with labels {dim!r} along a dimension {dim!r}, not this {type(ds).__name__}."
        raise ValueError(msg)
    index = ds.indexes[dim]
    some = index[0] if len(index) else None
    if (zone := getattr(some, "tzinfo", None)) is not None:
        msg = f"{dim!r} carries a time zone, {zone}, which Zarr cannot keep. Convert it to UTC: ds.assign_coords("
        msg += f"{dim}=pd.DatetimeIndex(ds.indexes[{dim!r}]).tz_convert(None))."
        raise TypeError(msg)
    labels = index.to_numpy()
    if index.hasnans or not (index.is_monotonic_increasing and index.is_unique):
        at = int(np.flatnonzero(index.isna() | np.append(False, ~(labels[1:] > labels[:-1])))[0])
        msg = f"{dim!r} is not in order, or has no label, at {at}: {text(labels[at])}. "
        msg += f"Use ds.sortby({dim!r}), ds.drop_duplicates({dim!r}) or ds.dropna({dim!r})."
        raise ValueError(msg)
    return labels


def refuse(ds: xr.Dataset, archive: Archive, labels: Array, step: Step | None) -> None:
    """Raise an error unless a piece has the variables, types, sizes and fixed values of the archive."""
    known = {name: each for name, each in archive.template.variables.items() if name != PRESENT or archive.step is None}
    missing, unknown = {*known, archive.dim} - {*ds.variables}, {*ds.variables} - {*known, archive.dim}
    if missing or unknown:
        msg = f"ds lacks {sorted(map(str, missing))} of the archive, which does not know {sorted(map(str, unknown))}."
        raise ValueError(msg)
    _refuse_changed(archive, archive.dim, xr.Variable(archive.dim, labels))
    if step is not None and (archive.step is None or distance(step, labels) != archive.step):
        axis = "none: its steps may be at any distance" if archive.step is None else every(archive.step)
        msg = f"step={step!r}, but that of the archive is {axis}. It is fixed by the first piece."
        raise ValueError(msg)
    for name, like in known.items():
        _refuse_other(archive, str(name), ds.variables[name], like)


def _refuse_changed(archive: Archive, name: str, new: xr.Variable) -> None:
    """Raise an error if times or text would be read back as others: never a wrong date."""
    with contextlib.suppress(OverflowError, ValueError, TypeError, AttributeError):
        if archive.coded(name, new)[1].equals(new):  # type: ignore[no-untyped-call]
            return
    stored = archive.encodings[name].get("units", archive.array(name).dtype)
    msg = f"{name!r} ({new.dtype}) does not fit the archive, which stores {str(stored)!r}: other values would be read "
    msg += "back. Convert it, decode it (xr.decode_cf), or copy the archive into one that append begins."
    raise ValueError(msg)


def _refuse_other(archive: Archive, name: str, new: xr.Variable, like: xr.Variable) -> None:
    dim, exact = archive.dim, new.dtype.kind in "MmTUO"
    sizes = [str({d: "any" if d == dim else size for d, size in each.sizes.items()}) for each in (new, like)]
    facts: list[tuple[str, Any, Any, str]] = [("dimensions", sizes[0], sizes[1], "Transpose, select or regrid it.")]
    facts += [(key, new.attrs.get(key), like.attrs.get(key), "Convert it, or mend it.") for key in MEANING]
    if not exact and not (new.dtype.kind == "f" and {"scale_factor", "add_offset"} & like.encoding.keys()):
        facts += [("type", new.dtype.newbyteorder("="), like.dtype, "Convert it with astype, or xr.decode_cf(ds).")]
    if dim not in new.dims and new.dims == like.dims:
        same = new.equals(like)  # type: ignore[no-untyped-call]
        facts += [("fixed values", "of its own" if not same else "", "", "Select or regrid to the same ones.")]
    for what, has, wants, cure in facts:
        if has != wants:
            msg = f"{name!r} has {what} {has}, in the archive {wants}. {cure}"
            raise (TypeError if what == "type" else ValueError)(msg)
    if exact:
        _refuse_changed(archive, name, new)


def begin(
    ds: xr.Dataset, store: Store, dim: str, *, step: Step | None, chunks: Mapping[str, int], encoding: Encodings
) -> Archive:
    """Return the archive that a first piece calls for, without any step. Nothing is stored."""
    labels = ds.indexes[dim].to_numpy()
    if step is not None and PRESENT in ds.variables:
        msg = f"{PRESENT!r} is the record of an archive: append ds.sel({dim}=ds.{PRESENT}).drop_vars({PRESENT!r})."
        raise ValueError(msg)
    if not labels.size or chunks.get(dim, 1) < 1 or not {*chunks, *encoding} <= {*ds.sizes, *ds.variables}:
        msg = f"an archive cannot begin with {dict(ds.sizes)}, chunks={dict(chunks)!r}, encoding={dict(encoding)!r}. "
        msg += "Give at least one step, and chunks of one or more; name variables that are there."
        raise ValueError(msg)
    apart = None if step is None else distance(step, labels)
    empty = xr.Dataset({name: _without_steps(each, dim) for name, each in ds.variables.items()}, attrs=ds.attrs)
    if labels.dtype.kind == "M" or hasattr(labels[0], "calendar"):
        calendar = getattr(labels[0], "calendar", "proleptic_gregorian")
        units = {"units": f"{_unit(labels, apart)} since 1970-01-01", "calendar": calendar}
        empty[dim] = (dim, np.zeros(0, np.int64), ds[dim].attrs | units)
    if apart is not None:
        marks = {"step": step if isinstance(apart, int) else str(pd.Timedelta(apart))}
        empty[PRESENT] = (dim, np.zeros(0, bool), {"long_name": "whether the step has been appended", **marks})
    empty = empty.set_coords([name for name in (*ds.coords, PRESENT) if name in empty])
    how = {str(name): _choices(str(name), each, dim, chunks, encoding) for name, each in empty.variables.items()}
    memory = MemoryStore()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)  # that metadata is consolidated
        empty.to_zarr(memory, encoding=how, zarr_format=3, write_empty_chunks=True)
    archive = Archive(memory, json.loads(get(memory, ROOT) or b""), dim)
    archive.fixed = {key: get(memory, key) or b"" for key in keys(memory) if not key.endswith(ROOT)}
    archive.store, archive.draft, archive.step = store, Draft(store, archive.draft.documents), apart
    return archive


def _unit(labels: Array, apart: Any) -> str:
    """Return the coarsest unit of time that is whole for labels and steps."""
    step = np.timedelta64(0, "ns") if apart is None else apart
    if labels.dtype.kind == "O":
        return "microseconds"
    whole = [unit for unit in UNITS if (labels.astype(f"M8[{unit}]") == labels).all()]
    return UNITS[next(unit for unit in whole if step.astype(f"m8[{unit}]") == step)]


def _without_steps(variable: xr.Variable, dim: str) -> xr.Variable:
    """Return a variable without its encoding; without values where it grows, which Dask need not compute then."""
    kind, dtype = variable.dtype.kind, variable.dtype
    if kind in "TU" or (kind == "O" and pd.api.types.infer_dtype(variable.values.ravel()) in ("string", "empty")):
        dtype = np.dtypes.StringDType()
    shape = [0 if along == dim else size for along, size in variable.sizes.items()]
    values = np.zeros(shape, dtype) if dim in variable.dims else variable.values.astype(dtype)
    return xr.Variable(variable.dims, values, variable.attrs)


def _choices(name: str, like: xr.Variable, dim: str, chunks: Mapping[str, int], encoding: Encodings) -> dict[str, Any]:
    """Return how to store a variable. The checksum lets every reader notice a damaged chunk, at 4 bytes each."""
    chosen: dict[str, Any] = {"compressors": (ZstdCodec(level=0, checksum=True),)}
    sizes = {str(along): max(size, 1) for along, size in like.sizes.items()}
    if tuple(sizes) == (dim,):
        chosen["chunks"] = (AXIS_CHUNK,)
    elif sizes:
        cut = {along: n if chunks.get(along, -1) == -1 else min(chunks[along], n) for along, n in sizes.items()}
        fit = min(2**22 // max(math.prod(cut.values()) * like.dtype.itemsize, 1), 1000)
        chosen["chunks"] = tuple(chunks.get(dim, max(fit, 1)) if along == dim else n for along, n in cut.items())
    # Array grow by about the same number each: bit by bit they compress fifteen times better.
    if name == dim and like.dtype.kind in "iuf":
        chosen["compressors"] = (BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),)
    if like.dtype.kind in "Mm":
        unit, nat = UNITS[np.datetime_data(like.dtype)[0]], int(np.iinfo(np.int64).min)
        chosen["units"] = f"{unit} since 1970-01-01" if like.dtype.kind == "M" else unit
        chosen |= {"dtype": "int64", "_FillValue": nat, "fill_value": nat}
    return chosen | dict(encoding.get(name, {}))
