"""Holds what an archive is: its metadata and labels, what does not belong to it, and how one is begun."""

from __future__ import annotations

import itertools
import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr
from zarr.codecs import BloscCodec, ZstdCodec
from zarr.storage import MemoryStore

from helpers.append.store import ROOT, Draft, get, get_many, keys, put
from helpers.cost import suggest_chunks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    import numpy.typing as npt
    from zarr.abc.store import Store

    type Step = str | int | timedelta | np.timedelta64
    type Labels = npt.NDArray[Any]
    type Places = npt.NDArray[np.int64]
    type Flags = npt.NDArray[np.bool_]

__all__ = ["PRESENT", "Archive", "begin", "check_labels"]

PRESENT = "present"
# Attributes that say what numbers mean. Others, such as a history, may differ from piece to piece.
MEANING = ("units", "standard_name", "calendar", "grid_mapping", "_FillValue", "scale_factor", "add_offset")
# How values are stored, never which: an archive that append began gives back what it was given, bit for bit.
ENCODINGS = {"chunks", "compressors", "filters", "serializer", "shards"}
# From coarse to fine. Seconds are the coarsest: every tool reads them, and 64 bits hold them for ever.
UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
STANDARD = {"standard", "gregorian", "proleptic_gregorian"}
# Steps in a chunk of what has one value a step: eleven years of three-hourly labels are one small object.
AXIS_CHUNK = 32_768


