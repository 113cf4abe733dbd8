"""Is where the servers of the lessons come from; `python -m helpers.servers` says what it found."""

from __future__ import annotations

import sys

from helpers.azure_program import AZURITE_MISSING, azure_program
from helpers.azure_server import AzureServer, azure_server
from helpers.feed_server import FeedServer, feed_server
from helpers.redis_program import REDIS_MISSING, redis_program
from helpers.redis_server import RedisServer, redis_server
from helpers.s3_server import S3Server, s3_server

__all__ = [
    "AZURITE_MISSING",
    "REDIS_MISSING",
    "AzureServer",
    "FeedServer",
    "RedisServer",
    "S3Server",
    "azure_program",
    "azure_server",
    "feed_server",
    "main",
    "redis_program",
    "redis_server",
    "s3_server",
]


def main(arguments: list[str]) -> int:
    """Print what was found as sentences, or with ``--redis-program`` one bare path for scripts.

    Returns 1 when only a path was asked for and there is none, else 0: a machine without Redis or Azurite is not an
    error, it gets all lessons that need none.
    """
    program = redis_program()
    if "--redis-program" in arguments:
        print(program or "")
        return 0 if program else 1
    print(f"Redis: {program.name} in {program.parent}" if program else REDIS_MISSING)
    azurite = azure_program()
    print(f"Azure: {azurite.name} in {azurite.parent}" if azurite else AZURITE_MISSING)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
