"""Shows many frames as one lazy array, read in parts of several frames when it is computed."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Protocol

import dask.array as da
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.ring import Frame, Ring

__all__ = ["FrameSource", "LazyFrames", "lazy_frames"]

TASK_NBYTES = 12 * 2**20
REQUEST_NBYTES = 2 * 2**20  # larger ones are not faster, and fill a server that has little memory


class FrameSource(Protocol):
    """Read certain frames, wherever they are by now; in other processes too."""

    @property
    def ring(self) -> Ring:
        """The ring that they come from."""

    @property
    def steps(self) -> tuple[int, ...]:
        """Which frames they are, in ascending order."""

    def read(self, steps: Sequence[int], frames: Frame) -> None:
        """Fill an array of shape (steps, rows, columns), or raise RuntimeError if a frame is gone."""


class LazyFrames:
    """Stand for an array of shape (frames, rows, columns), of which each selection is read when it is asked for.

    Parameters
    ----------
    source : FrameSource
        Where the frames are.
    """

    ndim = 3

    def __init__(self, source: FrameSource) -> None:
        self.source = source
        self.shape = (len(source.steps), *source.ring.shape)
        self.dtype = source.ring.dtype.newbyteorder("=")

    def __getitem__(self, selection: slice | int | tuple[slice | int, ...]) -> Frame:
        which, *rest = selection if isinstance(selection, tuple) else (selection,)
        picked = np.array(self.source.steps)[which]
        frames = self._read([int(step) for step in np.atleast_1d(picked)])
        cells: Frame = frames[(slice(None) if picked.ndim else 0, *rest)]
        return cells

    def _read(self, steps: Sequence[int]) -> Frame:
        frames = np.empty((len(steps), *self.shape[1:]), self.dtype)
        many = max(1, REQUEST_NBYTES // self.source.ring.nbytes)
        for begin in range(0, len(steps), many):
            piece = slice(begin, begin + many)
            self.source.read(steps[piece], frames[piece])
        return frames


def lazy_frames(source: FrameSource) -> da.Array:
    """Return frames as a Dask array of shape (frames, rows, columns).

    Parameters
    ----------
    source : FrameSource
        Where the frames are.

    Returns
    -------
    dask.array.Array
        With chunks of several frames, about 12 MiB each.
    """
    frames = LazyFrames(source)
    many = max(1, TASK_NBYTES // source.ring.nbytes)
    return da.from_array(  # type: ignore[no-untyped-call, no-any-return]
        frames,
        chunks=(many, *source.ring.shape),
        # Without a name Dask pickles the source to find one, and a pickled source is never let go of.
        name=f"window-{uuid.uuid4().hex}",
        meta=np.empty((0, 0, 0), frames.dtype),
        fancy=False,
    )
