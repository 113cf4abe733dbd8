"""Provides small data that are made here, and the real ones they stand for: all of it under one name."""

from helpers.air_temperature import air_temperature
from helpers.fetching import fetch
from helpers.genotypes import genotypes

__all__ = ["air_temperature", "fetch", "genotypes"]
