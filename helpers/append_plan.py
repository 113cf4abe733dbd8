"""Says what a piece changes in an archive: which steps are new, late, there already, or there with other values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from helpers.append_archive import Archive
from helpers.append_write import differing

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

    from helpers.append_axis import Positions

    type Flags = npt.NDArray[np.bool_]

__all__ = ["Plan", "plan"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Hold what will be done with each step of a piece.

    Parameters
    ----------
    archive : Archive
        The archive as it is now.
    fixed : dict of str to bytes
        Chunks that are written once, with the first piece.
    places : array of int64, shape (steps,)
        Positions in the archive, ascending.
    present : array of bool, shape (steps,)
        Steps that are in the archive.
    replaced : array of bool, shape (steps,)
        Steps that are in the archive with other values.
    length : int
        Length of the archive afterwards.
    gaps : int
        Places up to there that no step came to.
    """

    archive: Archive
    fixed: dict[str, bytes]
    places: Positions
    present: Flags
    replaced: Flags
    length: int
    gaps: int

    @property
    def written(self) -> Flags:
        """Steps that are written."""
        return ~self.present | self.replaced

    @property
    def first(self) -> bool:
        """Whether the archive begins with this."""
        return self.archive.length == 0

    def outdated(self) -> bool:
        """Whether another writer has changed the archive since, in what matters here."""
        now = Archive.load(self.archive.store)
        if now is None or self.first:
            return now is not None or not self.first
        return now.document != self.archive.document or bool((which_present(now, self.places) != self.present).any())

    @property
    def region(self) -> slice:
        """From the position of the first step up to that after the last one."""
        return slice(int(self.places[0]), int(self.places[-1]) + 1) if self.places.size else slice(0, 0)


def plan(
    ds: xr.Dataset, archive: Archive, *, replace: bool, max_gap: int, fixed: dict[str, bytes] | None = None
) -> Plan:
    """Find out what a piece changes. Steps that are in the archive are compared with it.

    Parameters
    ----------
    ds : xarray.Dataset
        The piece.
    archive : Archive
        The archive.
    replace : bool
        Whether steps that are there with other values may be replaced.
    max_gap : int
        The most steps that may be missing between two.
    fixed : dict of str to bytes, optional
        Chunks to be written besides.

    Returns
    -------
    Plan
        What will be done.

    Raises
    ------
    ValueError
        If a step is not on the archive's axis, too many steps are missing before one, or one is there with other
        values and `replace` is not given.
    """
    labels = ds.indexes[archive.axis.dim].to_numpy()
    places = archive.axis.positions(labels)
    new = places[places >= archive.length]
    _check_gaps(archive, new, max_gap)
    present = which_present(archive, places)
    replaced = np.zeros(places.size, bool)
    if present.any():
        held = ds.isel({archive.axis.dim: np.flatnonzero(present)})
        replaced[present] = differing(archive, held, places[present])
    if replaced.any() and not replace:
        msg = (
            f"the archive holds other values for {int(replaced.sum())} of {replaced.size} steps, the first at "
            f"{labels[replaced][0]!s}. Give replace=True to replace them, or leave them out."
        )
        raise ValueError(msg)
    length = max(archive.length, int(places[-1]) + 1 if places.size else 0)
    gaps = length - archive.length - new.size
    return Plan(
        archive=archive,
        fixed=fixed or {},
        places=places,
        present=present,
        replaced=replaced,
        length=length,
        gaps=gaps,
    )


def which_present(archive: Archive, places: Positions) -> Flags:
    """Read from the record which places have a step.

    Parameters
    ----------
    archive : Archive
        The archive.
    places : array of int64, shape (steps,)
        Positions, ascending.

    Returns
    -------
    array of bool, shape (steps,)
        True where a step is present.
    """
    if not places.size:
        return np.zeros(0, bool)
    first = int(places[0])
    return archive.present(first, int(places[-1]) + 1)[places - first]


def _check_gaps(archive: Archive, new: Positions, max_gap: int) -> None:
    # The first step of an archive is its start.
    missing = np.diff(new, prepend=archive.length - 1) - 1
    if new.size and missing.max() > max_gap:
        at = int(new[missing.argmax()])
        msg = (
            f"{missing.max()} steps are missing before {archive.axis.label(at)}, and would be stored as missing. "
            f"If that is right, give max_gap={missing.max()} or more."
        )
        raise ValueError(msg)
