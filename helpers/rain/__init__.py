"""Rain as the satellite mission TRMM published it: files of 3B42RT, which decode and encode turn into datasets.

`decode` and `encode` translate between a file and an `xarray.Dataset`, and keep dry, missing and unreliable apart;
`file_name` and `file_path` say where the file of a step lies. The provider's server is gone, so `simulate` draws
synthetic rain, and `simulated_files` makes files of it. Lesson 12 takes these files apart and archives them.
"""

from helpers.rain.codec import decode, encode
from helpers.rain.format import file_name, file_path
from helpers.rain.simulation import simulate, simulated_files

__all__ = ["decode", "encode", "file_name", "file_path", "simulate", "simulated_files"]
