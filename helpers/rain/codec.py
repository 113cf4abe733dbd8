"""Decodes and encodes files of 3B42RT: gzip, a header, and the fields of one step, big-endian from the north-west."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr

from helpers.rain.format import (
    FIELDS,
    FLAG,
    HEADER_NBYTES,
    LAT,
    LON,
    MAX_NBYTES,
    RELIABLE_DEG,
    SCALE,
    Header,
    nominal_time,
    parse_header,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    type Unreliable = Literal["mask", "decode"]
    type Values = NDArray[np.float32] | NDArray[np.int8]

__all__ = ["decode", "encode", "make_dataset"]

_NAME = re.compile(r"3B42RT\.(\d{10})\.(7|7R2)\.bin(\.gz)?")
_MOST, _MOST_UNRELIABLE = 2**15 - 1, -FLAG - 2


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
        The fields to decode, among precipitation, precipitation_error, source and uncal_precipitation; all if left
        out.

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
    Sizes and scales are taken from the header, and believed only if they agree with each other and with the length
    of the file. Unpacking stops at 15 MB, so a file made to swell takes little more memory than a real one. gzip
    carries a checksum; a plain file does not, so one flipped bit in its values goes unseen.

    A stored negative number v stands for the rain -v - 0.01 mm/h, as the provider's notes say of 50° to 60°;
    where it stands nearer to the equator, it is read in the same way. -31999 is missing.

    Examples
    --------
    >>> from helpers.rain import encode, simulate
    >>> ds = decode(encode(simulate("2015-03-11T15", seed=7)), fields="precipitation")
    >>> ds.precipitation.shape, bool(ds.precipitation.sel(lat=slice(60, 50)).isnull().all())
    ((1, 480, 1440), True)
    """
    if unreliable not in ("mask", "decode"):
        msg = f'unreliable={unreliable!r} is not allowed. It must be "mask" or "decode".'
        raise ValueError(msg)
    wanted = list(FIELDS) if fields is None else [fields] if isinstance(fields, str) else list(fields)
    if unknown := set(wanted) - set(FIELDS):
        msg = f"{sorted(unknown)} are no fields of 3B42RT. Its fields are {', '.join(FIELDS)}."
        raise ValueError(msg)
    data, name = source, f"<{len(source):,} bytes>" if isinstance(source, bytes) else str(source)
    if not isinstance(data, bytes):
        with Path(data).open("rb") as file:
            data = file.read(HEADER_NBYTES + MAX_NBYTES + 1)
    try:
        raw = _unpack(data)
        header = parse_header(raw)
        _require_whole(raw, header, Path(name).name)
    except (zlib.error, ValueError) as fault:
        msg = f"{name}: {fault}"
        raise ValueError(msg) from fault
    values = {field: _values(raw, header, field, unreliable) for field in wanted}
    return make_dataset(values, time=header.time, lat=header.lat, lon=header.lon, synthetic=header.synthetic)


def _unpack(data: bytes) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    stream = zlib.decompressobj(wbits=31)  # gzip: its checksum and its length are checked when its end is reached
    raw = stream.decompress(data, HEADER_NBYTES + MAX_NBYTES + 1)
    if not stream.eof or stream.unused_data:
        msg = "its gzip stream is cut off, too large, or followed by something else. Fetch it again."
        raise ValueError(msg)
    return raw


def _require_whole(raw: bytes, header: Header, name: str) -> None:
    """Raise an error if a file has another length than its header announces, or is named for another step."""
    if len(raw) != HEADER_NBYTES + header.nbytes:
        msg = f"it holds {len(raw):,} bytes, its header announces {HEADER_NBYTES + header.nbytes:,}. Fetch it again."
        raise ValueError(msg)
    match, stamp = _NAME.fullmatch(name), f"{header.time.item():%Y%m%d%H}"
    if match and match[1] != stamp:
        msg = f"the name says {match[1]}, the header {stamp}. Fetch the file again."
        raise ValueError(msg)


def _values(raw: bytes, header: Header, name: str, unreliable: Unreliable) -> Values:
    big_endian: NDArray[np.signedinteger] = np.frombuffer(raw, header.dtype, offset=HEADER_NBYTES)[name][0]
    if name == "source":
        return big_endian.astype("i1")
    stored = big_endian.astype("i2")
    if unreliable == "decode":
        # ~v is -v - 1: one hundredth less than -v.
        rain: NDArray[np.float32] = (stored ^ (stored >> 15)).astype("f4")
        np.copyto(rain, np.nan, where=stored == FLAG)
    else:
        rain = stored.astype("f4")
        np.copyto(rain, np.nan, where=stored < 0)
        rain[np.abs(header.lat) > RELIABLE_DEG] = np.nan
    rain /= np.float32(header.scales[list(FIELDS).index(name)])
    return rain


