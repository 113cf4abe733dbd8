"""Measure what lessons say of speed, memory and safety: counted where it can be counted, timed in one run where not.

Layouts and engines (lesson 03, engines also 00), codecs and flipped bits (04), threads
seen at work, reads at once and peak memory (00 and 08).
"""

from helpers.measure.codecs import Coding, compare_codecs, flip_bit
from helpers.measure.concurrency import MeteredFile, MeteredStore, ThreadSamples, sample_threads
from helpers.measure.layouts import ENGINES, Layout, compare_layouts, seconds_of
from helpers.measure.peak_memory import Measured, peak_memory

__all__ = [
    "ENGINES",
    "Coding",
    "Layout",
    "Measured",
    "MeteredFile",
    "MeteredStore",
    "ThreadSamples",
    "compare_codecs",
    "compare_layouts",
    "flip_bit",
    "peak_memory",
    "sample_threads",
    "seconds_of",
]
