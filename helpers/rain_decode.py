"""Decodes files of 3B42RT, the near-real-time precipitation of the TRMM mission, version 7."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from helpers.rain_fields import FIELDS, RELIABLE_DEG, make_dataset
from helpers.rain_header import FLAG, HEADER_NBYTES, Header
from helpers.rain_parse import MAX_NBYTES, parse_header
from helpers.rain_steps import require_name
from helpers.units import format_nbytes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    import xarray as xr
    from numpy.typing import NDArray

    type Unreliable = Literal["mask", "decode"]
    type Values = NDArray[np.float32] | NDArray[np.int8]

__all__ = ["decode"]


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
