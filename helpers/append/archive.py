"""Holds what an archive is, an ordinary group of Zarr that Xarray reads, and how the first piece begins one."""

from __future__ import annotations

import contextlib
import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr
from pandas.tseries.frequencies import to_offset
from zarr.buffer import default_buffer_prototype
from zarr.codecs import BloscCodec, ZstdCodec
from zarr.storage import MemoryStore

from helpers.append.store import ROOT, Draft, get, keys, put
from helpers.cost import suggest_chunks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    import numpy.typing as npt
    from zarr.abc.store import Store

    type Step = str | int | timedelta | np.timedelta64
    type Labels = npt.NDArray[Any]

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
        self.store, self.root, self.dim, self.published, self.fixed = store, root, dim, published, dict[str, bytes]()
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
        self.draft = Draft(store, self.nodes)
        # Of labels as many are read as are needed, and by `labels`.
        self.template = xr.open_zarr(self.draft, consolidated=False, chunks=None, drop_variables=[dim])
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
            arrays = zarr.open_group(store, mode="r", use_consolidated=False).arrays()
            documents = {name: each.metadata.to_buffer_dict(default_buffer_prototype())[ROOT] for name, each in arrays}
            nodes = {name: json.loads(each.to_bytes()) for name, each in documents.items()}
            root["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": nodes}
        return cls(store, root, dim, published)

    def array(self, name: str) -> zarr.Array[Any]:
        """Return an array as this document describes it."""
        mode = "r" if self.store.read_only else "r+"
        return zarr.open_array(self.draft, path=name, mode=mode, zarr_format=3, config={"write_empty_chunks": True})

    def labels(self, first: int, last: int) -> Labels:
        """Read labels from one position up to another."""
        stored = xr.Variable(self.dim, np.asarray(self.array(self.dim)[first:last]), self.encodings[self.dim])
        values: Labels = xr.conventions.decode_cf_variable(self.dim, stored).values
        return values

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
        put(self.store, {f"{name}/{ROOT}": json.dumps(self.nodes[name], indent=2).encode() for name in names})
        put(self.store, {ROOT: json.dumps(self.root, indent=2).encode()})


def distance(step: Step, labels: Labels) -> Any:
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


def checked_labels(ds: xr.Dataset, dim: str) -> Labels:
    """Return the labels of a piece, or refuse them."""
    if not isinstance(ds, xr.Dataset) or dim not in ds.indexes:
        msg = f"append takes a Dataset with labels {dim!r} along a dimension {dim!r}, not this {type(ds).__name__}."
        raise ValueError(msg)
    index = ds.indexes[dim]
    some = index[0] if len(index) else None
    if (zone := getattr(some, "tzinfo", None)) is not None:
        msg = (
            f"{dim!r} carries a time zone, {zone}, which Zarr cannot keep. Convert it to UTC: "
            f"ds.assign_coords({dim}=pd.DatetimeIndex(ds.indexes[{dim!r}]).tz_convert(None))."
        )
        raise TypeError(msg)
    labels = index.to_numpy()
    if labels.dtype.kind == "O" and not (isinstance(some, str | None) or hasattr(some, "calendar")):
        msg = f"{dim!r} is of type {index.dtype} ({type(some).__name__}). Give times, numbers or text."
        raise TypeError(msg)
    if index.hasnans or not (index.is_monotonic_increasing and index.is_unique):
        at = int(np.flatnonzero(index.isna() | np.append(False, ~(labels[1:] > labels[:-1])))[0])
        msg = (
            f"{dim!r} is not in order, or has no label, at {at}: {text(labels[at])}. Use ds.sortby({dim!r}), "
            f"ds.drop_duplicates({dim!r}) or ds.dropna({dim!r})."
        )
        raise ValueError(msg)
    return labels


