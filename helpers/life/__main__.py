"""Is the program `python -m helpers.life`."""

import sys

from helpers.life.program import main

sys.exit(main(sys.argv[1:]))
