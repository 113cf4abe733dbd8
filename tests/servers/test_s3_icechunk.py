"""Tests of Icechunk on the S3 of helpers.servers: commits of writers at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import icechunk
import numpy as np
import zarr

from helpers.servers import REGION, S3Server, s3_server

if TYPE_CHECKING:
    from collections.abc import Callable

WRITERS, COMMITS = 4, 3


def storage(server: S3Server) -> icechunk.Storage:
    """Return the place of a repository; key and secret come from the environment."""
    return icechunk.s3_storage(
        bucket="archive",
        prefix="steps",
        endpoint_url=server.endpoint,
        region=REGION,
        allow_http=True,
        force_path_style=True,
        from_env=True,
    )


def commit(session: icechunk.Session, message: str) -> int:
    """Commit, after those who were quicker, and return how many those were."""
    conflicts = 0
    while True:
        try:
            session.commit(message)
        except icechunk.ConflictError:
            conflicts += 1
            session.rebase(icechunk.ConflictDetector())
        else:
            return conflicts


def writer(server: S3Server, together: Callable[[], object]) -> Callable[[int], int]:
    """Return what a writer does: open the repository, and fill its part in some commits."""

    def write(number: int) -> int:
        repository = icechunk.Repository.open(storage(server))
        conflicts = 0
        for step in range(COMMITS):
            session = repository.writable_session("main")
            zarr.open_array(session.store, path="steps")[number, step] = 10 * number + step
            if step == 0:
                together()  # all have the same parent: three of the four must meet a conflict
            conflicts += commit(session, f"{number}, {step}")
        return conflicts

    return write


def test_no_commit_of_four_writers_is_lost() -> None:
    """Those who come second are told so, go after the first, and all steps are there."""
    with s3_server() as server:
        server.create_bucket("archive")
        repository = icechunk.Repository.create(storage(server))
        session = repository.writable_session("main")
        zarr.create_array(
            session.store, name="steps", shape=(WRITERS, COMMITS), chunks=(1, 1), dtype="i4", fill_value=-1
        )
        session.commit("make room")
        together = threading.Barrier(WRITERS, timeout=60)
        with ThreadPoolExecutor(WRITERS) as pool:
            conflicts = sum(pool.map(writer(server, together.wait), range(WRITERS)))
        assert conflicts >= WRITERS - 1
        steps = zarr.open_array(repository.readonly_session("main").store, path="steps", mode="r")
        assert np.array_equal(np.asarray(steps[:]), 10 * np.arange(WRITERS)[:, None] + np.arange(COMMITS))
        snapshots = [snapshot.message for snapshot in repository.ancestry(branch="main")]
        assert len(snapshots) == WRITERS * COMMITS + 2  # and those that made repository and room
