"""Tests of helpers.rain: from a provider's file to a dataset, as the lessons do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from helpers import rain

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_simulated_written_and_read_is_rain(tmp_path: Path) -> None:
    """Two steps in a row, from files that are named as the provider's."""
    paths = []
    for time in ("2012-11-07T03", "2012-11-07T06"):
        paths.append(tmp_path / rain.file_name(time))
        paths[-1].write_bytes(rain.encode(rain.simulate(time, seed=7)))
    ds = xr.concat([rain.decode(path) for path in paths], "time")
    assert [path.name for path in paths] == ["3B42RT.2012110703.7R2.bin.gz", "3B42RT.2012110706.7.bin.gz"]
    assert ds.time.diff("time").values[0] == np.timedelta64(3, "h")
    assert ds.precipitation.dims == ("time", "lat", "lon")
    assert "not an observation" in ds.attrs["synthetic"]
    assert 0.05 < float(ds.precipitation.mean()) < 0.25


def test_clipping_at_zero_makes_the_mean_too_low() -> None:
    """What an early recipe does to the band and to missing values, and a careful reader does not."""
    packed = rain.encode(rain.simulate("2015-03-11T15", seed=7))
    careful = rain.decode(packed, fields="precipitation").precipitation
    clipped = careful.fillna(0)
    assert float(clipped.mean()) < 0.9 * float(careful.mean())


def test_the_public_names_are_those_of_the_format_and_its_files() -> None:
    """And nothing else."""
    assert rain.__all__ == ["decode", "encode", "file_name", "file_path", "simulate", "simulated_files"]
