"""Count what zarr asks of a store, or make each request wait as if the store were far away.

Counts are the same on every machine, where seconds are not: nearly every lesson (00, 02 to 06, 08, 09, 12, 13) wraps a
store in `CountingStore` or `SlowStore`. `RequestStore` is what both are made of, for stores that watch requests in
another way.
"""

from helpers.counting.stores import CountingStore, Counts, RequestKind, RequestStore, SlowStore

__all__ = ["CountingStore", "Counts", "RequestKind", "RequestStore", "SlowStore"]
