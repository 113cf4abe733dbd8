"""Decodes and encodes files of 3B42RT.

Decodes files of 3B42RT, the near-real-time precipitation of the TRMM mission, version 7.

Encodes datasets as files of 3B42RT, the near-real-time precipitation of the TRMM mission, version 7.
"""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from helpers.rain.format import (
    FIELDS,
    FLAG,
    HEADER_NBYTES,
    MAX_NBYTES,
    RELIABLE_DEG,
    SCALE,
    Header,
    make_dataset,
    nominal_time,
    parse_header,
    require_name,
)
from helpers.units import format_nbytes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    import xarray as xr
    from numpy.typing import NDArray

    type Unreliable = Literal["mask", "decode"]
    type Values = NDArray[np.float32] | NDArray[np.int8]

__all__ = ["decode", "encode"]


def decode(
    source: str | os.PathLike[str] | bytes,
    *,
    unreliable: Unreliable = "mask",
    fields: str | Iterable[str] | None = None,
) -> xr.Dataset:
    """Decode one file of 3B42RT.

    The whole file is checked before any of it is returned, whichever fields are asked for.

    Parameters
    ----------
    source : str, os.PathLike or bytes
        A path, or what the file holds; gzip or plain.
    unreliable : {"mask", "decode"}, default "mask"
        What becomes of rain that the provider advises against using: all of it polewards of 50°, and wherever else
        it is stored as a negative number. "mask" makes it NaN; "decode" gives the value that was estimated.
        The field `source` stays as it is.
    fields : str or iterable of str, optional
        The fields to decode, among precipitation, precipitation_error, source and uncal_precipitation. All that
        the file holds if left out.

    Returns
    -------
    xarray.Dataset
        The fields on `time` (of length 1), `lat` (480, north to south) and `lon` (1440, from 0.125° E). Rain is
        float32 in mm/h, NaN where it is missing. `source` is int8, the number of the instrument; 0 is no
        observation. The attribute `synthetic` says so where the rain is simulated.

    Raises
    ------
    ValueError
        If the file is not a whole and consistent file of 3B42RT, or is named for another step than it holds.
        The message names the file and the fault.
    OSError
        If there is no such file, or it cannot be read.

    Notes
    -----
    Sizes, scales and byte order are taken from the header, and believed only if they agree with each other and
    with the length of the file. Unpacking stops at what the header announces, which is at most 15 MB, so a file
    made to swell takes no more memory than a real one. gzip carries a checksum; a plain file does not, so one
    flipped bit in its values goes unseen.

    A stored negative number v stands for the rain -v - 0.01 mm/h, as the provider's notes say of 50° to 60°;
    where it stands nearer to the equator, it is read in the same way. -31999 is missing.

    Examples
    --------
    >>> from helpers.rain import encode, simulate
    >>> ds = decode(encode(simulate("2015-03-11T15", seed=7)), fields="precipitation")
    >>> ds.precipitation.shape, bool(ds.precipitation.sel(lat=slice(60, 50)).isnull().all())
    ((1, 480, 1440), True)
    """
    wanted = _wanted(fields)
    if unreliable not in ("mask", "decode"):
        msg = f'unreliable={unreliable!r} is not allowed. It must be "mask" or "decode".'
        raise ValueError(msg)
    name, data = _read(source)
    try:
        header, values = _decode(_Unpacked(data), Path(name).name, wanted, unreliable)
    except zlib.error as fault:
        msg = f"{name}: its gzip stream is damaged ({fault}). Fetch it again."
        raise ValueError(msg) from fault
    except ValueError as fault:
        msg = f"{name}: {fault}"
        raise ValueError(msg) from fault
    return make_dataset(values, time=header.time, lat=header.lat, lon=header.lon, synthetic=header.synthetic)


