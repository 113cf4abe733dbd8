"""FRONT data."""

from helpers.data.air import LAT, LON, air_temperature, land, temperatures
from helpers.data.feed import LISTING, Feed, FeedFile, parse_listing, write_listing
from helpers.data.fetch import REGISTRY, TIMEOUT_S, cache_folder, download, fetch, quiet_pooch, read_registry
from helpers.data.genotypes import genotypes

__all__ = [
    "LAT",
    "LISTING",
    "LON",
    "REGISTRY",
    "TIMEOUT_S",
    "Feed",
    "FeedFile",
    "air_temperature",
    "cache_folder",
    "download",
    "fetch",
    "genotypes",
    "land",
    "parse_listing",
    "quiet_pooch",
    "read_registry",
    "temperatures",
    "write_listing",
]
