"""FRONT parallel."""

from helpers.parallel.barrier import MeetingStore
from helpers.parallel.cluster import VARIABLE, dask_cluster
from helpers.parallel.writers import Writers, create_hdf5, read_hdf5, write_hdf5_regions, writer_processes

__all__ = [
    "VARIABLE",
    "MeetingStore",
    "Writers",
    "create_hdf5",
    "dask_cluster",
    "read_hdf5",
    "write_hdf5_regions",
    "writer_processes",
]
