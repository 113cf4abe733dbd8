"""Refuses a piece that does not belong to an archive, before anything is written.

Appended all the same, such a piece makes an archive that cannot be opened (a variable too few: pydata/xarray
#10766), or one that opens and is wrong (another grid, another unit).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from helpers.append_archive import PRESENT
from helpers.append_labels import require_sorted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from helpers.append_archive import Archive
    from helpers.append_labels import Step

__all__ = ["check_choices", "check_dataset", "check_fits", "same_values"]

# Attributes that say what the numbers mean. Others, such as a history, may differ from piece to piece.
MEANING = ("units", "standard_name", "calendar", "grid_mapping", "_FillValue", "scale_factor", "add_offset")


def check_dataset(ds: xr.Dataset, dim: str) -> None:
    """Raise an error unless a dataset can be appended to some archive.

    Parameters
    ----------
    ds : xarray.Dataset
        What is to be appended.
    dim : str
        The dimension along which the archive grows.

    Raises
    ------
    TypeError
        If it is no dataset, or the labels along `dim` are neither times nor integers.
    ValueError
        If it has no labels along `dim`, a variable of the name that the archive needs, or labels that are not
        sorted, missing or not unique.
    """
    if not isinstance(ds, xr.Dataset):
        msg = f"ds is a {type(ds).__name__}. Append an xarray.Dataset; a DataArray becomes one by .to_dataset()."
        raise TypeError(msg)
    if dim not in ds.indexes:
        msg = f"ds has no coordinate {dim!r} along a dimension {dim!r}; its dimensions are {dict(ds.sizes)}. Add one."
        raise ValueError(msg)
    if PRESENT in ds.variables:
        msg = (
            f"ds has a variable {PRESENT!r}, the name under which an archive records its steps. To copy an archive, "
            f"append ds.sel({dim}=ds.{PRESENT}).drop_vars({PRESENT!r})."
        )
        raise ValueError(msg)
    require_sorted(ds.indexes[dim].to_numpy(), dim)


def check_choices(archive: Archive, *, dim: str, step: Step | None, chunks: Mapping[str, int] | None) -> None:
    """Raise an error if a later call asks for another axis or other chunks than the archive has.

    Parameters
    ----------
    archive : Archive
        The archive.
    dim : str
        The dimension that is asked for.
    step : str, int, timedelta or np.timedelta64, optional
        The distance between two steps that is asked for.
    chunks : mapping of str to int, optional
        The chunks that are asked for; sizes larger than the archive's dimension mean all of it.

    Raises
    ------
    ValueError
        If they differ.
    """
    axis = archive.axis
    if dim != axis.dim:
        msg = f"dim={dim!r}, but the archive grows along {axis.dim!r}."
        raise ValueError(msg)
    if step is not None and not axis.has_step(step):
        msg = f"step={step!r}, but the archive's axis is {axis}. It is fixed by the first piece."
        raise ValueError(msg)
    for name in archive.names if chunks else ():
        dims, array = archive.dims(name), archive.array(name)
        if dims == (dim,) or dim not in dims:
            continue
        for length, size, along in zip(array.shape, array.chunks, dims, strict=True):
            asked = (chunks or {}).get(along, size)
            if size != asked and not (along != dim and size == length and (asked == -1 or asked > length)):
                msg = (
                    f"chunks={dict(chunks or {})!r}, but {name!r} has chunks of {size} along {along!r}. They are fixed "
                    f"by the first piece; leave chunks= out."
                )
                raise ValueError(msg)


def check_fits(ds: xr.Dataset, archive: Archive) -> None:
    """Raise an error unless a dataset has the variables, types, sizes and fixed coordinates of an archive.

    Parameters
    ----------
    ds : xarray.Dataset
        What is to be appended.
    archive : Archive
        The archive. What does not grow in it is read, to be compared.

    Raises
    ------
    TypeError
        If a variable has another type.
    ValueError
        If there are other variables, or one has other dimensions, sizes, values or another meaning.
    """
    template = archive.template().drop_vars(PRESENT)
    _check_names(ds, template)
    for name, variable in ds.variables.items():
        _check_variable(str(name), variable, template.variables[name], archive.axis.dim)


def same_values(one: xr.Variable, other: xr.Variable) -> bool:
    """Whether two variables have the same dimensions and values; missing values are alike."""
    return bool(one.equals(other))  # type: ignore[no-untyped-call]


def _check_names(ds: xr.Dataset, template: xr.Dataset) -> None:
    given, known = set(map(str, ds.variables)), set(map(str, template.variables))
    if given != known:
        missing, extra = sorted(known - given), sorted(given - known)
        msg = (
            f"ds has other variables than the archive: missing {missing}, unknown {extra}. Give all of "
            f"{sorted(known)} and no other."
        )
        raise ValueError(msg)


def _check_variable(name: str, given: xr.Variable, known: xr.Variable, dim: str) -> None:
    if given.dims != known.dims or any(given.sizes[d] != known.sizes[d] for d in known.dims if d != dim):
        sizes = {d: "any" if d == dim else size for d, size in known.sizes.items()}
        msg = f"{name!r} has dimensions {dict(given.sizes)}, in the archive {sizes}. Transpose, select or regrid it."
        raise ValueError(msg)
    if name != dim and given.dtype.newbyteorder("=") != known.dtype.newbyteorder("="):
        msg = f"{name!r} is {given.dtype}, in the archive {known.dtype}. Convert it with astype."
        raise TypeError(msg)
    for key in MEANING:
        if given.attrs.get(key) != known.attrs.get(key):
            msg = (
                f"{name!r} has {key}={given.attrs.get(key)!r}, in the archive {known.attrs.get(key)!r}. Convert the "
                f"values, or mend the attribute."
            )
            raise ValueError(msg)
    if dim not in given.dims and not same_values(given, known):
        msg = f"{name!r} has other values than in the archive, where it is fixed. Select or regrid to the same ones."
        raise ValueError(msg)
