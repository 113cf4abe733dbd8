"""FRONT rain."""

from helpers.rain.codec import decode, encode
from helpers.rain.format import (
    FIELDS,
    LAT,
    LON,
    Header,
    file_name,
    file_path,
    make_dataset,
    nominal_time,
    parse_header,
    require_name,
)
from helpers.rain.simulation import simulate, simulated_files

__all__ = [
    "FIELDS",
    "LAT",
    "LON",
    "Header",
    "decode",
    "encode",
    "file_name",
    "file_path",
    "make_dataset",
    "nominal_time",
    "parse_header",
    "require_name",
    "simulate",
    "simulated_files",
]
