"""Runs zarr's own state machines on a store: any sequence of requests, and of changes to a hierarchy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from zarr.testing.stateful import ZarrHierarchyStateMachine, ZarrStoreStateMachine

if TYPE_CHECKING:
    from zarr.abc.store import Store

MACHINES = (ZarrStoreStateMachine, ZarrHierarchyStateMachine)
STATEFUL = settings(
    max_examples=int(os.environ.get("STATEFUL_EXAMPLES", "4")),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def run_machine(machine: Any, store: Store) -> None:
    """Fail where a store does other than zarr's model of it."""
    make: Any = lambda: machine(store)  # noqa: E731
    run_state_machine_as_test(make, settings=STATEFUL)
