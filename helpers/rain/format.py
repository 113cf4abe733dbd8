"""The 3B42RT format: which steps it has, what their files are called, and what stands in a header.

3B42RT is the near-real-time precipitation of the TRMM mission, version 7. A header is what a few of its values make
it: written again from those, it must say the same. So sizes that do not add up, a grid that does not fit its corners,
another flag or another unit are all found in one way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.units import format_nbytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["FIELDS", "Field", "Header", "file_name", "file_path", "nominal_time", "parse_header"]

type Time = str | datetime | np.datetime64

_FIRST, LAST = np.datetime64("2000-03-01T00", "s"), np.datetime64("2019-12-31T21", "s")
_RENAMED = np.datetime64("2012-11-07T06", "s")
_STEP, _HALF_STEP = np.timedelta64(3, "h"), np.timedelta64(90, "m")
HEADER_NBYTES = 2880
#: The most bytes that a file may hold once it is unpacked: three times what a real one does.
MAX_NBYTES = 15_000_000
#: What is stored for missing rain, and how many units of what is stored make 1 mm/h.
FLAG, SCALE = -31999, 100
#: Polewards of this latitude the provider advises against using the rain.
RELIABLE_DEG = 50
LAT, LON = 59.875 - 0.25 * np.arange(480), 0.125 + 0.25 * np.arange(1440)


def nominal_time(time: Time) -> np.datetime64:
    """Check that a time is a step of 3B42RT.

    Parameters
    ----------
    time : str, datetime.datetime or numpy.datetime64
        A string as pandas reads it, such as 2015-03-11T15. Without a time zone it is UTC.

    Returns
    -------
    numpy.datetime64
        The step in UTC, to the second.

    Raises
    ------
    ValueError
        If it is not 00, 03, …, 21 UTC of a day from 1 March 2000 to 31 December 2019.

    Notes
    -----
    A step stands for the three hours centred on it. The public description calls 2000-03-01 12 UTC the first; a
    header of 00 UTC that day has been published, so steps begin there.

    Examples
    --------
    >>> nominal_time("2015-03-11T16:00+01:00")
    np.datetime64('2015-03-11T15:00:00')
    """
    stamp = pd.Timestamp(time)
    exact = (stamp.tz_convert(None) if stamp.tzinfo else stamp).to_datetime64()
    step: np.datetime64 = exact.astype("M8[s]")
    if not _FIRST <= step <= LAST or step != exact or (step - _FIRST) % _STEP:
        msg = f"{exact} is not a step of 3B42RT. There is one every 3 hours, from {_FIRST} to {LAST} UTC; give one."
        raise ValueError(msg)
    return step


def file_name(time: Time) -> str:
    """Name the file of a step as the provider did, in both eras of its names.

    Parameters
    ----------
    time : str, datetime.datetime or numpy.datetime64
        The step, 00, 03, …, 21 UTC.

    Returns
    -------
    str
        The name alone. Steps before 2012-11-07 06 UTC were processed again for version 7, and carry `7R2`.

    Raises
    ------
    ValueError
        If the time is not a step of 3B42RT.

    Examples
    --------
    >>> file_name("2015-03-11T15"), file_name("2012-11-07T03")
    ('3B42RT.2015031115.7.bin.gz', '3B42RT.2012110703.7R2.bin.gz')
    """
    step = nominal_time(time)
    version = "7R2" if step < _RENAMED else "7"
    return f"3B42RT.{step.item():%Y%m%d%H}.{version}.bin.gz"


def file_path(time: Time) -> str:
    """Return where the file of a step lay on the provider's server.

    Parameters
    ----------
    time : str, datetime.datetime or numpy.datetime64
        The step, 00, 03, …, 21 UTC.

    Returns
    -------
    str
        The path, from the provider's address on.

    Raises
    ------
    ValueError
        If the time is not a step of 3B42RT.

    Examples
    --------
    >>> file_path("2015-03-11T15")
    '3B42RT/2015/03/3B42RT.2015031115.7.bin.gz'
    """
    return f"3B42RT/{nominal_time(time).item():%Y/%m}/{file_name(time)}"


@dataclass(frozen=True)
class Field:
    """Hold what the format fixes for one field.

    Parameters
    ----------
    type_name, units : str
        As a header writes them.
    attrs : mapping of str to str or list of int
        The CF attributes of the decoded variable.
    """

    type_name: str
    units: str
    attrs: Mapping[str, str | list[int]]

    @property
    def dtype(self) -> np.dtype[np.signedinteger]:
        """The stored type, big-endian."""
        return np.dtype(f">i{self.type_name[-1]}")


def _rate(long_name: str, standard_name: str = "lwe_precipitation_rate") -> Field:
    attrs: dict[str, str | list[int]] = {"long_name": long_name, "units": "mm/h", "standard_name": standard_name}
    return Field("signed_integer2", "mm/hr", attrs)


_SATELLITES = ("AMSU", "TMI", "AMSR", "SSMI", "SSMIS", "MHS")
_SOURCES = {
    0: "no_observation",
    **dict(enumerate(_SATELLITES, 1)),
    30: "AMSU_and_MHS_average",
    31: "conical_average",
    50: "IR",
    **{100 + number: f"{name}_sparse_sample" for number, name in enumerate(_SATELLITES, 1)},
}
_FLAGS: dict[str, str | list[int]] = {
    "long_name": "source of the observation",
    "flag_values": list(_SOURCES),
    "flag_meanings": " ".join(_SOURCES.values()),
}
FIELDS: Mapping[str, Field] = {
    "precipitation": _rate("precipitation"),
    "precipitation_error": _rate("random error of precipitation", "lwe_precipitation_rate standard_error"),
    "source": Field("signed_integer1", "source_number", _FLAGS),
    "uncal_precipitation": _rate("precipitation before calibration"),
}


@dataclass(frozen=True, kw_only=True)
class Header:
    """Hold what a header says; `bytes` of it is the header.

    Parameters
    ----------
    time : numpy.datetime64
        The step, to the second.
    shape : tuple of int
        Latitudes and longitudes.
    north, south, west, east : float
        Edges of the grid: degrees north and degrees east.
    scales : tuple of int
        What the values of each field are multiplied by when stored.
    created : str
        The day on which the file was made, as YYYYMMDD.
    synthetic : str, optional
        For data that are no observation, where they come from.
    """

    time: np.datetime64
    shape: tuple[int, int] = (480, 1440)
    north: float = 60
    south: float = -60
    west: float = 0
    east: float = 360
    scales: tuple[int, ...] = (SCALE, SCALE, 1, SCALE)
    created: str = ""
    synthetic: str = ""

    @property
    def lat(self) -> NDArray[np.floating]:
        """Centres of the rows, degrees north, from north to south."""
        return self.north - (np.arange(self.shape[0]) + 0.5) * self.step[0]

    @property
    def lon(self) -> NDArray[np.floating]:
        """Centres of the columns, degrees east."""
        return self.west + (np.arange(self.shape[1]) + 0.5) * self.step[1]

    @property
    def step(self) -> tuple[float, float]:
        """Height and width of a cell, degrees."""
        return (self.north - self.south) / self.shape[0], (self.east - self.west) / self.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of the fields together, without the header."""
        return self.shape[0] * self.shape[1] * sum(field.dtype.itemsize for field in FIELDS.values())

    @property
    def dtype(self) -> np.dtype[np.void]:
        """The fields as they follow each other in the file: a NumPy record."""
        return np.dtype([(name, field.dtype, self.shape) for name, field in FIELDS.items()])

    def pairs(self) -> dict[str, str]:
        """Say all of it as a header does.

        Returns
        -------
        dict of str to str
            Keys and values, in the order of a real file.

        Examples
        --------
        >>> header = Header(time=np.datetime64("2015-03-11T15", "s"))
        >>> header.pairs()["file_byte_length"]
        '(char2880)_header+(int2)x1440x480x2_data+(int1)x1440x480_data+(int2)x1440x480_data'
        """
        time, begin, end = self.time.item(), (self.time - _HALF_STEP).item(), (self.time + _HALF_STEP).item()
        high, wide = self.step
        north, south = (_degrees(lat, "NS") for lat in (self.north - high / 2, self.south + high / 2))
        west, next_east, east = (
            _degrees(lon, "EW") for lon in (self.west + wide / 2, self.west + wide * 1.5, self.east - wide / 2)
        )
        cells = f"{self.shape[1]}x{self.shape[0]}"
        pairs = {
            "algorithm_ID": "3B42RT",
            "algorithm_version": "07.00",
            "granule_ID": file_name(self.time).removesuffix(".gz"),
            "header_byte_length": str(HEADER_NBYTES),
            "file_byte_length": f"(char2880)_header+(int2)x{cells}x2_data+(int1)x{cells}_data+(int2)x{cells}_data",
            "nominal_YYYYMMDD": f"{time:%Y%m%d}",
            "nominal_HHMMSS": f"{time:%H%M%S}",
            "begin_YYYYMMDD": f"{begin:%Y%m%d}",
            "begin_HHMMSS": f"{begin:%H%M%S}",
            "end_YYYYMMDD": f"{end:%Y%m%d}",
            "end_HHMMSS": f"{end:%H%M%S}",
            "creation_date": self.created or f"{end:%Y%m%d}",
            "west_boundary": _degrees(self.west, "EW"),
            "east_boundary": _degrees(self.east, "EW"),
            "north_boundary": _degrees(self.north, "NS"),
            "south_boundary": _degrees(self.south, "NS"),
            "origin": "northwest",
            "number_of_latitude_bins": str(self.shape[0]),
            "number_of_longitude_bins": str(self.shape[1]),
            "grid": f"{high:.10g}x{wide:.10g}_deg_lat/lon",
            "first_box_center": f"{north},{west}",
            "second_box_center": f"{north},{next_east}",
            "last_box_center": f"{south},{east}",
            "number_of_variables": str(len(FIELDS)),
            "variable_name": ",".join(FIELDS),
            "variable_units": ",".join(field.units for field in FIELDS.values()),
            "variable_scale": ",".join(map(str, self.scales)),
            "variable_type": ",".join(field.type_name for field in FIELDS.values()),
            "byte_order": "big_endian",
            "flag_value": str(FLAG),
            "flag_name": "insufficient_observations",
        }
        return pairs | ({"synthetic": self.synthetic.replace(" ", "_")} if self.synthetic else {})

    def __bytes__(self) -> bytes:
        text = " ".join(f"{key}={value}" for key, value in self.pairs().items())
        if len(text) > HEADER_NBYTES:
            msg = f"a header of {len(text):,} characters does not fit. It has {HEADER_NBYTES:,}; shorten `synthetic`."
            raise ValueError(msg)
        return text.encode("ascii").ljust(HEADER_NBYTES)


