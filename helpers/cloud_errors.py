"""Says in one sentence what a cloud or its client complains of, without addresses and times."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["complaint"]

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
