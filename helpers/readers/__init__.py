"""Implementations of Zarr side by side, on archives that hold all that the specification's core names.

`write_core_archive` and `write_unknown_extensions` write the archives; `READERS`, through `read_all`, and
`read_with_zarrita` read them; `support_matrix`, `refusals` and `draw_support` say what each reader made of them.
Lesson 14 asks four readers in Python and one in JavaScript.
"""

from helpers.readers.archive import BEYOND, CORE, UNKNOWN, write_core_archive, write_unknown_extensions
from helpers.readers.matrix import draw_support, refusal_matrix, refusals, support_matrix, verdict
from helpers.readers.readers import READERS, ZARRITA_MISSING, read_all, read_with_zarrita

__all__ = [
    "BEYOND",
    "CORE",
    "READERS",
    "UNKNOWN",
    "ZARRITA_MISSING",
    "draw_support",
    "read_all",
    "read_with_zarrita",
    "refusal_matrix",
    "refusals",
    "support_matrix",
    "verdict",
    "write_core_archive",
    "write_unknown_extensions",
]