def _degrees(value: float, letters: str) -> str:
    """Write a coordinate with the letter of its side, such as 59.875N; zero has the first of the two."""
    return f"{abs(value):.10g}{letters[value < 0]}"


def parse_header(raw: bytes) -> Header:
    """Read a header, and check that all it says agrees.

    Parameters
    ----------
    raw : bytes
        A file, unpacked, or its first 2,880 bytes.

    Returns
    -------
    Header
        What it says.

    Raises
    ------
    ValueError
        If it is not text of `KEY=VALUE` pairs, lacks a key, is of another product or version or contradicts
        itself, or if the file would be larger than `MAX_NBYTES`.

    Notes
    -----
    Keys that the format does not know are passed over: real files end in the address of a help desk.

    Examples
    --------
    >>> header = parse_header(bytes(Header(time=np.datetime64("2015-03-11T15", "s"))))
    >>> header.time, header.shape, header.nbytes
    (np.datetime64('2015-03-11T15:00:00'), (480, 1440), 4838400)
    """
    pairs = _pairs(raw[:HEADER_NBYTES])
    try:
        header = _header(pairs)
    except (KeyError, ValueError) as fault:
        msg = f"the header lacks a key, or has a value that is not understood: {_short(str(fault))}. Fetch it again."
        raise ValueError(msg) from fault
    grid = f"{header.shape} cells, {header.south:g} to {header.north:g} north, {header.west:g} to {header.east:g} east"
    bounded = -90 <= header.south < header.north <= 90 and 0 < header.east - header.west <= 360
    if not bounded or min(header.shape) < 2 or header.nbytes > MAX_NBYTES:
        msg = f"the header says {_short(grid)}. That is no grid, or one of more than {format_nbytes(MAX_NBYTES)}."
        raise ValueError(msg)
    if len(header.scales) != len(FIELDS) or min(header.scales) < 1 or header.scales[2] != 1:
        msg = (
            f"the header says variable_scale={_short(pairs['variable_scale'])}. Give one from 1 for each, 1 for source."
        )
        raise ValueError(msg)
    _compare(pairs, header)
    return header


