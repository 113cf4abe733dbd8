"""FRONT counting."""

from helpers.counting.stores import CountingStore, Counts, RequestKind, RequestStore, SlowStore

__all__ = ["CountingStore", "Counts", "RequestKind", "RequestStore", "SlowStore"]
