"""Lets programs find a cloud of this machine in the environment, for as long as a `with` block lasts."""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["cloud_environment"]

HOST = "127.0.0.1"
PROXY_VARIABLES = ("NO_PROXY", "no_proxy")


@contextlib.contextmanager
def cloud_environment(prefix: str, variables: Mapping[str, str]) -> Iterator[None]:
    """Replace all environment variables of a cloud by those that lead to a server of this machine.

    Everything the environment says of that cloud is put aside, so that no key of a real account is used or
    sent, and comes back at the end of the block. Requests to this machine go past a proxy. Processes that are
    started in the block inherit all of it.

    Parameters
    ----------
    prefix : str
        How the names of the variables begin that belong to the cloud: ``"AWS_"``.
    variables : mapping of str to str
        What takes their place.

    Yields
    ------
    None

    Notes
    -----
    The environment belongs to the whole process: blocks nest, but must not overlap in threads. fsspec keeps
    the file systems that it once made; it forgets them at both ends of the block, since they know an address.

    Examples
    --------
    >>> import os
    >>> with cloud_environment("EXAMPLE_CLOUD_", {"EXAMPLE_CLOUD_REGION": "here"}):
    ...     os.environ["EXAMPLE_CLOUD_REGION"]
    'here'
    >>> "EXAMPLE_CLOUD_REGION" in os.environ
    False
    """
    before = _take(prefix) | {name: os.environ[name] for name in PROXY_VARIABLES if name in os.environ}
    try:
        os.environ.update(variables)
        for name in PROXY_VARIABLES:
            os.environ[name] = ",".join(filter(None, [os.environ.get(name), HOST]))
        _forget_file_systems()
        yield
    finally:
        _take(prefix)
        for name in PROXY_VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(before)
        _forget_file_systems()


def _take(prefix: str) -> dict[str, str]:
    """Remove the variables of a prefix, and return what they were."""
    return {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(prefix)}


def _forget_file_systems() -> None:
    """Empty the caches of fsspec, and close what zarr made of s3fs and adlfs, which they do not: aiohttp complains."""
    for module, name, client in (("s3fs", "S3FileSystem", "_s3"), ("adlfs", "AzureBlobFileSystem", "service_client")):
        if module not in sys.modules:
            continue
        from zarr.core.sync import sync

        kept = getattr(sys.modules[module], name)
        for file_system in kept._cache.values():
            if file_system.asynchronous and getattr(file_system, client) is not None:
                sync(getattr(file_system, client).close())
                _let_go(file_system)
        kept.clear_instance_cache()


def _let_go(file_system: object) -> None:
    """Drop what adlfs would do with a file system when Python ends: without a loop, it only prints an error then."""
    for finalizer, info in list(weakref.finalize._registry.items()):  # type: ignore[attr-defined]
        if any(argument is file_system for argument in info.args or ()):
            finalizer.detach()
