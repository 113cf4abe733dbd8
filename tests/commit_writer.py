"""Is a writer beside others: it appends to a repository of Icechunk, or fills its regions of an archive with room.

Writers take turns on the axis, so that they write to the same chunks, or, in regions, to chunks of their own.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from helpers.append import append_commit, commit, open_repository, open_store
from tests.append_pieces import CHUNKS, piece

if TYPE_CHECKING:
    import xarray as xr
    from zarr.abc.store import Store


def append_turns(url: str, number: int, turns: int, *, writers: int) -> None:
    """Append steps, each as a commit; step 0 began the archive."""
    repository = open_repository(url)
    for turn in range(turns):
        step = piece([1 + writers * turn + number])
        append_commit(repository, step, message=f"{number}, {turn}", chunks=CHUNKS, step="3h")


def fill_turns(url: str, number: int, turns: int, *, writers: int) -> int:
    """Fill regions of a template, with a commit each where it is Icechunk's, and return how many were made again."""
    redone = 0
    for turn in range(turns):
        place = writers * turn + number
        step = piece([place]).drop_vars(["land", "lat", "lon"])

        def change(store: Store, place: int = place, step: xr.Dataset = step) -> None:
            step.to_zarr(store, region={"time": slice(place, place + 1)}, consolidated=False)

        if url.endswith(".icechunk"):
            redone += commit(open_repository(url), change, message=f"{number}, {turn}").redone
        else:
            change(open_store(url))
    return redone


if __name__ == "__main__":
    append_turns(sys.argv[1], *map(int, sys.argv[2:4]), writers=int(sys.argv[4]))
