"""Is the program `python -m helpers.append`."""

import sys

from helpers.append.program import main

sys.exit(main(sys.argv[1:]))
