"""Describes a ring of frames to Zarr: the arrays that hold it, as the `zarr.json` that any program can read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from helpers.ring import EMPTY, NEWEST, TIME, Ring

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["DOCUMENTS", "FRAMES", "GROUP", "documents_of", "has_ended", "require_free", "require_ring", "require_same"]

TITLE = "Ring of frames"
GROUP, FRAMES = "zarr.json", "frames/zarr.json"
DOCUMENTS = (GROUP, FRAMES, "time/zarr.json", "newest/zarr.json")

_FILL_VALUES = {"b": False, "i": 0, "u": 0, "f": 0.0, "c": [0.0, 0.0]}


def documents_of(ring: Ring, *, ended: bool = False) -> dict[str, bytes]:
    """Return each ``zarr.json`` of a ring.

    Parameters
    ----------
    ring : helpers.ring.Ring
        The ring.
    ended : bool, default False
        Whether the stream has ended: an attribute of the group.

    Returns
    -------
    dict of str to bytes
        `DOCUMENTS` and their values. Three arrays hold the ring: ``frames`` (slots, rows, columns), one uncompressed
        chunk for each frame; ``time`` (slots,), the step in each slot, -1 where there is none; and ``newest``, the
        newest step, -1 before the first.

    Notes
    -----
    They are written out here, rather than by Zarr, so that they are the same whichever release of it is installed.
    ``time`` is a coordinate of ``frames``: xarray shows it as one.

    Examples
    --------
    >>> print(documents_of(Ring.of((512, 512), dtype="uint8", slots=200))["zarr.json"].decode())
    {
      "zarr_format": 3,
      "node_type": "group",
      "attributes": {
        "title": "Ring of frames",
        "summary": "Step n lies in slot n % 200. time[slot] is the step that lies there, -1 for none.",
        "ended": false
      }
    }
    """
    labels = {"data_type": "int64", "fill_value": EMPTY}
    cells = {"data_type": ring.dtype.name, "fill_value": _FILL_VALUES[ring.dtype.kind]}
    summary = f"Step n lies in slot n % {ring.slots}. time[slot] is the step that lies there, {EMPTY} for none."
    group = {"title": TITLE, "summary": summary, "ended": ended}
    shape = [int(n) for n in (ring.slots, *ring.shape)]
    documents = (
        {"zarr_format": 3, "node_type": "group", "attributes": group},
        _array(shape, [1, *shape[1:]], names=["slot", "y", "x"], attributes={"coordinates": "time"}, **cells),
        _array(shape[:1], shape[:1], names=["slot"], attributes={"long_name": "step"}, **labels),
        _array([], [], names=[], attributes={"long_name": "newest step"}, **labels),
    )
    return {key: json.dumps(each, indent=2).encode() for key, each in zip(DOCUMENTS, documents, strict=True)}


def has_ended(group: bytes | None) -> bool:
    """Return whether the ``zarr.json`` of the group says that the stream has ended."""
    return group is not None and _attributes(group).get("ended") is True


def require_ring(documents: Mapping[str, bytes | None], *, where: str) -> Ring:
    """Return the ring that a store holds.

    Parameters
    ----------
    documents : mapping of str to bytes or None
        What the store holds under each of `DOCUMENTS`.
    where : str
        The store, for the error.

    Returns
    -------
    helpers.ring.Ring
        The ring.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    ring = _ring_in(documents)
    if ring is None:
        what = "something else than a ring of frames" if documents.get(GROUP) else "no ring of frames"
        msg = f"{where} holds {what}. FrameWriter(store, shape) starts one: has the writer begun, and here?"
        raise FileNotFoundError(msg)
    return ring


def require_free(documents: Mapping[str, bytes | None], ring: Ring, *, where: str, keys: Iterable[str]) -> None:
    """Raise if a store holds something that is not this ring, or a part of it.

    Parameters
    ----------
    documents : mapping of str to bytes or None
        What the store holds under each of `DOCUMENTS`.
    ring : helpers.ring.Ring
        The ring.
    where : str
        The store, for the error.
    keys : iterable of str
        All keys of the store. They are asked for only where no whole ring is.

    Raises
    ------
    ValueError
        If it does.
    """
    found = _ring_in(documents)
    if found == ring:
        return
    foreign = [key for key in DOCUMENTS if (value := documents[key]) and not _is_of(ring, key, value)]
    foreign = foreign or [key for key in keys if not _may_be_ours(key)][:1]
    if found is None and not foreign:
        return  # nothing, or what a server that evicts has left of this ring
    what = f"other things than a ring of frames, {foreign[0]!r} among them" if found is None else f"a ring of {found}"
    msg = (
        f"{where} already holds {what}, and was to hold a ring of {ring}: nothing was written. Use another prefix "
        f"or path, or clear it (store.clear())."
    )
    raise ValueError(msg)


def require_same(frames: bytes | None, expected: bytes | None, *, where: str) -> None:
    """Raise if another ring lies where a reader found one when it began.

    Parameters
    ----------
    frames, expected : bytes or None
        The ``zarr.json`` of ``frames`` now and then. None is no other ring: the server has evicted it.
    where : str
        The store, for the error.

    Raises
    ------
    RuntimeError
        If it does.
    """
    if frames is not None and frames != expected:
        msg = f"another ring of frames lies in {where} by now, for which this reader was not made: make a new one."
        raise RuntimeError(msg)


def _array(
    shape: list[int], chunk: list[int], *, names: list[str], attributes: dict[str, str], **cells: object
) -> dict[str, object]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        **cells,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "dimension_names": names,
        "attributes": attributes,
        "storage_transformers": [],
    }


def _ring_in(documents: Mapping[str, bytes | None]) -> Ring | None:
    """Return the ring that documents describe, None if they describe anything else."""
    try:
        frames = json.loads(documents[FRAMES] or b"")
        slots, *shape = frames["shape"]
        ring = Ring.of(shape, dtype=frames["data_type"], slots=slots)
    except (KeyError, TypeError, ValueError):
        return None
    expected = documents_of(ring)
    return ring if all(_content(documents[key]) == _content(expected[key]) for key in DOCUMENTS) else None


def _content(document: bytes | None) -> object:
    """Return what a document says besides attributes, which anyone may add to."""
    try:
        return {**json.loads(document or b""), "attributes": None}
    except (TypeError, ValueError):
        return None


def _attributes(document: bytes) -> Mapping[str, object]:
    try:
        return dict(json.loads(document)["attributes"])
    except (KeyError, TypeError, ValueError):
        return {}


def _is_of(ring: Ring, key: str, document: bytes) -> bool:
    same = _content(document) == _content(documents_of(ring)[key])
    return same and (key != GROUP or _attributes(document).get("title") == TITLE)


def _may_be_ours(key: str) -> bool:
    return key in (*DOCUMENTS, TIME, NEWEST) or key.startswith("frames/c/")
