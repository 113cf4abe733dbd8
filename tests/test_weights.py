"""Tests of tools.weights: nobody installs what no lesson uses."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.packages import ROOT
from tools.weights import lessons_by_package, main, reach

if TYPE_CHECKING:
    import pytest

# What works without an import of its own, and what of ours calls it.
UNNAMED = {
    "adlfs": "fsspec, for addresses of Azure",
    "datashader": "holoviews, for rasterize",
    "flask": "moto",
    "flask-cors": "moto",
    "h5netcdf": "xarray, for netCDF files",
    "hatchling": "the set-up",
    "jupyterlab": "the learner",
    "nbconvert": "the slides",
    "zarrs": "zarr, as a codec pipeline",
}


def test_every_dependency_is_used_by_a_lesson() -> None:
    """It is imported by one, by the helpers of one, or by what `UNNAMED` says."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        asked = list(map(Requirement, tomllib.load(file)["project"]["dependencies"]))
    names = {str(canonicalize_name(each.name)) for each in asked if each.marker is None or each.marker.evaluate()}
    assert names - set(lessons_by_package()) == set(UNNAMED)


def test_what_weighs_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """With what needs it, and the lessons that import it."""
    assert main() == 0
    said = capsys.readouterr().out
    assert "rasterio             02 14\n" in said
    assert "llvmlite             datashader\n" in said


def test_reach_follows_circles_to_their_end() -> None:
    """Packages may need each other."""
    assert reach(["a"], {"a": {"b"}, "b": {"a", "c"}, "d": {"a"}}) == {"a", "b", "c"}
