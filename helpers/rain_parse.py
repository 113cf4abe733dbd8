"""Reads the header of a 3B42RT file, and takes nothing in it on trust.

A header is what a few of its values make it: written again from those, it must say the same. So sizes that do not
add up, a grid that does not fit its corners, another flag or another unit are all found in one way.
"""

from __future__ import annotations

import re
from datetime import datetime

from helpers.rain_fields import FIELDS
from helpers.rain_header import BYTE_ORDERS, HEADER_NBYTES, Header
from helpers.rain_steps import nominal_time
from helpers.units import format_nbytes

__all__ = ["MAX_NBYTES", "parse_header"]

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
