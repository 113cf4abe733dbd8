"""Streams frames the way an early demonstration did: one new array for each step. It is kept to be taken apart.

Lesson 10 runs it in a Redis that evicts, and counts what it gets wrong. `helpers.stream` is what mends it.
"""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from helpers.life.grids import require_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt
    from zarr.core.buffer import Buffer

    from helpers.redis import RedisStore

__all__ = ["CHUNKS", "array_name", "populations", "publish"]


CHUNKS = (25, 25)
_PIECE = 20  # keys
_PIPELINE = "zarr.core.codec_pipeline.FusedCodecPipeline"  # half the time, for chunks as small as these

type _Cells = npt.NDArray[np.bool] | npt.NDArray[np.uint8]


def array_name(step: int) -> str:
    """Return the name of the array that holds a step; names sort as steps do.

    Examples
    --------
    >>> array_name(42)
    '000042'
    """
    return f"{step:06d}"


def publish(store: RedisStore, frames: Iterable[_Cells]) -> None:
    """Write each frame as an array of its own, the first as step 0.

    Parameters
    ----------
    store : helpers.redis.RedisStore
        Where they go.
    frames : iterable of numpy.ndarray of bool or uint8
        Grids of cells whose rows and columns are multiples of 25, the side of a chunk.

    Raises
    ------
    TypeError, ValueError
        If a frame is no such grid. Those before it are written.
    OSError
        If the server takes no more.

    Notes
    -----
    Keys, bytes and their order are those of
    ``zarr.create_array(store, name=array_name(step), data=frame, chunks=CHUNKS, compressors=None)``, but for the
    ``zarr.json`` of the group around them. Here the keys of a frame are sent together, as single commands and not as
    one transaction: that saves a round trip for each, and nothing else.

    Examples
    --------
    >>> from helpers.redis import RedisStore
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server, RedisStore(server.url) as store:
    ...     publish(store, [np.eye(50, dtype="uint8")])
    ...     int(zarr.open_array(store, path="000000")[:].sum()), populations(store)
    (50, {0: 50})
    """
    documents: dict[str, bytes] = {}
    for step, frame in enumerate(frames):
        _require_whole_chunks(frame)
        kind = f"{frame.dtype} {frame.shape}"
        if kind not in documents:
            documents[kind] = _document(frame)
        with store.keys.errors(), store.keys.client.pipeline(transaction=False) as batch:
            for key, value in _values(frame, documents[kind]):
                batch.set(store.keys.name(f"{array_name(step)}/{key}"), value)
            batch.execute()


def populations(store: RedisStore) -> dict[int, int]:
    """Count the cells alive in each frame that is listed and opens, as the early demonstration would have read it.

    Parameters
    ----------
    store : helpers.redis.RedisStore
        What `publish` wrote to.

    Returns
    -------
    dict of int to int
        The population of each step that still has its ``zarr.json``: steps in ascending order. What is wrong in a
        frame is wrong here.

    Notes
    -----
    What the server holds is copied into this program's memory first, and Zarr reads it there. A full server evicts to
    make room for its answers, too: the copy is made in small pieces, so as to lose little more by looking.
    """
    held = dict(_held(store))
    memory = MemoryStore(held)
    steps = sorted(int(name.removesuffix("/zarr.json")) for name in held if name.endswith("/zarr.json"))
    with zarr.config.set({"codec_pipeline.path": _PIPELINE}):
        return {step: _population(memory, step) for step in steps}


def _held(store: RedisStore) -> Iterator[tuple[str, Buffer]]:
    prototype = default_buffer_prototype().buffer
    names = (name for page in store.keys.pages() for name in page)
    for piece in batched(names, _PIECE):
        for name, value in zip(piece, store.read_many(piece), strict=True):
            if value is not None:
                yield name, prototype.from_bytes(value)


def _population(store: MemoryStore, step: int) -> int:
    frame = np.asarray(zarr.open_array(store, path=array_name(step), mode="r")[:])
    return int(np.count_nonzero(frame))


def _require_whole_chunks(frame: _Cells) -> None:
    require_cells(frame)
    if any(length % side for length, side in zip(frame.shape, CHUNKS, strict=True)):
        msg = f"the frame has shape {frame.shape}. Rows and columns must be multiples of {CHUNKS[0]}: cut or pad it."
        raise ValueError(msg)


def _document(frame: _Cells) -> bytes:
    """Return the ``zarr.json`` that Zarr makes for such frames."""
    held: dict[str, Buffer] = {}
    zarr.create_array(MemoryStore(held), shape=frame.shape, dtype=frame.dtype, chunks=CHUNKS, compressors=None)
    return held["zarr.json"].to_bytes()


def _values(frame: _Cells, document: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the keys and bytes of one frame: metadata first, then each chunk that has a living cell."""
    yield "zarr.json", document
    rows, columns = CHUNKS
    for i in range(0, frame.shape[0], rows):
        for j in range(0, frame.shape[1], columns):
            piece = frame[i : i + rows, j : j + columns]
            if piece.any():
                yield f"c/{i // rows}/{j // columns}", piece.tobytes()
