"""The 3B42RT format: steps, names, fields, grid and header.

Says which steps 3B42RT has, and what the file of each is called.

Says which fields 3B42RT has, on which grid, and makes the dataset that holds them.

Says and writes what stands in the header of a 3B42RT file.

Reads the header of a 3B42RT file, and takes nothing in it on trust.

A header is what a few of its values make it: written again from those, it must say the same. So sizes that do not
add up, a grid that does not fit its corners, another flag or another unit are all found in one way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr
from xarray.indexes import PandasIndex

from helpers.units import format_nbytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "BYTE_ORDERS",
    "FIELDS",
    "FLAG",
    "HEADER_NBYTES",
    "LAST",
    "LAT",
    "LON",
    "MAX_NBYTES",
    "RELIABLE_DEG",
    "SCALE",
    "Field",
    "Header",
    "Time",
    "file_name",
    "file_path",
    "make_dataset",
    "nominal_time",
    "parse_header",
    "require_name",
]


type Time = str | datetime | np.datetime64


_FIRST, LAST = np.datetime64("2000-03-01T00", "s"), np.datetime64("2019-12-31T21", "s")
_RENAMED = np.datetime64("2012-11-07T06", "s")
_STEP = np.timedelta64(3, "h")
_NAME = re.compile(r"3B42RT\.(\d{10})\.(7|7R2)\.bin(\.gz)?")


def nominal_time(time: Time) -> np.datetime64:
    """Check that a time is a step of 3B42RT.

    Parameters
    ----------
    time : str, datetime.datetime or numpy.datetime64
        A string in ISO 8601. Without a time zone it is UTC.

    Returns
    -------
    numpy.datetime64
        The step in UTC, to the second.

    Raises
    ------
    ValueError
        If it is not 00, 03, …, 21 UTC of a day from 1 March 2000 to 31 December 2019.
    TypeError
        If `time` is none of these types.

    Notes
    -----
    A step stands for the three hours centred on it. The public description calls 2000-03-01 12 UTC the first; a
    header of 00 UTC that day has been published, so steps begin there. The mission's archive ended on 31
    December 2019.

    Examples
    --------
    >>> nominal_time("2015-03-11T16:00+01:00")
    np.datetime64('2015-03-11T15:00:00')
    """
    exact = _in_utc(time)
    step: np.datetime64 = exact.astype("M8[s]")
    if not _FIRST <= step <= LAST:
        msg = f"{step} has no file of 3B42RT. Its steps run from {_FIRST} to {LAST} UTC; give one of them."
        raise ValueError(msg)
    if step != exact or (step - _FIRST) % _STEP:
        msg = f"{exact} is not a step of 3B42RT. There is one every 3 hours, at 00, 03, …, 21 UTC; give one of them."
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
        The name alone. On the provider's server it lay in `3B42RT/YYYY/MM/`.

    Raises
    ------
    ValueError
        If the time is not a step of 3B42RT: see `nominal_time`.

    Notes
    -----
    Steps before 2012-11-07 06 UTC were processed again for version 7, and carry `7R2`.

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


def require_name(name: str, time: np.datetime64) -> None:
    """Raise an error if a file is named for another step than the one it holds.

    Parameters
    ----------
    name : str
        The file's name. One that does not look like a name of 3B42RT says nothing, and will do.
    time : numpy.datetime64
        The step in the file's header.

    Raises
    ------
    ValueError
        If both name a step and they differ.

    Examples
    --------
    >>> require_name("3B42RT.2015031115.7.bin.gz", np.datetime64("2015-03-11T18", "s"))
    Traceback (most recent call last):
    ValueError: the name says 2015031115, the header 2015031118. Fetch the file again.
    """
    match = _NAME.fullmatch(name)
    stamp = f"{time.item():%Y%m%d%H}"
    if match and match[1] != stamp:
        msg = f"the name says {match[1]}, the header {stamp}. Fetch the file again."
        raise ValueError(msg)


def _in_utc(time: Time) -> np.datetime64:
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError as fault:
            msg = f"the time {time!r} is not understood. Give it in ISO 8601, such as 2015-03-11T15."
            raise ValueError(msg) from fault
    if isinstance(time, datetime):
        time = np.datetime64(time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time)
    if not isinstance(time, np.datetime64):
        msg = f"a time that is a {type(time).__name__} is not understood. Give a str, a datetime or a numpy.datetime64."
        raise TypeError(msg)
    return time


LAT = 59.875 - 0.25 * np.arange(480)
LON = 0.125 + 0.25 * np.arange(1440)
RELIABLE_DEG = 50
"""Polewards of this latitude the provider advises against using the rain."""
_DIMS = ("time", "lat", "lon")
_SOURCES = {
    0: "no_observation",
    1: "AMSU",
    2: "TMI",
    3: "AMSR",
    4: "SSMI",
    5: "SSMIS",
    6: "MHS",
    30: "AMSU_and_MHS_average",
    31: "conical_average",
    50: "IR",
    **{100 + n: f"{name}_sparse_sample" for n, name in enumerate(("AMSU", "TMI", "AMSR", "SSMI", "SSMIS", "MHS"), 1)},
}


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
    attrs: Mapping[str, str | list[int]] = field(repr=False)

    @property
    def dtype(self) -> np.dtype[np.signedinteger]:
        """The stored type, in the byte order of this machine."""
        return np.dtype(f"i{self.type_name[-1]}")


def _rate(long_name: str, **attrs: str) -> Field:
    return Field("signed_integer2", "mm/hr", {"long_name": long_name, "units": "mm/h", **attrs})


FIELDS: Mapping[str, Field] = {
    "precipitation": _rate("precipitation", standard_name="lwe_precipitation_rate"),
    "precipitation_error": _rate(
        "random error of precipitation", standard_name="lwe_precipitation_rate standard_error"
    ),
    "source": Field(
        "signed_integer1",
        "source_number",
        {
            "long_name": "source of the observation",
            "flag_values": list(_SOURCES),
            "flag_meanings": " ".join(_SOURCES.values()),
        },
    ),
    "uncal_precipitation": _rate("precipitation before calibration", standard_name="lwe_precipitation_rate"),
}


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
        Arrays of shape (lat, lon) by the names in `FIELDS`.
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
        about = {"Conventions": "CF-1.11", "title": "Synthetic rain in the format of 3B42RT", "synthetic": synthetic}
    variables = {name: (_DIMS, values[None], _attrs(name, synthetic)) for name, values in fields.items()}
    return xr.Dataset(
        variables, _coordinates(time, _grid(lat.astype("f8").tobytes(), lon.astype("f8").tobytes())), about
    )


def _coordinates(time: np.datetime64, grid: xr.Coordinates) -> xr.Coordinates:
    """Add the time to a grid. The indexes of the grid are taken over: making them anew is a tenth of decoding."""
    attrs = {"standard_name": "time", "long_name": "nominal time", "axis": "T"}
    index = PandasIndex(np.array([time], "M8[ns]"), "time")
    variables = dict(index.create_variables({"time": xr.Variable("time", [0], attrs)}))
    variables |= {str(name): grid[name].variable for name in grid}
    return xr.Coordinates(variables, {"time": index, **grid.xindexes})


@lru_cache(maxsize=4)
def _grid(lat: bytes, lon: bytes) -> xr.Coordinates:
    north = {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north", "axis": "Y"}
    east = {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "axis": "X"}
    return xr.Dataset(
        coords={"lat": ("lat", np.frombuffer(lat), north), "lon": ("lon", np.frombuffer(lon), east)}
    ).coords


def _attrs(name: str, synthetic: str) -> dict[str, str | list[int]]:
    attrs = dict(FIELDS[name].attrs)
    return attrs | {"long_name": f"synthetic {attrs['long_name']}"} if synthetic else attrs


HEADER_NBYTES = 2880
FLAG = -31999
SCALE = 100
BYTE_ORDERS: Mapping[str, Literal[">", "<"]] = {"big_endian": ">", "little_endian": "<"}
_HALF_STEP = np.timedelta64(90, "m")


@dataclass(frozen=True, kw_only=True)
class Header:
    """Hold what a header says.

    Parameters
    ----------
    time : numpy.datetime64
        The step, to the second.
    shape : tuple of int
        Latitudes and longitudes.
    north, south, west, east : float
        Edges of the grid: degrees north and degrees east.
    names : tuple of str
        Fields, in the order of the file.
    scales : tuple of int
        What the values of each are multiplied by when stored.
    byte_order : str
        "big_endian" or "little_endian".
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
    names: tuple[str, ...] = tuple(FIELDS)
    scales: tuple[int, ...] = (SCALE, SCALE, 1, SCALE)
    byte_order: str = "big_endian"
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
        return sum(map(self.nbytes_of, self.names))

    def nbytes_of(self, name: str) -> int:
        """Count the bytes of one field.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        int
            As stored.

        Examples
        --------
        >>> Header(time=np.datetime64("2015-03-11T15", "s")).nbytes_of("source")
        691200
        """
        return self.shape[0] * self.shape[1] * self.dtype(name).itemsize

    def dtype(self, name: str) -> np.dtype[np.signedinteger]:
        """Give the type of one field as it is stored.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        numpy.dtype
            With the byte order of the file.

        Examples
        --------
        >>> Header(time=np.datetime64("2015-03-11T15", "s")).dtype("precipitation")
        dtype('>i2')
        """
        return FIELDS[name].dtype.newbyteorder(BYTE_ORDERS[self.byte_order])

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
        begin, end = (self.time - _HALF_STEP).item(), (self.time + _HALF_STEP).item()
        high, wide = self.step
        north, south = (_degrees(lat, "NS") for lat in (self.north - high / 2, self.south + high / 2))
        west, next_east, east = (
            _degrees(lon, "EW") for lon in (self.west + wide / 2, self.west + wide * 1.5, self.east - wide / 2)
        )
        pairs = {
            "algorithm_ID": "3B42RT",
            "algorithm_version": "07.00",
            "granule_ID": file_name(self.time).removesuffix(".gz"),
            "header_byte_length": str(HEADER_NBYTES),
            "file_byte_length": self._byte_lengths(),
            "nominal_YYYYMMDD": f"{self.time.item():%Y%m%d}",
            "nominal_HHMMSS": f"{self.time.item():%H%M%S}",
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
            "number_of_variables": str(len(self.names)),
            "variable_name": ",".join(self.names),
            "variable_units": ",".join(FIELDS[name].units for name in self.names),
            "variable_scale": ",".join(map(str, self.scales)),
            "variable_type": ",".join(FIELDS[name].type_name for name in self.names),
            "byte_order": self.byte_order,
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

    def _byte_lengths(self) -> str:
        runs = [(size, len(list(run))) for size, run in groupby(FIELDS[name].dtype.itemsize for name in self.names)]
        cells = f"{self.shape[1]}x{self.shape[0]}"
        parts = [f"(int{size})x{cells}{f'x{count}' if count > 1 else ''}_data" for size, count in runs]
        return "+".join([f"(char{HEADER_NBYTES})_header", *parts])


def _degrees(value: float, letters: str) -> str:
    """Write a coordinate with the letter of its side, such as 59.875N; zero has the first of the two."""
    return f"{abs(value):.10g}{letters[value < 0]}"


MAX_NBYTES = 15_000_000
"""The most bytes that a file may hold once it is unpacked: three times what a real one does."""


def parse_header(raw: bytes) -> Header:
    """Read a header, and check that all it says agrees.

    Parameters
    ----------
    raw : bytes
        The first 2,880 bytes of a file, unpacked.

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
    >>> import numpy as np
    >>> header = parse_header(bytes(Header(time=np.datetime64("2015-03-11T15", "s"))))
    >>> header.time, header.shape, header.nbytes
    (np.datetime64('2015-03-11T15:00:00'), (480, 1440), 4838400)
    """
    pairs = _pairs(raw)
    _match(pairs, "algorithm_ID", "3B42RT", "3B42RT: other products have other layouts")
    _match(pairs, "algorithm_version", r"07\.\d\d", "07.00: other versions have other values")
    names = tuple(_list(pairs, "variable_name", "|".join(FIELDS), f"names among {', '.join(FIELDS)}"))
    header = Header(
        time=nominal_time(_time(pairs)),
        shape=(_count(pairs, "number_of_latitude_bins"), _count(pairs, "number_of_longitude_bins")),
        north=_edge(pairs, "north_boundary", "NS", limit=90),
        south=_edge(pairs, "south_boundary", "NS", limit=90),
        west=_edge(pairs, "west_boundary", "EW", limit=360),
        east=_edge(pairs, "east_boundary", "EW", limit=360),
        names=names,
        scales=tuple(map(int, _list(pairs, "variable_scale", "[1-9][0-9]{0,4}", "whole numbers from 1"))),
        byte_order=_match(pairs, "byte_order", "|".join(BYTE_ORDERS), " or ".join(BYTE_ORDERS)),
        created=_match(pairs, "creation_date", "[0-9]{8}", "a day as YYYYMMDD"),
        synthetic=pairs.get("synthetic", "").replace("_", " "),
    )
    _check(header)
    _match(pairs, "granule_ID", rf"3B42RT\.{header.time.item():%Y%m%d%H}\.7(R2)?\.bin", "named for the nominal time")
    _compare(pairs, header)
    return header


def _pairs(raw: bytes) -> dict[str, str]:
    if len(raw) < HEADER_NBYTES:
        msg = f"it ends after {len(raw):,} bytes, within the header of {HEADER_NBYTES:,}. Fetch it again."
        raise ValueError(msg)
    if not raw.startswith(b"algorithm_ID="):
        msg = f"it begins with {raw[:16]!r}, which is neither gzip nor a header of 3B42RT. Give a file of 3B42RT."
        raise ValueError(msg)
    if not raw.isascii():
        place = next(i for i, byte in enumerate(raw) if byte > 127)
        msg = f"byte {place} of the header is 0x{raw[place]:02x}. A header is ASCII text; fetch the file again."
        raise ValueError(msg)
    pairs: dict[str, str] = {}
    for word in raw.decode("ascii").rstrip(" ").split(" "):
        key, equals, value = word.partition("=")
        if not (key and equals and value) or "=" in value or key in pairs or not word.isprintable():
            msg = f"the header holds {_short(word)} where a new KEY=VALUE belongs. Fetch the file again."
            raise ValueError(msg)
        pairs[key] = value
    return pairs


def _match(pairs: dict[str, str], key: str, pattern: str, allowed: str) -> str:
    if key not in pairs:
        msg = f"the header has no {key}. It must be {allowed}."
        raise ValueError(msg)
    if not re.fullmatch(pattern, pairs[key]):
        msg = f"the header says {key}={_short(pairs[key])}. It must be {allowed}."
        raise ValueError(msg)
    return pairs[key]


def _list(pairs: dict[str, str], key: str, pattern: str, allowed: str) -> list[str]:
    return _match(pairs, key, f"({pattern})(,({pattern}))*", f"{allowed}, with commas between").split(",")


def _count(pairs: dict[str, str], key: str) -> int:
    return int(_match(pairs, key, "[1-9][0-9]{0,5}", "a whole number from 2 to 999999"))


def _edge(pairs: dict[str, str], key: str, letters: str, *, limit: float) -> float:
    text = _match(pairs, key, rf"[0-9]{{1,3}}(\.[0-9]{{1,10}})?[{letters}]", f"degrees and a letter of {letters}")
    value = float(text[:-1]) * (1 if text[-1] == letters[0] else -1)
    if abs(value) > limit:
        msg = f"the header says {key}={text}. It must be within {limit} degrees."
        raise ValueError(msg)
    return value


def _time(pairs: dict[str, str]) -> datetime:
    day = _match(pairs, "nominal_YYYYMMDD", "[0-9]{8}", "a day")
    clock = _match(pairs, "nominal_HHMMSS", "[0-9]{6}", "a time of day")
    try:
        return datetime.strptime(day + clock, "%Y%m%d%H%M%S")
    except ValueError as fault:
        msg = f"the header says nominal_YYYYMMDD={day} and nominal_HHMMSS={clock}. It must be a day and a time of day."
        raise ValueError(msg) from fault


def _check(header: Header) -> None:
    """Refuse what cannot be a grid or is too large, before anything is made in its size."""
    rows, columns = header.shape
    if rows < 2 or columns < 2 or header.nbytes > MAX_NBYTES:
        msg = (
            f"the header says {rows:,} latitudes by {columns:,} longitudes, {format_nbytes(header.nbytes)}. "
            f"There must be at least 2 of each, and {format_nbytes(MAX_NBYTES)} at most."
        )
        raise ValueError(msg)
    if header.south >= header.north or not 0 < header.east - header.west <= 360:
        edges = f"{header.south:g} to {header.north:g} north and {header.west:g} to {header.east:g} east"
        msg = f"the header bounds the grid by {edges}. South must be below north, and west below east by 360 at most."
        raise ValueError(msg)
    if len(set(header.names)) < len(header.names) or len(header.scales) != len(header.names):
        msg = f"the header has scales {header.scales} for the fields {header.names}. Each field has a name and a scale."
        raise ValueError(msg)
    if any(scale != 1 for name, scale in zip(header.names, header.scales, strict=True) if name == "source"):
        msg = f"the header has scales {header.scales} for the fields {header.names}. That of source must be 1."
        raise ValueError(msg)


def _compare(pairs: dict[str, str], header: Header) -> None:
    # These hold what no other key says: they have been checked.
    free = {"algorithm_version", "granule_ID", "synthetic"}
    for key, value in header.pairs().items():
        if key not in free and pairs.get(key) != value:
            found = f"says {key}={_short(pairs[key])}" if key in pairs else f"has no {key}"
            msg = f"the header {found}. With the rest of the header it must be {value}."
            raise ValueError(msg)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
