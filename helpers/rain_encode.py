"""Encodes datasets as files of 3B42RT, the near-real-time precipitation of the TRMM mission, version 7."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import numpy as np

from helpers.rain_fields import FIELDS, RELIABLE_DEG
from helpers.rain_header import FLAG, SCALE, Header
from helpers.rain_parse import parse_header
from helpers.rain_steps import nominal_time

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["encode"]

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
