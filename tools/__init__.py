"""What keeps the notebooks, the lock and the README true; nothing here is imported by a lesson."""

import sys

# jsonschema, beneath nbformat, loads a grammar for addresses in any alphabet if there is one, which takes 1.7 s of each
# program that reads a notebook. The schema of notebooks has no such addresses.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
