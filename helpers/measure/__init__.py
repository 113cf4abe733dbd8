"""FRONT measure."""

from helpers.measure.codecs import Coding, compare_codecs, draw_codecs, flip_bit, try_bits
from helpers.measure.concurrency import AtOnceFile, AtOnceStore, look_at_threads
from helpers.measure.layouts import ENGINES, Layout, compare_engines, compare_layouts, seconds_of, write_hdf5
from helpers.measure.peak_memory import peak_memory, peak_nbytes
from helpers.measure.wire import compare_with_plan

__all__ = [
    "ENGINES",
    "AtOnceFile",
    "AtOnceStore",
    "Coding",
    "Layout",
    "compare_codecs",
    "compare_engines",
    "compare_layouts",
    "compare_with_plan",
    "draw_codecs",
    "flip_bit",
    "look_at_threads",
    "peak_memory",
    "peak_nbytes",
    "seconds_of",
    "try_bits",
    "write_hdf5",
]