def _pairs(raw: bytes) -> dict[str, str]:
    if len(raw) < HEADER_NBYTES:
        msg = f"it ends after {len(raw):,} bytes, within the header of {HEADER_NBYTES:,}. Fetch it again."
        raise ValueError(msg)
    if not raw.startswith(b"algorithm_ID=3B42RT ") or not raw.isascii():
        msg = f"it begins with {raw[:24]!r}, and is no ASCII header of 3B42RT. Give another file, or fetch it again."
        raise ValueError(msg)
    pairs: dict[str, str] = {}
    for word in raw.decode("ascii").rstrip(" ").split(" "):
        key, _, value = word.partition("=")
        if not (key and value) or "=" in value or key in pairs or not word.isprintable():
            msg = f"the header holds {_short(word)} where a new KEY=VALUE belongs. Fetch the file again."
            raise ValueError(msg)
        pairs[key] = value
    return pairs


def _header(pairs: dict[str, str]) -> Header:
    """Take what a header is made of from it; whether it is written as it must be, `_compare` sees."""
    north, south, west, east = (_edge(pairs[f"{side}_boundary"]) for side in ("north", "south", "west", "east"))
    return Header(
        time=nominal_time(datetime.strptime(pairs["nominal_YYYYMMDD"] + pairs["nominal_HHMMSS"], "%Y%m%d%H%M%S")),
        shape=(int(pairs["number_of_latitude_bins"]), int(pairs["number_of_longitude_bins"])),
        north=north,
        south=south,
        west=west,
        east=east,
        scales=tuple(map(int, pairs["variable_scale"].split(","))),
        created=pairs["creation_date"],
        synthetic=pairs.get("synthetic", "").replace("_", " "),
    )


def _edge(text: str) -> float:
    return float(text[:-1]) * (-1 if text[-1] in "SW" else 1)


def _compare(pairs: dict[str, str], header: Header) -> None:
    for key, value in header.pairs().items():
        # Steps were processed again under either name, and `synthetic` is taken as it comes.
        allowed = {value, value.replace(".7.", ".7R2.")} if key == "granule_ID" else {value}
        if pairs.get(key) not in allowed and key != "synthetic":
            found = f"says {key}={_short(pairs[key])}" if key in pairs else f"has no {key}"
            msg = f"the header {found}. With the rest of the header it must be {value}."
            raise ValueError(msg)


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