def _wanted(fields: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if fields is None:
        return None
    wanted = (fields,) if isinstance(fields, str) else tuple(fields)
    if unknown := [name for name in wanted if name not in FIELDS]:
        msg = f"{unknown} is not among the fields of 3B42RT. They are {', '.join(FIELDS)}."
        raise ValueError(msg)
    return wanted


def _read(source: str | os.PathLike[str] | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return f"<{len(source):,} bytes>", source
    with Path(source).open("rb") as file:
        data = file.read(HEADER_NBYTES + MAX_NBYTES + 1)
    if len(data) > HEADER_NBYTES + MAX_NBYTES:
        msg = f"{source}: it is larger than {format_nbytes(MAX_NBYTES)}. A file of 3B42RT is smaller; give one."
        raise ValueError(msg)
    return str(source), data


class _Unpacked:
    """What a file holds, gzip or plain, taken from it piece by piece and never more than asked for."""

    def __init__(self, data: bytes) -> None:
        # gzip: its checksum and its length are checked when its end is reached.
        self._stream = zlib.decompressobj(wbits=31) if data.startswith(b"\x1f\x8b") else None
        self._rest: bytes | memoryview = data if self._stream else memoryview(data)

    def take(self, nbytes: int) -> bytes:
        """Return the next bytes: as many, or all that are left."""
        if self._stream is None:
            piece, self._rest = bytes(self._rest[:nbytes]), self._rest[nbytes:]
        else:
            piece = self._stream.decompress(self._rest, nbytes)
            self._rest = self._stream.unconsumed_tail
        return piece

    def ends(self) -> bool:
        """Tell whether there is an end, and nothing before or after it."""
        more = self.take(1)
        return not more and (self._stream is None or (self._stream.eof and not self._stream.unused_data))


def _decode(
    file: _Unpacked, name: str, wanted: tuple[str, ...] | None, unreliable: Unreliable
) -> tuple[Header, dict[str, Values]]:
    header = parse_header(file.take(HEADER_NBYTES))
    require_name(name, header.time)
    wanted = header.names if wanted is None else wanted
    if absent := [field for field in wanted if field not in header.names]:
        msg = f"it has no {', '.join(absent)}. It holds {', '.join(header.names)}."
        raise ValueError(msg)
    values: dict[str, Values] = {}
    for field in header.names:
        raw = file.take(header.nbytes_of(field))
        if len(raw) < header.nbytes_of(field):
            msg = f"it ends within {field}, after {len(raw):,} of {header.nbytes_of(field):,} bytes. Fetch it again."
            raise ValueError(msg)
        if field in wanted:
            values[field] = _values(raw, header, field, unreliable)
    if not file.ends():
        msg = f"it does not end after the {header.nbytes:,} bytes of fields that its header announces. Fetch it again."
        raise ValueError(msg)
    return header, {field: values[field] for field in wanted}


def _values(raw: bytes, header: Header, name: str, unreliable: Unreliable) -> Values:
    cells = np.frombuffer(raw, header.dtype(name)).reshape(header.shape)
    if name == "source":
        return cells.astype("i1")
    stored = cells.astype("i2")
    if unreliable == "decode":
        # ~v is -v - 1: one hundredth less than -v.
        rain: NDArray[np.float32] = (stored ^ (stored >> 15)).astype("f4")
        np.copyto(rain, np.nan, where=stored == FLAG)
    else:
        rain = stored.astype("f4")
        np.copyto(rain, np.nan, where=stored < 0)
        rain[np.abs(header.lat) > RELIABLE_DEG] = np.nan
    rain /= np.float32(header.scales[header.names.index(name)])
    return rain


_LEVEL = 3  # packs three times as fast as 6, to a file larger by a seventh
_MOST, _MOST_UNRELIABLE = 2**15 - 1, -FLAG - 2


def encode(ds: xr.Dataset) -> bytes:
    """Encode one step as a file of 3B42RT.

    Parameters
    ----------
    ds : xarray.Dataset
        All four fields on `lat`, north to south, and `lon`, and on `time` if that has length 1. Rain in mm/h, at
        least 0, NaN where it is missing; `source` an integer from -128 to 127.

    Returns
    -------
    bytes
        The file, gzip. The same dataset gives the same bytes with the same zlib; another zlib may pack them
        otherwise.

    Raises
    ------
    ValueError
        If `ds` lacks a field or holds several steps, if its time is no step of 3B42RT, if its grid is not regular,
        or if a value does not fit: the message names the value and its place.

    Notes
    -----
    The format holds hundredths of mm/h, to which values are rounded, up to 327.67 mm/h. Polewards of 50° rain is
    stored negative, up to 319.97 mm/h: the next number means missing. What `decode` has masked is stored as
    missing.

    Examples
    --------
    >>> from helpers.rain import decode, simulate
    >>> ds = simulate("2015-03-11T15", seed=7)
    >>> decode(encode(ds), unreliable="decode").identical(ds)
    True
    """
    if absent := [name for name in FIELDS if name not in ds.data_vars]:
        msg = f"the dataset has no {', '.join(absent)}. A file of 3B42RT holds {', '.join(FIELDS)}."
        raise ValueError(msg)
    if "time" not in ds.coords or ds.time.size != 1:
        steps = f"{ds.time.size} steps" if "time" in ds.coords else "no coordinate time"
        msg = f"the dataset has {steps}. A file of 3B42RT holds one step: give ds.isel(time=[i])."
        raise ValueError(msg)
    header = _header(ds)
    step = ds.squeeze("time") if "time" in ds.dims else ds
    parts = [bytes(header)]
    for name, field in FIELDS.items():
        values = step[name].transpose("lat", "lon").to_numpy()
        stored = _stored_numbers(values) if name == "source" else _stored_rain(values, header, name)
        parts.append(stored.astype(field.dtype.newbyteorder(">")).tobytes())
    return gzip.compress(b"".join(parts), compresslevel=_LEVEL, mtime=0)


def _header(ds: xr.Dataset) -> Header:
    (north, south), (west, east) = _edges(ds, "lat"), _edges(ds, "lon")
    shape = (ds.sizes["lat"], ds.sizes["lon"])
    synthetic = str(ds.attrs.get("synthetic", ""))
    if not re.fullmatch("[ -<>-^`-~]*", synthetic):
        msg = f"the attribute synthetic={synthetic!r} does not fit in a header. Use ASCII without '=' and '_'."
        raise ValueError(msg)
    time = nominal_time(ds.time.to_numpy().reshape(()).astype("M8[ns]")[()])
    header = Header(time=time, shape=shape, north=north, south=south, west=west, east=east, synthetic=synthetic)
    try:
        return parse_header(bytes(header))
    except ValueError as fault:
        msg = f"the dataset has a grid that 3B42RT cannot hold: {fault}"
        raise ValueError(msg) from fault


def _edges(ds: xr.Dataset, axis: str) -> tuple[float, float]:
    """Return where the grid begins and ends, half a cell beyond its first and last centres."""
    centres = ds[axis].to_numpy().astype("f8") if axis in ds.coords else np.empty(0)
    sign = -1 if axis == "lat" else 1
    step = (centres[-1] - centres[0]) / (centres.size - 1) if centres.size > 1 else 0.0
    if sign * step <= 0 or not np.allclose(np.diff(centres), step, rtol=0, atol=1e-6):
        way = "from north to south" if axis == "lat" else "from west to east"
        msg = f"the dataset has no regular {axis} that runs {way}. Give one with 2 or more equal steps."
        raise ValueError(msg)
    return float(centres[0] - step / 2), float(centres[-1] + step / 2)


def _stored_numbers(values: NDArray[np.integer]) -> NDArray[np.integer]:
    if values.dtype.kind not in "iu" or values.min() < -128 or values.max() > 127:
        msg = f"source is {values.dtype} from {values.min()} to {values.max()}. It must be integers from -128 to 127."
        raise ValueError(msg)
    return values


def _stored_rain(values: NDArray[np.floating], header: Header, name: str) -> NDArray[np.float64]:
    hundredths = np.rint(values.astype("f8") * SCALE)
    unreliable = (np.abs(header.lat) > RELIABLE_DEG)[:, None]
    missing = np.isnan(hundredths)
    fits = missing | ((hundredths >= 0) & (hundredths <= np.where(unreliable, _MOST_UNRELIABLE, _MOST)))
    if not fits.all():
        row, column = np.argwhere(~fits)[0]
        most = (_MOST_UNRELIABLE if unreliable[row, 0] else _MOST) / SCALE
        place = f"lat={header.lat[row]:g}, lon={header.lon[column]:g}"
        msg = f"{name} is {values[row, column]:.6g} mm/h at {place}. It must be from 0 to {most}, or NaN."
        raise ValueError(msg)
    stored = np.where(unreliable, -hundredths - 1, hundredths)
    stored[missing] = FLAG
    return stored
