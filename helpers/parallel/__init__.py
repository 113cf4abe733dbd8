"""Writers at the same time: threads, processes and a Dask cluster that write one array, and what can go wrong.

`writer_processes` gives processes that write regions of a Zarr array at once, or of an HDF5 file with
`write_hdf5_regions`; lesson 00 compares the two. `BarrierStore` lets them meet at the moment in which updates are lost
(lessons 00 and 08), and `dask_cluster` starts a scheduler and workers, one of which lesson 08 kills.
"""

from helpers.parallel.barrier import BarrierStore
from helpers.parallel.cluster import dask_cluster
from helpers.parallel.writers import create_hdf5, read_hdf5, write_hdf5_regions, writer_processes

__all__ = ["BarrierStore", "create_hdf5", "dask_cluster", "read_hdf5", "write_hdf5_regions", "writer_processes"]
