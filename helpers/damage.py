"""Flips bits of stored files, as a bad disk or cable does, and counts what a reader makes of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import zarr

__all__ = ["flip_bit", "try_bits"]

type Outcome = Literal["right", "wrong", "error"]


def flip_bit(file: Path, bit: int) -> None:
    """Change one bit of a file; a second time changes it back.

    Parameters
    ----------
    file : pathlib.Path
        The file.
    bit : int
        Which bit, counted from 0: bit 8 is the lowest of the second byte.

    Raises
    ------
    IndexError
        If the file has no such bit; it stays as it is.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "chunk")
    ...     _ = file.write_bytes(bytes([0, 0]))
    ...     flip_bit(file, 9)
    ...     list(file.read_bytes())
    [0, 2]
    """
    value = bytearray(file.read_bytes())
    if not 0 <= bit < 8 * len(value):
        msg = f"{file.name} has {8 * len(value)} bits, and no bit {bit}. Count from 0."
        raise IndexError(msg)
    value[bit // 8] ^= 1 << bit % 8
    file.write_bytes(value)


def try_bits(array: zarr.Array[Any], file: Path, *, bits: Iterable[int]) -> dict[Outcome, int]:
    """Flip one bit of a chunk at a time, read the array, and flip it back.

    Parameters
    ----------
    array : zarr.Array
        The array, as it should be read.
    file : pathlib.Path
        Where one of its chunks lies.
    bits : iterable of int
        The bits to try, as `flip_bit` counts them.

    Returns
    -------
    dict
        How often reading gave the ``"right"`` values all the same, ``"wrong"`` values, or an ``"error"``; what never
        happened is left out.

    Raises
    ------
    IndexError
        If the file has no such bit; it stays as it is.

    Notes
    -----
    Any exception of a codec is an error here: which one it is differs from codec to codec.

    Examples
    --------
    >>> import tempfile, pathlib, zarr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     array = zarr.create_array(folder, data=np.arange(1, 9), chunks=(8,), compressors=None)
    ...     try_bits(array, pathlib.Path(folder, "c/0"), bits=range(20))
    {'wrong': 20}
    """
    truth = np.asarray(array[...])
    return dict(Counter(_outcome(array, file, bit, truth) for bit in bits))


def _outcome(array: zarr.Array[Any], file: Path, bit: int, truth: np.ndarray[Any, Any]) -> Outcome:
    flip_bit(file, int(bit))
    try:
        # Bytes, not values: NaN is unlike itself, and -0.0 is equal to 0.0.
        return "right" if np.asarray(array[...]).tobytes() == truth.tobytes() else "wrong"
    except Exception:
        return "error"
    finally:
        flip_bit(file, int(bit))
