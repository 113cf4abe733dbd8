"""FRONT rain."""

from helpers.rain.codec import decode, encode
from helpers.rain.format import (
    FIELDS,
    LAT,
    LON,
    Header,
    file_name,
    make_dataset,
    nominal_time,
    parse_header,
    require_name,
)
from helpers.rain.simulation import System, draw_rain, file_path, simulate, simulated_files, sources_at, systems_at

__all__ = [
    "FIELDS",
    "LAT",
    "LON",
    "Header",
    "System",
    "decode",
    "draw_rain",
    "encode",
    "file_name",
    "file_path",
    "make_dataset",
    "nominal_time",
    "parse_header",
    "require_name",
    "simulate",
    "simulated_files",
    "sources_at",
    "systems_at",
]