def make_dataset(
    fields: Mapping[str, NDArray[np.float32] | NDArray[np.int8]],
    *,
    time: np.datetime64,
    lat: NDArray[np.floating] = LAT,
    lon: NDArray[np.floating] = LON,
    synthetic: str = "",
) -> xr.Dataset:
    """Put the fields of one step into a dataset that follows the CF conventions.

    Its attributes are the same for every step, so that steps can be joined.

    Parameters
    ----------
    fields : mapping of str to numpy.ndarray
        Arrays of shape (lat, lon) by the names of the fields.
    time : numpy.datetime64
        The step.
    lat, lon : numpy.ndarray
        Centres of the cells, degrees north and degrees east. Those of 3B42RT if left out.
    synthetic : str, optional
        For data that are no observation, where they come from. Every long name then says so too.

    Returns
    -------
    xarray.Dataset
        The fields on `time` (of length 1), `lat` and `lon`.

    Examples
    --------
    >>> ds = make_dataset({"precipitation": np.zeros((480, 1440), "f4")}, time=np.datetime64("2015-03-11T15"))
    >>> dict(ds.sizes), ds.precipitation.attrs["units"]
    ({'time': 1, 'lat': 480, 'lon': 1440}, 'mm/h')
    """
    about = {"Conventions": "CF-1.11", "title": "3B42RT precipitation, version 7"}
    if synthetic:
        about |= {"title": "Synthetic rain in the format of 3B42RT", "synthetic": synthetic}
    variables = {}
    for name, values in fields.items():
        attrs = dict(FIELDS[name].attrs)
        if synthetic:
            attrs["long_name"] = f"synthetic {attrs['long_name']}"
        variables[name] = (("time", "lat", "lon"), values[None], attrs)
    coordinates = {
        "time": ("time", np.array([time], "M8[ns]"), _axis("time", "nominal time", "T")),
        "lat": ("lat", lat, _axis("latitude", "latitude", "Y", units="degrees_north")),
        "lon": ("lon", lon, _axis("longitude", "longitude", "X", units="degrees_east")),
    }
    return xr.Dataset(variables, coordinates, about)


def _axis(standard_name: str, long_name: str, axis: str, **more: str) -> dict[str, str]:
    return {"standard_name": standard_name, "long_name": long_name, **more, "axis": axis}


def encode(ds: xr.Dataset) -> bytes:
    """Encode one step as a file of 3B42RT.

    Parameters
    ----------
    ds : xarray.Dataset
        All four fields on `lat`, north to south, and `lon`, and on `time` if that has length 1. Rain in mm/h, at
        least 0, NaN where it is missing; `source` int8.

    Returns
    -------
    bytes
        The file, gzip. The same dataset gives the same bytes with the same zlib; another zlib may pack them
        otherwise.

    Raises
    ------
    ValueError
        If `ds` lacks a field or holds several steps, if its time is no step of 3B42RT, if its grid is not regular,
        or if a value does not fit.

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
    step = ds.squeeze("time") if "time" in ds.dims else ds
    header = _header(step)
    fields = np.zeros((), header.dtype)
    for name in FIELDS:
        values = step[name].transpose("lat", "lon").to_numpy()
        fields[name] = values.astype("i1", casting="safe") if name == "source" else _stored_rain(values, header, name)
    # Level 3 packs three times as fast as 6, to a file larger by a seventh.
    return gzip.compress(bytes(header) + fields.tobytes(), compresslevel=3, mtime=0)


def _header(ds: xr.Dataset) -> Header:
    lat, lon = ds.lat.to_numpy().astype("f8"), ds.lon.to_numpy().astype("f8")
    high, wide = (lat[0] - lat[-1]) / (lat.size - 1), (lon[-1] - lon[0]) / (lon.size - 1)
    header = Header(
        time=nominal_time(ds.time.to_numpy()[()]),
        shape=(lat.size, lon.size),
        north=float(lat[0] + high / 2),
        south=float(lat[-1] - high / 2),
        west=float(lon[0] - wide / 2),
        east=float(lon[-1] + wide / 2),
        synthetic=ds.attrs.get("synthetic", ""),
    )
    # A header that can be read again is one that the format holds; it stands for a regular grid.
    header = parse_header(bytes(header))
    if not (np.allclose(header.lat, lat, rtol=0, atol=1e-6) and np.allclose(header.lon, lon, rtol=0, atol=1e-6)):
        msg = "the dataset has no regular grid that runs from north to south and from west to east. Give one."
        raise ValueError(msg)
    return header


def _stored_rain(values: NDArray[np.floating], header: Header, name: str) -> NDArray[np.float64]:
    hundredths = np.rint(values.astype("f8") * SCALE)
    unreliable = (np.abs(header.lat) > RELIABLE_DEG)[:, None]
    missing = np.isnan(hundredths)
    if not (missing | ((hundredths >= 0) & (hundredths <= np.where(unreliable, _MOST_UNRELIABLE, _MOST)))).all():
        msg = f"{name} runs from {np.nanmin(values):.6g} to {np.nanmax(values):.6g} mm/h. It must be from 0 to "
        raise ValueError(
            msg + f"{_MOST / SCALE}, or to {_MOST_UNRELIABLE / SCALE} polewards of {RELIABLE_DEG}°, or NaN."
        )
    stored = np.where(unreliable, -hundredths - 1, hundredths)
    stored[missing] = FLAG
    return stored
