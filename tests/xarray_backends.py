"""What runs the Zarr tests of xarray itself, as they ship with it, on a store of ours; `make test-long` asks for it."""

from __future__ import annotations

import os
from typing import Any

import pytest

if not os.environ.get("XARRAY_SUITE"):
    pytest.skip("xarray's own tests take minutes: `make test-long` runs them", allow_module_level=True)

from xarray.tests.conftest import time_unit, use_dask
from xarray.tests.test_backends import TestZarrDictStore, default_zarr_format

__all__ = ["ZarrSuite", "default_zarr_format", "time_unit", "use_dask"]  # what the suite and its fixtures are


@pytest.mark.filterwarnings("ignore:Consolidated metadata is:zarr.errors.ZarrUserWarning")
@pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")
class ZarrSuite(TestZarrDictStore):
    """Is the suite as xarray runs it on a MemoryStore, on what a subclass makes in `create_zarr_target`."""

    __test__ = False

    @pytest.fixture(autouse=True)
    def skip_what_xarray_skips(self, request: pytest.FixtureRequest) -> None:
        """Read the mark ``skip_if_param``, which a conftest.py of xarray reads that does not ship with it."""
        callspec = getattr(request.node, "callspec", None)
        params: dict[str, Any] = callspec.params if callspec else {}
        for mark in request.node.iter_markers("skip_if_param"):
            wanted = {name: value for name, value in mark.kwargs.items() if name not in ("reason", "condition")}
            if mark.kwargs.get("condition", True) and wanted.items() <= params.items():
                pytest.skip(mark.kwargs["reason"])