class Archive:
    """Hold what the ``zarr.json`` of a group says of an archive, and where its labels lie.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where the archive is.
    document : dict
        The ``zarr.json`` of the group, with consolidated metadata.
    dim : str
        The dimension along which it grows.
    published : bytes, optional
        What is stored of that document, if anything is.
    fixed : dict of str to bytes, optional
        Chunks that are to be written besides.
    template : xarray.Dataset, optional
        The archive without any step, if it is known.

    Raises
    ------
    ValueError
        If it is not the document of an archive, or cannot grow along `dim`.
    """

    def __init__(
        self,
        store: Store,
        document: dict[str, Any],
        dim: str,
        published: bytes | None = None,
        fixed: dict[str, bytes] | None = None,
        template: xr.Dataset | None = None,
    ) -> None:
        self.store, self.document, self.dim, self.published, self.fixed = store, document, dim, published, fixed or {}
        nodes = document["consolidated_metadata"]["metadata"]
        self.arrays = {name: node for name, node in nodes.items() if node["node_type"] == "array" and "/" not in name}
        grown = {name: node for name, node in self.arrays.items() if dim in (node.get("dimension_names") or ())}
        if dim not in grown:
            msg = f"dim={dim!r}, but {store} has no labels along it. Its arrays are {sorted(self.arrays)}."
            raise ValueError(msg)
        lengths = {name: node["shape"][node["dimension_names"].index(dim)] for name, node in grown.items()}
        if len(set(lengths.values())) > 1:
            msg = f"the archive in {store} disagrees with itself: steps {lengths}. Another program changed it."
            raise ValueError(msg)
        self.names, self.length = tuple(grown), int(lengths[dim])
        self.template = self._template() if template is None else template
        self.draft = Draft(store, {f"{name}/{ROOT}": node for name, node in self.arrays.items()})
        marks = self.arrays.get(PRESENT, {}).get("attributes", {})
        self.step: Any = _distance(marks["step"], self.template[dim].to_numpy()) if "step" in marks else None

    @classmethod
    def load(cls, store: Store, dim: str) -> Archive | None:
        """Read the archive in a store, with one request; None if there is none yet."""
        published = get(store, ROOT)
        if published is None:
            old = [key for key, value in get_many(store, (".zgroup", ".zarray")).items() if value is not None]
            if old:
                msg = f"{store} holds something of Zarr format 2 ({old[0]}). Begin the archive elsewhere."
                raise ValueError(msg)
            return None
        document = json.loads(published)
        if document.get("node_type") != "group":
            msg = f"{store} holds an array. An archive is a group with labels, as ds.to_zarr() makes it."
            raise ValueError(msg)
        if not document.get("consolidated_metadata"):
            names = [name for name, _ in zarr.open_group(store, mode="r", use_consolidated=False).arrays()]
            found = get_many(store, [f"{name}/{ROOT}" for name in names]).values()
            nodes = {name: json.loads(value or b"{}") for name, value in zip(names, found, strict=True)}
            document["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": nodes}
        return cls(store, document, dim, published)

    def _template(self) -> xr.Dataset:
        """Return the archive without any step, as xarray opens it. What does not grow in it is read when asked for."""
        nodes = self._of_length(0)
        calendars = {name: nodes[name]["attributes"].get("calendar", "standard") for name in self.names}
        # Xarray cannot decode no times at all of such a calendar.
        odd = [name for name, each in calendars.items() if each not in STANDARD]
        empty = Draft(self.store, {f"{name}/{ROOT}": node for name, node in nodes.items()})
        ds: xr.Dataset = xr.open_zarr(empty, consolidated=False, chunks=None, decode_times=dict.fromkeys(odd, False))
        for name in odd:
            given = ds.variables[name]
            encoding = {key: given.attrs.pop(key) for key in ("units", "calendar")} | {"dtype": given.dtype}
            ds[name] = xr.Variable(given.dims, given.values.astype(object), given.attrs, encoding)
        return ds

    def grown(self, store: Store, length: int) -> Archive:
        """Return the archive with another length, written to through a store. Nothing is stored."""
        nodes = self.document["consolidated_metadata"]["metadata"] | self._of_length(length)
        consolidated = self.document["consolidated_metadata"] | {"metadata": nodes}
        document = self.document | {"consolidated_metadata": consolidated}
        return Archive(store, document, self.dim, self.published, self.fixed, self.template)

    def _of_length(self, length: int) -> dict[str, Any]:
        """Return the metadata of the arrays, those that grow with another length."""
        nodes = dict(self.arrays)
        for name in self.names:
            dims = nodes[name]["dimension_names"]
            shape = [
                length if along == self.dim else size for along, size in zip(dims, nodes[name]["shape"], strict=True)
            ]
            nodes[name] = nodes[name] | {"shape": shape}
        return nodes

    def publish(self) -> None:
        """Store the metadata of the arrays, and last the one document that readers open."""
        names = self.arrays if self.published is None else self.names
        put(self.store, {f"{name}/{ROOT}": json.dumps(self.arrays[name], indent=2).encode() for name in names})
        put(self.store, {ROOT: json.dumps(self.document, indent=2).encode()})

    def array(self, name: str) -> zarr.Array[Any]:
        """Return an array as this document describes it."""
        return zarr.open_array(
            self.draft, path=name, mode="r" if self.store.read_only else "r+", config={"write_empty_chunks": True}
        )

    def encoded(self, labels: Labels) -> Labels:
        """Return labels as the numbers that are stored, or refuse them: never a wrong date."""
        like = self.template[self.dim].variable
        keep = {key: like.encoding[key] for key in ("units", "calendar", "dtype") if key in like.encoding}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what xarray warns of is refused here
            try:
                coded = xr.conventions.encode_cf_variable(xr.Variable(self.dim, labels, {}, keep)).values
                same = coded.dtype == self.arrays[self.dim]["data_type"] or coded.dtype.kind in "OT"
                same = bool(np.all(self.decoded(coded) == labels)) and (same or coded.dtype.kind == "f")
            except (OverflowError, ValueError, TypeError, AttributeError):
                same = False
        if not same:
            stored = keep.get("units", like.dtype)
            msg = (
                f"{self.dim!r} from {text(labels[0])} to {text(labels[-1])} ({labels.dtype}) does not fit the labels "
                f"of the archive, stored as {stored!r} ({keep.get('calendar', 'no calendar')}). Append labels of the "
                f"same kind, or copy it into an archive begun by append, which counts seconds or finer."
            )
            raise (ValueError if labels.dtype.kind == like.dtype.kind else TypeError)(msg)
        return np.asarray(coded)

    def decoded(self, stored: Labels) -> Labels:
        """Return stored numbers as labels."""
        encoding = self.template[self.dim].encoding
        attrs = {key: encoding[key] for key in ("units", "calendar") if key in encoding}
        values: Labels = xr.conventions.decode_cf_variable(self.dim, xr.Variable(self.dim, stored, attrs)).values
        return values

    def labels(self, first: int, last: int) -> Labels:
        """Read labels from one position up to another."""
        return self.decoded(np.asarray(self.array(self.dim)[first:last]))

    def places(self, labels: Labels) -> tuple[Places, Flags]:
        """Return the position of each label, ascending, and whether the archive has its step."""
        new = np.arange(self.length, self.length + labels.size)
        if self.step is not None:
            start = self.labels(0, 1)[0] if self.length else labels[0]
            places = ((labels - start) // self.step).astype(np.int64)
            _refuse_off_axis(self, labels, places, start)
            inside = places[places < self.length]
            present = np.zeros(places.size, bool)
            if inside.size:
                flags = self.array(PRESENT)[int(inside[0]) : int(inside[-1]) + 1]
                present[: inside.size] = np.asarray(flags)[inside - inside[0]]
            return places, present
        if not self.length or not labels.size or labels[0] > self.labels(self.length - 1, self.length)[0]:
            return new, np.zeros(labels.size, bool)
        known = self.labels(0, self.length)
        places = np.searchsorted(known, labels)
        present = (places < self.length) & (known[np.minimum(places, self.length - 1)] == labels)
        if (between := ~present & (places < self.length)).any():
            msg = (
                f"{text(labels[between][0])} comes before the archive's last step, {text(known[-1])}, and is not in "
                f"it. It grows at its end only: leave it out, or begin an archive with step=, which keeps room."
            )
            raise ValueError(msg)
        places[~present] = new[: int((~present).sum())]
        return places, present


def check_labels(ds: xr.Dataset, dim: str) -> Labels:
    """Return the labels of a piece, or refuse them."""
    if not isinstance(ds, xr.Dataset):
        msg = f"ds is a {type(ds).__name__}. Append an xarray.Dataset; a DataArray becomes one by .to_dataset()."
        raise TypeError(msg)
    if dim not in ds.indexes:
        msg = f"ds has no coordinate {dim!r} along a dimension {dim!r}; its dimensions are {dict(ds.sizes)}. Add one."
        raise ValueError(msg)
    index = ds.indexes[dim]
    zone = getattr(index, "tz", None) or getattr(index[0] if len(index) else None, "tzinfo", None)
    if zone is not None:
        msg = (
            f"{dim!r} carries a time zone, {zone}, which Zarr cannot keep. Convert it to UTC: "
            f"ds.assign_coords({dim}=pd.DatetimeIndex(ds.indexes[{dim!r}]).tz_convert(None))."
        )
        raise TypeError(msg)
    labels = index.to_numpy()
    if labels.dtype.kind not in "MiufOTU" or (labels.dtype.kind == "O" and _kind(ds[dim].variable) == "object"):
        msg = f"{dim!r} is of type {index.dtype} ({type(index[0]).__name__}). Give times, numbers or text."
        raise TypeError(msg)
    if index.hasnans:
        msg = f"{dim!r} holds NaT at {np.flatnonzero(index.isna())[0]}. Leave out steps without a label."
        raise ValueError(msg)
    wrong = np.flatnonzero(labels[1:] <= labels[:-1])
    if wrong.size:
        before, after = labels[wrong[0]], labels[wrong[0] + 1]
        cure = f'drop_duplicates("{dim}")' if before == after else f'sortby("{dim}")'
        what = "appears twice" if before == after else f"comes after {text(before)}"
        msg = f"{dim!r} is not in order: {text(after)} {what}. Use ds.{cure}."
        raise ValueError(msg)
    return labels


def _kind(variable: xr.Variable) -> str:
    """Return what the values of a variable are, as far as it must be the same in all pieces."""
    kind = variable.dtype.kind
    if kind in "TUM":
        return {"M": "time"}.get(kind, "text")
    if kind == "O":
        some = pd.api.types.infer_dtype(variable.values.ravel()) if variable.size else "empty"
        calendar = getattr(variable.values.ravel()[0], "calendar", None) if variable.size else None
        return f"cftime {calendar}" if calendar else {"string": "text", "empty": "text"}.get(some, "object")
    return str(variable.dtype.newbyteorder("="))


def refuse(ds: xr.Dataset, archive: Archive) -> None:
    """Raise an error unless a piece has the variables, types, sizes and fixed coordinates of the archive."""
    dim, known = archive.dim, archive.template
    if archive.step is not None:
        known = known.drop_vars(PRESENT)
    if set(ds.variables) != set(known.variables):
        missing, extra = (
            sorted(map(str, a - b)) for a, b in itertools.permutations([set(known.variables), set(ds.variables)])
        )
        msg = (
            f"ds has other variables than the archive: missing {missing}, unknown {extra}. Give all of "
            f"{sorted(map(str, known.variables))} and no other."
        )
        raise ValueError(msg)
    for name, given in ds.variables.items():
        like = known.variables[name]
        if given.dims != like.dims or any(given.sizes[d] != like.sizes[d] for d in like.dims if d != dim):
            sizes = {d: "any" if d == dim else size for d, size in like.sizes.items()}
            msg = (
                f"{name!r} has dimensions {dict(given.sizes)}, in the archive {sizes}. Transpose, select or regrid it."
            )
            raise ValueError(msg)
        packed = {"scale_factor", "add_offset"} & set(like.encoding) and given.dtype.kind == "f"
        # Without steps, times of another calendar do not say which one: `encoded` sees to the labels.
        if name != dim and not packed and like.dtype.kind != "O" and _kind(given) != _kind(like):
            msg = f"{name!r} is {given.dtype}, in the archive {like.dtype}. Convert it with astype."
            raise TypeError(msg)
        if like.dtype.kind == "U" and given.dtype.kind in "TUO":
            longest = max(map(len, given.values.ravel()), default=0)
            if longest > like.dtype.itemsize // 4:
                room = like.dtype.itemsize // 4
                msg = f"{name!r} has a text of {longest} characters, the archive room for {room} ({like.dtype})."
                raise ValueError(msg)
        for key in MEANING:
            if given.attrs.get(key) != like.attrs.get(key):
                msg = (
                    f"{name!r} has {key}={given.attrs.get(key)!r}, in the archive {like.attrs.get(key)!r}. Convert the "
                    f"values, or mend the attribute."
                )
                raise ValueError(msg)
        if dim not in given.dims and not given.equals(like):  # type: ignore[no-untyped-call]
            msg = (
                f"{name!r} has other values than in the archive, where it is fixed. Select or regrid to the same ones."
            )
            raise ValueError(msg)
        if dim in given.dims and name != dim and "units" in like.encoding and not as_stored(given, like).equals(given):  # type: ignore[no-untyped-call]
            msg = f"{name!r} holds times that {like.encoding['units']!r}, the unit of the archive, cannot say."
            raise ValueError(msg)


def as_stored(given: xr.Variable, like: xr.Variable) -> xr.Variable:
    """Return values as they will be read back: packed, or in the archive's unit of time."""
    if not {"units", "scale_factor", "add_offset"} & set(like.encoding):
        return given
    keep = ("units", "calendar", "dtype", "scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")
    encoding = {key: like.encoding[key] for key in keep if key in like.encoding}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coded = xr.conventions.encode_cf_variable(xr.Variable(given.dims, given.values, given.attrs, encoding))
    attrs = coded.attrs | {key: encoding[key] for key in ("units", "calendar") if key in encoding}
    return xr.conventions.decode_cf_variable("", xr.Variable(coded.dims, coded.values, attrs))


def refuse_choices(archive: Archive, step: Step | None, chunks: Mapping[str, int]) -> None:
    """Raise an error if a later call asks for another axis or other chunks than the archive has."""
    if step is not None and (
        archive.step is None or _distance(step, archive.template[archive.dim].to_numpy()) != archive.step
    ):
        axis = "none: its steps may be at any distance" if archive.step is None else every(archive.step)
        msg = f"step={step!r}, but that of the archive is {axis}. It is fixed by the first piece."
        raise ValueError(msg)
    for name in archive.names:
        array = archive.array(name)
        for along, size, length in zip(archive.arrays[name]["dimension_names"], array.chunks, array.shape, strict=True):
            asked = chunks.get(along, size)
            whole = along != archive.dim and size == length and (asked == -1 or asked > length)
            if asked != size and not whole and array.ndim > 1:
                msg = (
                    f"chunks={dict(chunks)!r}, but {name!r} has chunks of {size} along {along!r}. They are fixed by "
                    f"the first piece; leave chunks= out."
                )
                raise ValueError(msg)


def _refuse_off_axis(archive: Archive, labels: Labels, places: Places, start: Any) -> None:
    axis = f"{archive.dim} from {text(start)}, {every(archive.step)}"
    off = (labels - start) % archive.step != archive.step * 0
    if np.any(off):
        msg = f"{text(labels[off][0])} is not on the archive's axis: {axis}. Append steps that are."
        raise ValueError(msg)
    if places.size and places[0] < 0:
        msg = f"{text(labels[0])} is before the archive's start: {axis}. It grows at its end only: leave it out."
        raise ValueError(msg)


def refuse_gaps(archive: Archive, labels: Labels, places: Places, max_gap: int) -> None:
    """Raise an error if more steps than that are missing before one that is new."""
    new = places[places >= archive.length]
    gaps = np.diff(new, prepend=archive.length - 1) - 1
    if new.size and gaps.max() > max_gap:
        msg = (
            f"{gaps.max()} steps are missing before {text(labels[-new.size :][gaps.argmax()])}, and would be stored as "
            f"missing. If that is right, give max_gap={gaps.max()} or more."
        )
        raise ValueError(msg)


def _distance(step: Step, labels: Labels) -> Any:
    """Return a distance such that it can be added to labels."""
    if labels.dtype.kind not in "MO":
        if not isinstance(step, int):
            msg = f"step={step!r}, but the labels are integers. Give the distance between two of them."
            raise TypeError(msg)
        apart: Any = step
    elif isinstance(step, int):
        msg = f"step={step!r} has no unit. Give one, such as '{step}h'."
        raise TypeError(msg)
    else:
        delta = pd.Timedelta(step)
        apart = delta.to_timedelta64().astype("m8[ns]") if labels.dtype.kind == "M" else delta.to_pytimedelta()
    if not apart > apart * 0:
        msg = f"step={step!r} is not allowed. It must be above zero."
        raise ValueError(msg)
    return apart


def every(step: Any) -> str:
    """Return a distance as text."""
    if isinstance(step, int):
        return f"every {step}"
    seconds = pd.Timedelta(step).total_seconds()
    for name, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds % length == 0:
            return f"every {int(seconds // length)} {name}"
    return f"every {pd.Timedelta(step)}"


def text(label: Any) -> str:
    """Return a label as text, times without the zeros that nobody wrote."""
    seconds = label.astype("M8[s]") if isinstance(label, np.datetime64) else label
    return str(seconds if seconds == label else label)


def begin(
    ds: xr.Dataset,
    store: Store,
    labels: Labels,
    dim: str,
    *,
    step: Step | None,
    chunks: Mapping[str, int],
    encoding: Mapping[str, Mapping[str, object]],
) -> Archive:
    """Return the archive that a first piece calls for, without any step. Nothing is stored."""
    if not labels.size:
        msg = f"the first piece has no steps along {dim!r}. Begin the archive with at least one."
        raise ValueError(msg)
    if step is not None and PRESENT in ds.variables:
        msg = (
            f"ds has a variable {PRESENT!r}, the name under which an archive records its steps. To copy an archive, "
            f"append ds.sel({dim}=ds.{PRESENT}).drop_vars({PRESENT!r})."
        )
        raise ValueError(msg)
    _refuse_encoding(ds, dim, chunks, encoding)
    apart: Any = None if step is None else _distance(step, labels)
    empty = xr.Dataset({name: _without_steps(each, dim) for name, each in ds.variables.items()}, attrs=ds.attrs)
    empty = empty.set_coords(list(ds.coords))
    stored = {str(name): _choices(each, dim, chunks) for name, each in empty.variables.items()}
    if labels.dtype.kind in "MO" and _kind(ds[dim].variable) != "text":
        units = {"units": f"{_unit(labels, apart)} since 1970-01-01", "calendar": "proleptic_gregorian"}
        units |= {"calendar": labels[0].calendar} if labels.dtype.kind == "O" else {}
        empty[dim] = (dim, np.zeros(0, np.int64), ds[dim].attrs | units)
        stored[dim] = _choices(empty[dim].variable, dim, chunks)
    # Labels grow by about the same number each: bit by bit they compress fifteen times better.
    if empty[dim].dtype.kind in "iuf":
        stored[dim]["compressors"] = (BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),)
    if step is not None:
        marks = {
            "long_name": "whether the step has been appended",
            "step": apart if isinstance(apart, int) else str(pd.Timedelta(apart)),
        }
        empty = empty.assign_coords({PRESENT: (dim, np.zeros(0, bool), marks)})
        stored[PRESENT] = _choices(empty[PRESENT].variable, dim, chunks)
    for name, choices in encoding.items():
        stored[name] |= choices
    memory = MemoryStore()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)  # that metadata is consolidated
        empty.to_zarr(memory, encoding=stored, zarr_format=3, write_empty_chunks=True)
    fixed = {
        key: value or b"" for key, value in get_many(memory, sorted(keys(memory))).items() if not key.endswith(ROOT)
    }
    archive = Archive(memory, json.loads(get(memory, ROOT) or b""), dim)
    for label, given in ds.variables.items():
        name, back = str(label), archive.template.variables[label]
        numbers = [each.dtype.kind in "iuf" for each in (back, labels)]
        same = numbers[0] == numbers[1] if name == dim else _kind(given) == _kind(back)
        if not same and back.dtype.kind != "O":
            msg = (
                f"{name!r} is {given.dtype}, and would be read back as {back.dtype}. Decode it first: xr.decode_cf(ds)."
            )
            raise ValueError(msg)
    # What does not grow is not in the store yet: the template holds it.
    return Archive(store, archive.document, dim, None, fixed, archive.template.load())


