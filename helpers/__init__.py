"""Helpers of the Zarr Notebooks: what the lessons import, tested like a library."""
