"""Tests of helpers.data: one name for what several modules make."""

from __future__ import annotations

from helpers import data
from helpers.data import air_temperature, fetch, genotypes


def test_all_data_have_one_home() -> None:
    """The names of the design are there, and are those of the modules."""
    assert (data.air_temperature, data.fetch, data.genotypes) == (air_temperature, fetch, genotypes)
    assert set(data.__all__) == {"air_temperature", "fetch", "genotypes"}
