"""Tests of helpers.rain: the files of a provider that never was."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from helpers.append import rain_time
from helpers.rain import decode, file_path, simulate, simulated_files


def test_files_hold_what_is_simulated() -> None:
    """Under the path of their step, and the same bytes each time."""
    files = list(simulated_files("2015-12-31T21", steps=2, seed=8))
    assert files == list(simulated_files("2015-12-31T21", steps=2, seed=8))
    assert [path for path, _ in files] == [file_path("2015-12-31T21"), file_path("2016-01-01T00")]
    assert files[1][0] == "3B42RT/2016/01/3B42RT.2016010100.7.bin.gz"
    assert decode(files[1][1], unreliable="decode").identical(simulate("2016-01-01T00", seed=8))


def test_steps_may_be_further_apart() -> None:
    """Noon of each day, for instance."""
    files = simulated_files("2015-03-11T12", hours=24)
    times = [rain_time(path.rpartition("/")[2]) for path, _ in itertools.islice(files, 2)]
    assert times == [np.datetime64("2015-03-11T12"), np.datetime64("2015-03-12T12")]


def test_they_end_with_the_product() -> None:
    """The last step is that of 31 December 2019, 21 UTC."""
    assert [path[-19:] for path, _ in simulated_files("2019-12-31T18")] == [
        "2019123118.7.bin.gz",
        "2019123121.7.bin.gz",
    ]


@pytest.mark.parametrize("wrong", [{"hours": 2}, {"hours": 0}, {"hours": -3}, {"steps": -1}, {"seed": -1}])
def test_what_is_wrong_is_said_at_once(wrong: dict[str, int]) -> None:
    """Not when the first file is asked for."""
    with pytest.raises(ValueError, match="is not allowed"):
        simulated_files("2015-03-11T12", **wrong)
    with pytest.raises(ValueError, match="not a step of 3B42RT"):
        simulated_files("2015-03-11T13")