def _refuse_encoding(
    ds: xr.Dataset, dim: str, chunks: Mapping[str, int], encoding: Mapping[str, Mapping[str, object]]
) -> None:
    for name, variable in ds.variables.items():
        if variable.dtype.kind not in "biufcMmOTU" or _kind(variable) == "object":
            msg = f"{name!r} is of type {variable.dtype}. An archive takes numbers, text and times: leave it out."
            raise TypeError(msg)
    for along, size in chunks.items():
        if along not in ds.dims or size == 0 or size < -1 or (along == dim and size < 1):
            msg = f"chunks={dict(chunks)!r} is not allowed for {dict(ds.sizes)}. Give sizes of 1 or more; -1 is all."
            raise ValueError(msg)
    for name, choices in encoding.items():
        if name not in ds.variables or not choices.keys() <= ENCODINGS:
            msg = (
                f"encoding={{{name!r}: {dict(choices)!r}}} is not allowed. Values are stored as they are: what can be "
                f"chosen is {sorted(ENCODINGS)}, for each of {sorted(map(str, ds.variables))}."
            )
            raise ValueError(msg)


def _unit(labels: Labels, apart: Any) -> str:
    """Return the coarsest unit of time that is whole for labels and steps."""
    if labels.dtype.kind == "O":
        whole = not any(label.microsecond for label in labels) and not (apart and apart.microseconds)
        return "seconds" if whole else "microseconds"
    for unit, name in UNITS.items():
        if (labels.astype(f"M8[{unit}]") == labels).all() and (apart is None or apart.astype(f"m8[{unit}]") == apart):
            return name
    return "nanoseconds"


