"""Judges what is made in lesson 14: a copy that every reader reads, and the description of a pyramid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from helpers.readers import READERS, read_all
from helpers.teach.judges import NotYetError, made

if TYPE_CHECKING:
    import numpy.typing as npt

_PYRAMIDS = (((0.8, 0.2), 3), ((1.0, 1.0), 5), ((2.0, 0.5, 0.25), 2))


def _ice() -> npt.NDArray[np.bool_]:
    """Return the mask that the lesson's colleague sends."""
    y, x = np.mgrid[:120, :200]
    ice: npt.NDArray[np.bool_] = np.hypot(y - 60, x - 100) < 50
    return ice


@made("14.copy", expects="the path of a Zarr array in a folder", timeout_s=20)
def copy(answer: object) -> str:
    """Let all four readers read the copy."""
    path = Path(str(answer))
    if not (path / "zarr.json").exists():
        msg = f"There is no `zarr.json` in {path.name!r}. Is that the folder of an array of format 3?"
        raise NotYetError(msg)
    values: npt.NDArray[Any] = np.asarray(zarr.open_array(path, mode="r")[...])
    if values.shape != (120, 200) or not np.array_equal(values, _ice()):
        msg = "The values are not those of `sent`: 1 where there is ice, 0 elsewhere."
        raise NotYetError(msg)
    for name, read in READERS.items():
        said = read_all(read, path.parent, [path.name])[path.name]
        if said.refusal:
            msg = f"{name} refuses it: {said.refusal}. Which column and row of the matrix is that?"
            raise NotYetError(msg)
        if said.values is None or said.values.dtype != values.dtype or said.values.tobytes() != values.tobytes():
            found = getattr(said.values, "dtype", None)
            msg = f"{name} gives {found} where you wrote {values.dtype}. Which data type do all four know?"
            raise NotYetError(msg)
    return "Four readers, every bit."


@made("14.pyramid", expects="a function of the pixel's size and the number of levels, which returns a list of datasets")
def pyramid(answer: Any) -> str:
    """Compare scales and translations for pyramids that the lesson does not show."""
    for pixel, levels in _PYRAMIDS:
        found = answer(pixel, levels)
        if not isinstance(found, list) or len(found) != levels:
            msg = f"For {levels} levels a list of {levels} datasets is due; this is {type(found).__name__}."
            raise NotYetError(msg)
        for n, dataset in enumerate(found):
            _examine(dataset, n, np.array(pixel))
    return f"{len(_PYRAMIDS)} pyramids, one of them in three dimensions."


def _examine(dataset: dict[str, Any], n: int, pixel: npt.NDArray[np.float64]) -> None:
    if dataset.get("path") != str(n):
        msg = f"The path of level {n} is {dataset.get('path')!r}; it has to be {str(n)!r}."
        raise NotYetError(msg)
    steps = dataset["coordinateTransformations"]
    if [step["type"] for step in steps] != ["scale", "translation"]:
        msg = "Each level needs a scale and then a translation: OME-Zarr applies them in this order."
        raise NotYetError(msg)
    if not np.allclose(steps[0]["scale"], pixel * 2**n):
        msg = f"The scale of level {n} is {steps[0]['scale']} for pixels of {pixel.tolist()}. Each level doubles it."
        raise NotYetError(msg)
    if not np.allclose(steps[1]["translation"], pixel * (2**n - 1) / 2):
        msg = f"The scale is right. How far is the centre of the first pixel of level {n} from that of level 0?"
        raise NotYetError(msg)
