"""Reads and writes files of 3B42RT, three-hourly rain seen from space, and simulates rain to fill them.

The parts stand in modules of their own: `rain_steps`, `rain_fields`, `rain_header` and `rain_parse` know the format,
`rain_decode` and `rain_encode` use it; `rain_systems`, `rain_drawing` and `rain_swaths` make what `rain_simulation`
puts together; `rain_files` makes files of it.
"""

from __future__ import annotations

from helpers.rain_decode import decode
from helpers.rain_encode import encode
from helpers.rain_files import file_path, simulated_files
from helpers.rain_simulation import simulate
from helpers.rain_steps import file_name

__all__ = ["decode", "encode", "file_name", "file_path", "simulate", "simulated_files"]
