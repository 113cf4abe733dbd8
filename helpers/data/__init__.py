"""The data of the lessons: made here in a moment, the same on every machine, or fetched once and checked.

Air temperature over North America (lessons 00 and 09), genotypes (00 and 04), the files of a provider that appear one
by one (12), and a cache for files that are not ours to keep.
"""

from helpers.data.air import air_temperature
from helpers.data.feed import LISTING, Feed, FeedFile, parse_listing, write_listing
from helpers.data.fetch import fetch
from helpers.data.genotypes import genotypes

__all__ = [
    "LISTING",
    "Feed",
    "FeedFile",
    "air_temperature",
    "fetch",
    "genotypes",
    "parse_listing",
    "write_listing",
]
