"""Says which servers of the lessons were found: `python -m helpers.servers`."""

from __future__ import annotations

import sys

from helpers.servers import AZURITE_MISSING, REDIS_MISSING, azure_program, redis_program


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
