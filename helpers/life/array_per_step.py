"""The array-per-step stream of an early demonstration: a new array for each frame. It is kept to be taken apart.

Lesson 10 runs it in a Redis that evicts, and counts what it gets wrong. `helpers.stream` is what mends it. Zarr is
imported when a function needs it.
"""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt
    from zarr.core.buffer import Buffer

    from helpers.redis import RedisStore

__all__ = ["populations", "publish"]

SIDE = 25  # of a chunk
_KEYS_AT_ONCE = 20
_PIPELINE = "zarr.core.codec_pipeline.FusedCodecPipeline"  # half the time, for chunks as small as these


def publish(store: RedisStore, frames: Iterable[npt.NDArray[np.uint8]]) -> None:
    """Write each frame as an array of its own, the first as ``"000000"``.

    Parameters
    ----------
    store : helpers.redis.RedisStore
        Where they go.
    frames : iterable of numpy.ndarray of uint8
        Grids of one shape, whose rows and columns are multiples of 25, the side of a chunk.

    Raises
    ------
    ValueError
        If the sides of a frame are no such multiples.
    OSError
        If the server takes no more.

    Notes
    -----
    Keys and bytes are those of ``zarr.create_array(store, name="000000", data=frame, chunks=(25, 25),
    compressors=None)``, but for the ``zarr.json`` of the group around them. Here the keys of a frame are sent together,
    as single commands and not as one transaction: that saves a round trip for each, and nothing else.

    Examples
    --------
    >>> import zarr
    >>> from helpers.redis import RedisStore
    >>> from helpers.servers import redis_server
    >>> with redis_server() as server, RedisStore(server.url) as store:
    ...     publish(store, [np.eye(50, dtype="uint8")])
    ...     int(zarr.open_array(store, path="000000")[:].sum()), populations(store)
    (50, {0: 50})
    """
    document = b""
    for step, frame in enumerate(frames):
        rows, columns = (length // SIDE for length in frame.shape)
        chunks = frame.reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2)
        document = document or _document(frame)
        with store.keys.errors(), store.keys.client.pipeline(transaction=False) as batch:
            batch.set(store.keys.name(f"{step:06d}/zarr.json"), document)
            for i, j in np.ndindex(rows, columns):
                if chunks[i, j].any():
                    batch.set(store.keys.name(f"{step:06d}/c/{i}/{j}"), chunks[i, j].tobytes())
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
    import zarr
    from zarr.core.buffer import default_buffer_prototype

    as_buffer = default_buffer_prototype().buffer.from_bytes
    held: dict[str, Buffer] = {}
    for names in batched((name for page in store.keys.pages() for name in page), _KEYS_AT_ONCE):
        values = zip(names, store.read_many(names), strict=True)
        held |= {name: as_buffer(value) for name, value in values if value is not None}
    paths = sorted(name.removesuffix("/zarr.json") for name in held if name.endswith("/zarr.json"))
    with zarr.config.set({"codec_pipeline.path": _PIPELINE}):
        return {int(path): int(np.count_nonzero(zarr.open_array(held, path=path, mode="r")[:])) for path in paths}


def _document(frame: npt.NDArray[np.uint8]) -> bytes:
    """Return the ``zarr.json`` that Zarr makes for such frames."""
    import zarr

    held: dict[str, Buffer] = {}
    zarr.create_array(held, shape=frame.shape, dtype=frame.dtype, chunks=(SIDE, SIDE), compressors=None)
    return held["zarr.json"].to_bytes()