def _without_steps(variable: xr.Variable, dim: str) -> xr.Variable:
    """Return a variable without its encoding; without values where it grows, which Dask need not compute then."""
    kind, attrs = _kind(variable), dict(variable.attrs)
    dtype: Any = np.dtypes.StringDType() if kind == "text" else variable.dtype
    if dim not in variable.dims:
        return xr.Variable(variable.dims, variable.values.astype(dtype), attrs)
    if kind.startswith("cftime"):
        dtype, attrs = np.int64, attrs | {"units": "microseconds since 1970-01-01", "calendar": kind.split()[1]}
    shape = [0 if along == dim else size for along, size in variable.sizes.items()]
    return xr.Variable(variable.dims, np.zeros(shape, dtype), attrs)


def _choices(variable: xr.Variable, dim: str, chunks: Mapping[str, int]) -> dict[str, object]:
    """Return how to store a variable. The checksum lets every reader notice a damaged chunk, at 4 bytes each."""
    chosen: dict[str, object] = {"compressors": (ZstdCodec(level=0, checksum=True),)}
    sizes = {str(name): max(size, 1) for name, size in variable.sizes.items()}
    if tuple(sizes) == (dim,):
        chosen["chunks"] = (AXIS_CHUNK,)
    elif chunks or dim not in sizes:
        asked = {name: chunks.get(name, -1) for name in sizes}
        chosen["chunks"] = tuple(
            size if name == dim and size > 0 else sizes[name] if size == -1 else min(size, sizes[name])
            for name, size in asked.items()
        )
    else:  # for maps and series alike, of an archive of a thousand steps
        shape = tuple(1000 if name == dim else size for name, size in sizes.items())
        one_step = tuple(0 if name == dim else slice(None) for name in sizes)
        one_place = tuple(slice(None) if name == dim else 0 for name in sizes)
        size = np.dtype((variable.dtype.kind == "T" and "M8[ns]") or variable.dtype)
        chosen["chunks"] = suggest_chunks(shape, size, [(one_step, 1), (one_place, 1)], limit=1)[0].chunks
    if not sizes:
        del chosen["chunks"]
    if variable.dtype.kind in "fc":
        chosen["fill_value"] = variable.dtype.type(np.nan)
    if variable.dtype.kind in "Mm":
        unit, nat = UNITS[np.datetime_data(variable.dtype)[0]], int(np.iinfo(np.int64).min)
        chosen["units"] = f"{unit} since 1970-01-01" if variable.dtype.kind == "M" else unit
        chosen |= {"dtype": "int64", "_FillValue": nat, "fill_value": nat}
    return chosen
