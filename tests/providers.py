"""What several tests need of a provider: files of pieces, and what reads them again."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.append_pieces import EVERY, START, piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import xarray as xr


def files_of(places: Iterable[int]) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the file of each step."""
    return ((path_of(place), encoded(place)) for place in places)


def path_of(place: int) -> str:
    """Return where the file of a step lies."""
    time = (START + place * EVERY).astype("M8[h]").item()
    return f"rain/{time:%Y/%m}/rain.{time:%Y%m%d%H}.npz"


def time_of(name: str) -> np.datetime64 | None:
    """Return the step that a file is named for."""
    if not name.startswith("rain."):
        return None
    digits = name.split(".")[1]
    return np.datetime64(f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:]}")


def encoded(place: int, *, version: int = 0) -> bytes:
    """Return a step as the bytes of a file."""
    ds, file = piece([place], version=version), io.BytesIO()
    values: dict[str, Any] = {str(name): ds[name].values for name in ("time", *ds.data_vars)}
    np.savez(file, **values)
    return file.getvalue()


def decode(path: Path) -> xr.Dataset:
    """Return the step in a file."""
    try:
        with np.load(path) as found:
            values = {name: found[name] for name in found.files}
    except Exception as error:
        msg = f"{path.name}: {error}"
        raise ValueError(msg) from error
    ds = piece([0]).assign_coords(time=values.pop("time"))
    return ds.assign({name: ds[name].copy(data=value) for name, value in values.items()})