def refuse(ds: xr.Dataset, archive: Archive, labels: Labels, step: Step | None) -> None:
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
    msg = (
        f"{name!r} ({new.dtype}) does not fit the archive, which stores {str(stored)!r}: other values would be read "
        f"back. Convert it, decode it (xr.decode_cf), or copy the archive into one that append begins."
    )
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
    ds: xr.Dataset,
    store: Store,
    dim: str,
    *,
    step: Step | None,
    chunks: Mapping[str, int],
    encoding: Mapping[str, Mapping[str, object]],
) -> Archive:
    """Return the archive that a first piece calls for, without any step. Nothing is stored."""
    labels = ds.indexes[dim].to_numpy()
    if step is not None and PRESENT in ds.variables:
        msg = f"{PRESENT!r} is the record of an archive: append ds.sel({dim}=ds.{PRESENT}).drop_vars({PRESENT!r})."
        raise ValueError(msg)
    if not labels.size or chunks.get(dim, 1) < 1 or not {*chunks, *encoding} <= {*ds.sizes, *ds.variables}:
        msg = (
            f"an archive cannot begin with {dict(ds.sizes)}, chunks={dict(chunks)!r}, encoding={dict(encoding)!r}. "
            f"Give at least one step, and chunks of one or more; name variables that are there."
        )
        raise ValueError(msg)
    apart = None if step is None else distance(step, labels)
    empty = xr.Dataset({name: _without_steps(each, dim) for name, each in ds.variables.items()}, attrs=ds.attrs)
    if _is_time(labels):
        calendar = getattr(labels[0], "calendar", "proleptic_gregorian")
        units = {"units": f"{_unit(labels, apart)} since 1970-01-01", "calendar": calendar}
        empty[dim] = (dim, np.zeros(0, np.int64), ds[dim].attrs | units)
    if step is not None:
        marks = {"long_name": "whether the step has been appended"}
        every_ = {"step": step if isinstance(step, int) else str(pd.Timedelta(step))}
        empty[PRESENT] = (dim, np.zeros(0, bool), marks | every_)
    how = {str(name): _choices(str(name), each, dim, chunks) for name, each in empty.variables.items()}
    for name, choices in encoding.items():
        how[name] |= choices
    memory = MemoryStore()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)  # that metadata is consolidated
        coordinates = [name for name in (*ds.coords, PRESENT) if name in empty]
        empty.set_coords(coordinates).to_zarr(memory, encoding=how, zarr_format=3, write_empty_chunks=True)
    archive = Archive(memory, json.loads(get(memory, ROOT) or b""), dim)
    archive.fixed = {key: get(memory, key) or b"" for key in keys(memory) if not key.endswith(ROOT)}
    archive.store, archive.draft, archive.step = store, Draft(store, archive.nodes), apart
    return archive


def is_text(variable: xr.Variable) -> bool:
    """Whether values are text, of fixed length or not."""
    kind = variable.dtype.kind
    return kind in "TU" or (kind == "O" and pd.api.types.infer_dtype(variable.values.ravel()) in ("string", "empty"))


def _is_time(labels: Labels) -> bool:
    return labels.dtype.kind == "M" or hasattr(labels[0], "calendar")


def _unit(labels: Labels, apart: Any) -> str:
    """Return the coarsest unit of time that is whole for labels and steps."""
    if labels.dtype.kind == "O":
        return "microseconds"
    step = np.timedelta64(0, "ns") if apart is None else apart
    for unit, name in UNITS.items():
        if (labels.astype(f"M8[{unit}]") == labels).all() and step.astype(f"m8[{unit}]") == step:
            return name
    return "nanoseconds"


def _without_steps(variable: xr.Variable, dim: str) -> xr.Variable:
    """Return a variable without its encoding; without values where it grows, which Dask need not compute then."""
    dtype: Any = np.dtypes.StringDType() if is_text(variable) else variable.dtype
    if dim not in variable.dims:
        return xr.Variable(variable.dims, variable.values.astype(dtype), variable.attrs)
    shape = [0 if along == dim else size for along, size in variable.sizes.items()]
    return xr.Variable(variable.dims, np.zeros(shape, dtype), variable.attrs)


def _choices(name: str, variable: xr.Variable, dim: str, chunks: Mapping[str, int]) -> dict[str, Any]:
    """Return how to store a variable. The checksum lets every reader notice a damaged chunk, at 4 bytes each."""
    chosen: dict[str, Any] = {"compressors": (ZstdCodec(level=0, checksum=True),)}
    sizes = {str(along): max(size, 1) for along, size in variable.sizes.items()}
    if tuple(sizes) == (dim,):
        chosen["chunks"] = (AXIS_CHUNK,)
    elif chunks and sizes:
        asked = {along: chunks.get(along, -1) for along in sizes}
        chosen["chunks"] = tuple(sizes[d] if n == -1 else n if d == dim else min(n, sizes[d]) for d, n in asked.items())
    elif dim in sizes:  # for maps and series alike, of an archive of a thousand steps
        one_map = tuple(0 if along == dim else slice(None) for along in sizes)
        history = tuple(slice(None) if along == dim else 0 for along in sizes)
        shape = tuple({**sizes, dim: 1000}.values())
        dtype = "f8" if variable.dtype.kind == "T" else variable.dtype
        chosen["chunks"] = suggest_chunks(shape, dtype, [(one_map, 1), (history, 1)], limit=1)[0].chunks
    # Labels grow by about the same number each: bit by bit they compress fifteen times better.
    if name == dim and variable.dtype.kind in "iuf":
        chosen["compressors"] = (BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),)
    if variable.dtype.kind in "Mm":
        unit, nat = UNITS[np.datetime_data(variable.dtype)[0]], int(np.iinfo(np.int64).min)
        chosen["units"] = f"{unit} since 1970-01-01" if variable.dtype.kind == "M" else unit
        chosen |= {"dtype": "int64", "_FillValue": nat, "fill_value": nat}
    return chosen
