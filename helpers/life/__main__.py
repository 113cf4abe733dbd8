"""The program `python -m helpers.life`."""

from helpers.life.program import main

raise SystemExit(main())
