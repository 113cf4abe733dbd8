"""Credentials where cloud clients look for them, and their errors in one line.

Lets programs find a cloud of this machine in the environment, for as long as a `with` block lasts.

Says in one sentence what a cloud or its client complains of, without addresses and times.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["cloud_environment", "complaint"]


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


ANSWER = re.compile(r"status code: (\d{3})")
CODE = re.compile(r"<Code>(\w+)</Code>")
MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
RETRIES = re.compile(r"after (\d+) retries")
KIND = re.compile(r"kind: (\w+)")


def complaint(call: Callable[[], object]) -> str:
    """Do what must fail, and return what it said as one line.

    The errors of obstore fill a page: the address of the request, how long it took, the answer as XML, and all of
    it again for programmers. Some of that differs each time, and an address has no place in a stored notebook.

    Parameters
    ----------
    call : callable
        Takes nothing, and raises.

    Returns
    -------
    str
        The error's type, the status, the code and the message of the server's answer, and how often it was asked
        again; where no server answered, what happened instead; else the first line of the error.

    Raises
    ------
    AssertionError
        If nothing went wrong.

    Notes
    -----
    A client that fails may leave a connection open, as adlfs does. asyncio reports that with the address, whenever
    Python comes to clean up, which puts it into whichever cell runs then: from here on such reports are dropped.

    Examples
    --------
    >>> complaint(lambda: [][0])
    'IndexError: list index out of range'
    >>> complaint(lambda: open("/nowhere/at all")).partition(":")[0]
    'FileNotFoundError'
    """
    logging.getLogger("asyncio").addFilter(_is_no_leftover)
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {_gist(str(error))}"
    msg = "nothing went wrong, where an error was expected"
    raise AssertionError(msg)


def _gist(text: str) -> str:
    """Return what matters of an error of obstore, or the first line of any other."""
    code, message, retries = CODE.search(text), MESSAGE.search(text), RETRIES.search(text)
    if code and (status := ANSWER.search(text)):
        said = f"{status[1]} {code[1]}" + (f", {message[1].strip()!r}" if message else "")
    elif (kind := KIND.search(text)) and "Error performing" in text:
        said = f"no answer ({kind[1]})"
    else:
        return text.partition("\n")[0]
    again = int(retries[1]) if retries else 0
    return said + (f", after {again} more {'try' if again == 1 else 'tries'}" if again else "")


def _is_no_leftover(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Unclosed ")
