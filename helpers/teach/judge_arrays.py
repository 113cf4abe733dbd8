"""Judges what is made in lessons 00 to 02: arrays."""

from __future__ import annotations

import numpy as np
import zarr

from helpers.teach.judges import NotYetError, made


@made("demo.array", expects="a zarr.Array of the numbers 0 to 9")
def demo_array(answer: object) -> str:
    """Judge the example in the documentation of `check`."""
    if not isinstance(answer, zarr.Array):
        msg = f"Asked for is a zarr.Array; this is of type {type(answer).__name__}."
        raise NotYetError(msg)
    if not np.array_equal(answer[...], np.arange(10)):
        msg = "The numbers are not 0 to 9. `zarr.create_array` takes them as `data=`."
        raise NotYetError(msg)
    return f"It has {answer.nchunks} chunks."
